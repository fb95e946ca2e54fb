package sampling

import (
	"container/list"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// maxSpans is how many spans of one trace are held: no more than go out in one request, so
// that a long session does not overrun an exporter's queue at its end.
const maxSpans = 512

// usualSpans is about how many a message has.
const usualSpans = 8

// held is a trace that is not decided about.
type held struct {
	id      trace.TraceID
	since   time.Time
	spans   []sdktrace.ReadOnlySpan
	bytes   int64
	open    int // spans that have begun and not ended
	awaited int // see Keeper.Await
}

func (h *held) done() bool { return h.open <= 0 && h.awaited <= 0 }

// What follows is called with the lock held.

func (k *Keeper) find(id trace.TraceID) *held {
	if e, ok := k.traces[id]; ok {
		return e.Value.(*held)
	}
	return nil
}

// hold begins to hold a trace.
func (k *Keeper) hold(id trace.TraceID) *held {
	if k.oldest.Len() == 0 {
		k.timer.Reset(k.Wait)
	}
	h := &held{id: id, since: time.Now()}
	k.traces[id] = k.oldest.PushBack(h)
	k.grow(h, perTrace)
	return h
}

func (k *Keeper) grow(h *held, by int64) {
	h.bytes += by
	k.bytes += by
}

// take returns what was held of a trace, which goes on.
func (k *Keeper) take(h *held) []sdktrace.ReadOnlySpan {
	spans := h.spans
	h.spans, h.since = nil, time.Now()
	k.grow(h, perTrace-h.bytes)
	k.oldest.MoveToBack(k.traces[h.id])
	return spans
}

// drop returns what was held of a trace, and forgets it.
func (k *Keeper) drop(h *held) []sdktrace.ReadOnlySpan {
	k.oldest.Remove(k.traces[h.id])
	delete(k.traces, h.id)
	k.bytes -= h.bytes
	if k.oldest.Len() == 0 {
		k.timer.Stop()
	}
	return h.spans
}

// keep returns what was held of a trace that is kept from now on.
func (k *Keeper) keep(id trace.TraceID) (spans []sdktrace.ReadOnlySpan) {
	k.kept.add(id)
	if h := k.find(id); h != nil {
		spans = k.drop(h)
	}
	return spans
}

// shrink gives up the oldest traces until what is held is within its bounds.
func (k *Keeper) shrink() (verdicts []verdict) {
	for k.bytes > k.MaxBytes && k.oldest.Len() > 0 {
		k.Early(EarlyByMemory)
		verdicts = append(verdicts, verdict{k.drop(k.oldest.Front().Value.(*held)), false})
	}
	return verdicts
}

// age decides about what has been held for long enough. A trace of which nothing has ended in
// that time is forgotten: of a span that never ends, for example.
func (k *Keeper) age() { k.emit(k.aged(time.Now())) }

func (k *Keeper) aged(now time.Time) (verdicts []verdict) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var front *list.Element
	for front = k.oldest.Front(); front != nil; front = k.oldest.Front() {
		h := front.Value.(*held)
		if left := k.Wait - now.Sub(h.since); left > 0 {
			k.timer.Reset(left)
			break
		}
		if len(h.spans) == 0 {
			k.drop(h)
			continue
		}
		k.Early(EarlyByAge)
		verdicts = append(verdicts, verdict{k.take(h), false})
	}
	return verdicts
}

// mostRemembered bounds which traces are known to be kept: half a megabyte.
const mostRemembered = 10_000

// remembered are the ids of the last traces that were added.
type remembered struct {
	ids  map[trace.TraceID]struct{}
	ring []trace.TraceID
	next int
}

func (r *remembered) has(id trace.TraceID) bool {
	_, ok := r.ids[id]
	return ok
}

func (r *remembered) add(id trace.TraceID) {
	if r.has(id) {
		return
	}
	if r.ids == nil {
		r.ids = map[trace.TraceID]struct{}{}
	}
	r.ids[id] = struct{}{}
	if len(r.ring) < mostRemembered {
		r.ring = append(r.ring, id)
		return
	}
	delete(r.ids, r.ring[r.next])
	r.ring[r.next] = id
	r.next = (r.next + 1) % mostRemembered
}
