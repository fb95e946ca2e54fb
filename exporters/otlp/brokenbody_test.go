package otlp_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/exporters/otlp"
)

// A receiver that dies while it reads a request breaks the writing of the body. Which error
// the system then returns is random, and one of them is an error of "readfrom". So many
// requests, each larger than a connection's buffers, are cut off at every second attempt:
// all of them arrive.
func TestBodyCutOffIsSentAgain(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	var asked, cut atomic.Int32
	r.setAnswer(func(w http.ResponseWriter) bool {
		if asked.Add(1)%2 == 0 {
			return false
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Errorf("taking over the connection: %v", err)
			return false
		}
		_ = conn.(*net.TCPConn).SetLinger(0) // a reset, as of a process that was killed
		_ = conn.Close()
		cut.Add(1)
		return true
	})
	const requests, spans = 20, 30
	tel, _ := start(t, env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", fmt.Sprint(spans), "OTEL_BSP_MAX_QUEUE_SIZE", fmt.Sprint(requests*spans)),
		push(append(only("traces"), otlp.Endpoint(r.httpURL()), otlp.Compression(otlp.None))...))
	filling := make([]attribute.KeyValue, 16)
	for n := range filling {
		filling[n] = attribute.String(fmt.Sprint("filling.", n), strings.Repeat("x", 4000))
	}
	for n := range requests {
		emitSpans(tel, fmt.Sprint("request ", n), spans, filling...) // 1.9 MB
	}
	if err := shutdown(tel, 3*patience); err != nil { // 40 requests of 2 MB, half of them with a pause after
		t.Errorf("Shutdown: %v", err)
	}
	names := r.spanNames()
	for n := range requests {
		if got := names[fmt.Sprint("request ", n)]; got != spans {
			t.Errorf("of request %d %d spans arrived, want %d", n, got, spans)
		}
	}
	if n := cut.Load(); n < requests {
		t.Errorf("%d bodies were cut off, want at least %d", n, requests)
	}
}
