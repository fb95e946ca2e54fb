package life

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/mailconv"
)

// written is a segment with some events.
func written(events ...event) *writer {
	w := newWriter(1, 128)
	for i := range events {
		w.add(&events[i])
	}
	return w
}

var some = []event{
	{time: time.Unix(1, 2).UTC(), name: mailconv.EventQueued, trace: trace.TraceID{1, 2}, attrs: []attribute.KeyValue{
		attribute.String("messaging.message.id", "Q1"), attribute.Int64("messaging.message.body.size", -5),
		attribute.Float64("email.queue.wait", 0.25), attribute.Bool("tls.established", true), attribute.Bool("tls.resumed", false)}},
	{time: time.Unix(-3, 0).UTC(), name: mailconv.EventDeferred, attrs: []attribute.KeyValue{attribute.String("messaging.message.id", "Q1"), attribute.String("email.stage.name", "")}},
}

// TestSegment: what was written is read again, also from a file, and also in parts.
func TestSegment(t *testing.T) {
	w := written(some[0])
	first := w.since(extent{})
	before := w.extent()
	w.add(&some[1])
	second := w.since(before)
	var joined segment
	joined.join(&first)
	joined.join(&second)
	again, err := unmarshal(w.seal().marshal())
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*segment{"writer": &w.segment, "snapshot": w.snapshot().segment, "file": again, "joined": &joined} {
		for i, want := range some {
			got, err := s.event(i)
			if err != nil || !got.time.Equal(want.time) || got.name != want.name || got.trace != want.trace || !slices.Equal(got.attrs, want.attrs) {
				t.Errorf("%s: event %d is %+v, want %+v: %v", name, i, got, want, err)
			}
		}
		if _, err := s.event(len(some)); err == nil {
			t.Errorf("%s: there is one more", name)
		}
		var at []int
		s.find(term{"messaging.message.id", "Q1"}.hash(), func(i int) bool { at = append(at, i); return true })
		if want := []int{1, 0}; !slices.Equal(at, want) && name != "joined" && name != "snapshot" {
			t.Errorf("%s: found %v, want %v", name, at, want)
		}
	}
	if again.first != some[1].time.UnixNano() || again.last != some[0].time.UnixNano() {
		t.Errorf("from %d to %d", again.first, again.last)
	}
}

// FuzzSegment: a damaged file is never read outside of itself, or for ever.
func FuzzSegment(f *testing.F) {
	whole := written(some...).seal().marshal()
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	for i := 0; i < len(whole); i += 16 {
		b := slices.Clone(whole)
		b[i] ^= 0xff
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := unmarshal(b)
		if err != nil {
			return
		}
		n := 0
		s.find(term{"messaging.message.id", "Q1"}.hash(), func(i int) bool {
			if n++; n > len(b) {
				t.Fatal("goes on for ever")
			}
			_, _ = s.event(i)
			return true
		})
		for i := range min(s.len(), 1000) {
			if e, err := s.event(i); err == nil {
				_ = lifeOf([]event{e}, time.Now()).Text
			}
		}
	})
}

// TestWords: numbers, times and events as they are said.
func TestWords(t *testing.T) {
	for n, want := range map[int64]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 112: "112th", 122: "122nd"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Second: "0 seconds", 400 * time.Millisecond: "0 seconds", time.Second: "1 second", 119 * time.Second: "119 seconds",
		2 * time.Minute: "2 minutes", 119 * time.Minute: "119 minutes", 3*time.Hour + 40*time.Minute: "4 hours", 47 * time.Hour: "47 hours", 72 * time.Hour: "3 days"} {
		if got := span(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
	for name := range knownEvents {
		if s := (&Step{Event: strings.TrimPrefix(name, "email.")}); strings.HasPrefix(s.words(), s.Event) || !strings.HasSuffix(s.words(), ".") {
			t.Errorf("%s is said as %q", name, s.words())
		}
	}
}
