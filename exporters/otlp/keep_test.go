package otlp_test

import (
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// TestWhatIsKeptArrives: with its weight, over each way and with a buffer on disk; what is held
// when the server ends, too, and nothing of what was left out.
func TestWhatIsKeptArrives(t *testing.T) {
	for name, opts := range map[string]func(*receiver) []otlp.Option{
		"HTTP": func(r *receiver) []otlp.Option { return []otlp.Option{otlp.Endpoint(r.httpURL())} },
		"gRPC": func(r *receiver) []otlp.Option {
			return []otlp.Option{otlp.Endpoint(r.grpcURL()), otlp.Protocol(otlp.GRPC)}
		},
		"buffer": func(r *receiver) []otlp.Option {
			return []otlp.Option{otlp.Endpoint(r.httpURL()), otlp.Buffer(t.TempDir())}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, nil)
			tel, _ := start(t, env(), push(opts(r)...), otelmail.WithKeep(otelmail.Keep{Rest: 0.5}))
			want := map[string]string{} // trace state by trace
			for i := range 64 {
				m, queueing := tel.Queue.Enqueue(t.Context(), otelmail.MessageFacts{})
				queueing.End(otelmail.CauseNone)
				id := m.Trace.SpanContext().TraceID()
				if id[9] >= 0x80 { // its randomness is not below a half
					want[string(id[:])] = "ot=th:8"
				}
				switch {
				case i%8 == 0:
					want[string(id[:])] = "ot=th:0"
					tel.Queue.Remove(t.Context(), m, otelmail.RemovedBounced)
				case i%2 == 0:
					tel.Queue.Remove(t.Context(), m, otelmail.RemovedDelivered)
				} // the others are held
			}
			if err := shutdown(tel, patience); err != nil {
				t.Fatal(err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if len(r.spans) != len(want) {
				t.Errorf("%d spans arrived, want %d", len(r.spans), len(want))
			}
			for _, s := range r.spans {
				if got := want[string(s.GetTraceId())]; s.GetTraceState() != got {
					t.Errorf("a trace arrived with the state %q, want %q", s.GetTraceState(), got)
				}
			}
		})
	}
}
