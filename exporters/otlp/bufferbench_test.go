package otlp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

// What ending a span costs the code that is observed.
func BenchmarkSpan(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	for _, buffer := range []bool{false, true} {
		name, opts := "memory", []Option{Endpoint(server.URL), Metrics(Off()), Logs(Off())}
		if buffer {
			name, opts = "buffer", append(opts, Buffer(b.TempDir()))
		}
		b.Run(name, func(b *testing.B) {
			tel, err := otelmail.Start(b.Context(), otelmail.WithoutGlobals(), Push(opts...), otelmail.WithErrorHandler(func(error) {}))
			if err != nil {
				b.Fatal(err)
			}
			tracer := tel.TracerProvider().Tracer("bench")
			b.ReportAllocs()
			for b.Loop() {
				_, span := tracer.Start(context.Background(), "SMTP RCPT")
				span.End()
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = tel.Shutdown(ctx) // full queues are to be expected here
		})
	}
}

// What one request of 100 kB costs on its way to the disk, and back and off it.
func BenchmarkStore(b *testing.B) {
	said := bufferChoice{dir: b.TempDir(), setting: "bench", bytes: 256 << 20, age: time.Hour}
	s, err := openStore(said, func(error) {})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.leave(context.Background(), nil) }()
	body := make([]byte, 100_000)
	a := s.account(traces)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		s.accept(a, 1)
		s.put(a, 1, body)
		e, _, _ := s.pick(a)
		s.settle(a, e, 1, rejected)
	}
}
