package live

import (
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

// BenchmarkSample is what the page costs each second, whether or not anybody looks at it.
func BenchmarkSample(b *testing.B) {
	tel, err := otelmail.Start(b.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(b.Context()) }()
	s := newSampler(tel.Reader(), "rusmes", tel.Health, service{})
	b.ReportAllocs()
	now := time.Now()
	for b.Loop() {
		now = now.Add(time.Second)
		if err := s.sample(b.Context(), now); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMessage is what it costs besides while somebody looks at it, however many.
func BenchmarkMessage(b *testing.B) {
	s := newSampler(nil, "", nil, service{})
	s.history.add(sample{at: 1})
	b.ReportAllocs()
	for b.Loop() {
		s.message()
	}
}
