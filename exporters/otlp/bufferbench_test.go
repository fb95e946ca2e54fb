package otlp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

// How long ending a span takes in the code that is observed.
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
