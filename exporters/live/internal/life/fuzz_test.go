package life_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/exporters/live/internal/life"
	"github.com/rusmes/otelmail/internal/mailevent"
)

// FuzzRecord: whatever a record holds, the ring keeps its bound, and what is found is text.
func FuzzRecord(f *testing.F) {
	f.Add(uint8(3), uint8(0), "Q1", "partner.example", int64(451), 0.5)
	f.Add(uint8(0), uint8(7), "\xff\x1b[31m", "<script>", int64(-1), -1.0)
	for i := range mailevent.All() {
		for key := range mailevent.All()[i].Uses { // one of them is how long it waited
			f.Add(uint8(i), uint8(key), "Q2", "partner.example", int64(451), math.NaN()) //nolint:gosec // there are few
		}
	}
	s, err := life.Open(life.Config{MaxBytes: life.MinMaxBytes, Forms: func(text string) []string { return []string{text} }})
	if err != nil {
		f.Fatal(err)
	}
	emit := emitter(s)
	f.Fuzz(func(t *testing.T, event, key uint8, id, value string, number int64, seconds float64) {
		e := mailevent.All()[int(event)%len(mailevent.All())]
		emit(e.Name, attribute.String("messaging.message.id", id), e.Uses[int(key)%len(e.Uses)].Key.String(value),
			e.Uses[int(key+1)%len(e.Uses)].Key.Int64(number), e.Uses[int(key+2)%len(e.Uses)].Key.Float64(seconds),
			e.Uses[int(key+3)%len(e.Uses)].Key.StringSlice([]string{value}), attribute.String(value, value))
		r, err := s.Search(context.Background(), life.Query{Text: id})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range r.Messages {
			for _, step := range l.Steps {
				for _, text := range []string{l.Text, step.Text, step.Host, step.Reply, step.Domain} {
					if !utf8.ValidString(text) {
						t.Fatalf("%q is not text", text)
					}
				}
			}
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		if reach := s.Reach(); reach.Bytes > life.MinMaxBytes {
			t.Fatalf("%+v", reach)
		}
	})
}
