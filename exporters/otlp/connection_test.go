package otlp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// behind starts a push of traces whose connections a middlebox forwards.
func behind(t *testing.T, protocol, way string, opts ...otlp.Option) (*receiver, *middlebox, *otelmail.Telemetry, *background) {
	t.Helper()
	r, _, trust := secured(t)
	opts = append(only("traces"), opts...)
	if strings.Contains(protocol, "TLS") {
		opts = append(opts, trust)
	} else {
		r = newReceiver(t, nil)
	}
	var m *middlebox
	if strings.Contains(protocol, "gRPC") {
		m = newMiddlebox(t, r.grpcAddr, nil)
		opts = append(opts, otlp.Protocol(otlp.GRPC))
	} else {
		m = newMiddlebox(t, r.httpAddr, nil)
	}
	if way != "directly" {
		opts = append(opts, otlp.Buffer(t.TempDir()))
	}
	tel, b := start(t, env(quick...), push(append(opts, otlp.Endpoint(r.scheme()+m.addr()))...))
	return r, m, tel, b
}

// A middlebox forgets a connection without a word: after an attempt that had no answer in
// time, the next one is made over a new connection.
func TestDeadConnectionIsHungUp(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"HTTP", "HTTP in TLS", "gRPC", "gRPC in TLS"} {
		for _, way := range []string{"directly", "through a buffer"} {
			t.Run(protocol+" "+way, func(t *testing.T) {
				t.Parallel()
				r, m, tel, _ := behind(t, protocol, way, otlp.Timeout(time.Second))
				for n := 1; n <= 3; n++ {
					name := fmt.Sprint("span ", n)
					emitSpans(tel, name, 1)
					eventually(t, name+" arrived", func() bool { return r.spanNames()[name] > 0 })
					m.forget()
				}
				emitSpans(tel, "last", 1)
				if err := shutdown(tel, patience); err != nil {
					t.Errorf("Shutdown: %v", err)
				}
				if way == "directly" && r.spanNames()["last"] == 0 { // else it may be left on disk
					t.Error("what was left at the end did not arrive")
				}
			})
		}
	}
}

// Where one attempt may take long, pings find a dead connection before its time is up.
func TestPingsFindADeadConnection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		protocol string
		timeout  time.Duration
		says     string
	}{
		{"HTTP in TLS", time.Hour, "client connection lost"},
		{"gRPC in TLS", 20 * time.Second, "keepalive ping failed"}, // gRPC asks after 10 s at the soonest
	} {
		t.Run(tt.protocol, func(t *testing.T) {
			t.Parallel()
			r, m, tel, b := behind(t, tt.protocol, "directly", otlp.Timeout(tt.timeout),
				otlp.Pings(200*time.Millisecond, time.Second))
			emitSpans(tel, "a", 1)
			eventually(t, "it arrived", func() bool { return r.spanNames()["a"] > 0 })
			m.forget()
			emitSpans(tel, "b", 1)
			eventually(t, "it arrived", func() bool { return r.spanNames()["b"] > 0 })
			if all := strings.Join(b.all(), "\n"); !strings.Contains(all, tt.says) {
				t.Errorf("it was not a ping that found it: %s", all)
			}
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
}
