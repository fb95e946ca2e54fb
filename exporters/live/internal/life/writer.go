package life

import (
	"encoding/binary"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// writer is a segment to which events are added.
type writer struct {
	segment
	seq      uint64 // of the segment, from 1
	begun    time.Time
	ids      map[string]uint32 // of the texts
	idsBytes int64
	saved    extent // in the file
}

// perID is about what the map needs for a text, besides the text.
const perID = 64

// usualTerms is about how many terms an event has: with fewer heads a search would follow chains
// of events that have others, each a miss of the processor's cache.
const usualTerms = 4

// newWriter returns an empty one for up to so many events.
func newWriter(seq uint64, events int) *writer {
	heads := 1
	for heads < usualTerms*events {
		heads *= 2
	}
	return &writer{segment: segment{heads: make(words, 4*heads)}, seq: seq, begun: time.Now(), ids: map[string]uint32{}}
}

// size is how many bytes the writer takes.
func (w *writer) size() int64 { return w.segment.size() + w.idsBytes }

func (w *writer) add(e *event) {
	at := e.time.UnixNano()
	if w.len() == 0 {
		w.first, w.last = at, at
	}
	w.first, w.last = min(w.first, at), max(w.last, at)
	i := uint32(w.len()) //nolint:gosec // bounded, as all here is by the size of a segment
	w.starts = w.starts.append(uint32(len(w.events)))
	b := binary.LittleEndian.AppendUint64(w.events, uint64(at))
	b = w.text(b, e.name)
	trace := ""
	if e.trace.IsValid() {
		trace = string(e.trace[:])
	}
	b = w.text(b, trace)
	b = binary.AppendUvarint(b, uint64(len(e.attrs)))
	for _, kv := range e.attrs {
		b = w.value(w.text(b, string(kv.Key)), kv.Value)
	}
	w.events = b
	e.terms(func(t term) {
		hash := t.hash()
		head := int(hash) & (w.heads.len() - 1)
		w.terms = w.terms.append(hash, i, w.heads.at(head))
		w.heads.set(head, uint32(w.terms.len()/perTerm))
	})
}

func (w *writer) text(b []byte, s string) []byte {
	id, ok := w.ids[s]
	if !ok {
		id = uint32(w.ends.len())
		w.texts = append(w.texts, s...)
		w.ends = w.ends.append(uint32(len(w.texts)))
		// A copy, which keeps nothing alive that s is a part of.
		w.ids[string([]byte(s))] = id
		w.idsBytes += int64(perID + len(s))
	}
	return binary.AppendUvarint(b, uint64(id))
}

func (w *writer) value(b []byte, v attribute.Value) []byte {
	switch v.Type() {
	case attribute.INT64:
		return binary.LittleEndian.AppendUint64(append(b, kindInt), uint64(v.AsInt64()))
	case attribute.FLOAT64:
		return binary.LittleEndian.AppendUint64(append(b, kindDouble), math.Float64bits(v.AsFloat64()))
	case attribute.BOOL:
		if v.AsBool() {
			return append(b, kindTrue)
		}
		return append(b, kindFalse)
	}
	return w.text(append(b, kindText), v.AsString())
}

// seal is the segment as it stays: it takes no more than it holds.
func (w *writer) seal() *part {
	s := w.segment // not &w.segment, which would keep the rest of the writer alive
	for _, b := range []*[]byte{&s.texts, (*[]byte)(&s.ends), &s.events, (*[]byte)(&s.starts), (*[]byte)(&s.terms)} {
		*b = append(make([]byte, 0, len(*b)), *b...)
	}
	return &part{segment: &s, seq: w.seq}
}

// snapshot is the segment as it is now, to be read while the writer goes on: what it appends
// is behind what is read. What changes in place are the heads alone, which it leaves out: a
// search looks into those of the writer itself, see view.find.
func (w *writer) snapshot() *part {
	s := w.segment
	s.heads = nil
	return &part{segment: &s, seq: w.seq, open: w}
}
