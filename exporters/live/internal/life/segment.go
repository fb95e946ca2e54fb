package life

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// segment is a part of the events, in the order in which they came, with what they are found
// by. In memory and in the file it has the same form. A text stands in it once.
type segment struct {
	first, last int64 // the events' earliest and latest time, nanoseconds since 1970

	texts  []byte // all of them, one after the other
	ends   words  // of each text in texts
	events []byte
	starts words // of each event in events

	heads words // by the low bits of a term's hash: the newest entry, counted from 1
	terms words // three for each entry: the term's hash, the event, the entry before it
}

const (
	perTerm    = 3
	headerSize = 2*8 + 6*4
)

var errDamaged = errors.New("a part of the events cannot be read")

func (s *segment) len() int { return s.starts.len() }

// size is how many bytes the segment takes.
func (s *segment) size() int64 {
	return int64(headerSize + cap(s.texts) + cap(s.ends) + cap(s.events) + cap(s.starts) + cap(s.heads) + cap(s.terms))
}

// find calls found with the events that may have a term of this hash, the newest first, until it
// returns false.
func (s *segment) find(hash uint32, found func(i int) bool) {
	n := s.heads.len()
	if n == 0 {
		return
	}
	next := s.heads.at(int(hash) & (n - 1))
	for next != 0 {
		at := perTerm * (int(next) - 1)
		if at+perTerm > s.terms.len() {
			return // damaged
		}
		i, before := int(s.terms.at(at+1)), s.terms.at(at+2)
		if s.terms.at(at) == hash && !found(i) {
			return
		}
		if before >= next {
			return // damaged: it would go on for ever
		}
		next = before
	}
}

// event reads one event.
func (s *segment) event(i int) (event, error) {
	if i < 0 || i >= s.starts.len() || int64(s.starts.at(i)) > int64(len(s.events)) {
		return event{}, errDamaged
	}
	r := reader{segment: s, left: s.events[s.starts.at(i):]}
	e := event{time: time.Unix(0, int64(r.fixed())).UTC(), name: r.text()} //nolint:gosec // it was an int64
	copy(e.trace[:], r.text())
	n := r.number()
	if n > mostAttrs {
		return event{}, errDamaged
	}
	e.attrs = make([]attribute.KeyValue, 0, n)
	for range n {
		e.attrs = append(e.attrs, attribute.KeyValue{Key: attribute.Key(r.text()), Value: r.value()})
	}
	if r.damaged {
		return event{}, errDamaged
	}
	return e, nil
}

// reader reads what a writer has written of one event.
type reader struct {
	*segment
	left    []byte
	damaged bool
}

func (r *reader) fixed() uint64 {
	if len(r.left) < 8 {
		r.damaged, r.left = true, nil
		return 0
	}
	v := binary.LittleEndian.Uint64(r.left)
	r.left = r.left[8:]
	return v
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.left)
	if n <= 0 {
		r.damaged, r.left = true, nil
		return 0
	}
	r.left = r.left[n:]
	return v
}

func (r *reader) text() string {
	i := r.number()
	if i >= uint64(r.ends.len()) { //nolint:gosec // is not negative
		r.damaged = true
		return ""
	}
	begin, end := uint32(0), r.ends.at(int(i)) //nolint:gosec // it is less than the length
	if i > 0 {
		begin = r.ends.at(int(i) - 1) //nolint:gosec // likewise
	}
	if begin > end || int64(end) > int64(len(r.texts)) {
		r.damaged = true
		return ""
	}
	return string(r.texts[begin:end])
}

// The kinds of values.
const (
	kindText = iota
	kindInt
	kindDouble
	kindTrue
	kindFalse
)

func (r *reader) value() attribute.Value {
	switch r.number() {
	case kindText:
		return attribute.StringValue(r.text())
	case kindInt:
		return attribute.Int64Value(int64(r.fixed())) //nolint:gosec // it was an int64
	case kindDouble:
		return attribute.Float64Value(math.Float64frombits(r.fixed()))
	case kindTrue:
		return attribute.BoolValue(true)
	case kindFalse:
		return attribute.BoolValue(false)
	}
	r.damaged = true
	return attribute.Value{}
}
