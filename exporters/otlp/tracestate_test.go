package otlp_test

import (
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// TestHowItWasSampledArrives: each span's flags and trace state, of a linked trace too, with a
// buffer on disk and without.
func TestHowItWasSampledArrives(t *testing.T) {
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
			tel, _ := start(t, env(), push(opts(r)...))
			m, queueing := tel.Queue.Enqueue(t.Context(), otelmail.MessageFacts{})
			queueing.End(otelmail.CauseNone)
			tel.Delivery.Attempt(t.Context(), otelmail.Attempt{Queue: m.Trace}).End(otelmail.Reply{Code: 250})
			if err := shutdown(tel, patience); err != nil {
				t.Fatal(err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if len(r.spans) != 2 {
				t.Fatalf("%d spans arrived, want 2", len(r.spans))
			}
			id := m.Trace.SpanContext().TraceID().String()
			for i, want := range []string{"ot=th:0", "ot=th:0;rv:" + id[len(id)-14:]} {
				if s := r.spans[i]; s.GetTraceState() != want || s.GetFlags()&0xff != 3 {
					t.Errorf("%s has the trace state %q and the flags %x, want %q and 3", s.GetName(), s.GetTraceState(), s.GetFlags(), want)
				}
			}
			if l := r.spans[1].GetLinks(); len(l) != 1 || l[0].GetFlags()&0xff != 3 {
				t.Errorf("links %v", l)
			}
		})
	}
}
