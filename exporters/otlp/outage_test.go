package otlp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail/exporters/otlp"
)

// protocols are the two ways to the receiver, as options.
func protocols(r *receiver) map[string][]otlp.Option {
	return map[string][]otlp.Option{
		"HTTP": {otlp.Endpoint(r.httpURL()), otlp.Protocol(otlp.HTTP)},
		"gRPC": {otlp.Endpoint(r.grpcURL()), otlp.Protocol(otlp.GRPC)},
	}
}

func TestReceiverComesUpLater(t *testing.T) {
	for _, protocol := range []string{"HTTP", "gRPC"} {
		t.Run(protocol, func(t *testing.T) {
			noLeak(t)
			r := absentReceiver(t)
			tel, b := start(t, env("OTEL_BSP_SCHEDULE_DELAY", "10", "OTEL_BLRP_SCHEDULE_DELAY", "10", "OTEL_METRIC_EXPORT_INTERVAL", "10"),
				push(protocols(r)[protocol]...))
			emitSpans(tel, "a", 50)
			emitLogs(tel, "b", 50)
			count(t, tel, "c", 50)
			eventually(t, "a report for each signal", func() bool { return len(b.all()) >= 3 })
			r.start()
			eventually(t, "everything arrived", func() bool {
				spans, records, pushes := r.counts()
				return spans == 50 && records == 50 && pushes > 0
			})
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			if sum, _ := r.sum("c", false); sum != 50 {
				t.Errorf("the counter is %v, want 50", sum)
			}
			for _, e := range b.all() {
				if !strings.Contains(e, r.httpAddr) && !strings.Contains(e, r.grpcAddr) || !strings.Contains(e, "connection refused") {
					t.Errorf("a report that does not say what and where: %s", e)
				}
			}
			if n := len(b.all()); n != 3 {
				t.Errorf("%d reports, want one for each signal: %q", n, b.all())
			}
		})
	}
}

func TestReceiverRestartsUnderTraffic(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"HTTP", "gRPC"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, nil)
			tel, _ := start(t, env("OTEL_BSP_SCHEDULE_DELAY", "20", "OTEL_BSP_MAX_QUEUE_SIZE", "10000"),
				push(append(only("traces"), protocols(r)[protocol]...)...))
			stopTraffic, trafficEnded := make(chan struct{}), make(chan int)
			go func() {
				n := 0
				for {
					select {
					case <-stopTraffic:
						trafficEnded <- n
						return
					case <-time.After(2 * time.Millisecond):
						emitSpans(tel, fmt.Sprint("span ", n), 1)
						n++
					}
				}
			}()
			eventually(t, "the first spans arrived", func() bool { n, _, _ := r.counts(); return n > 20 })
			r.stop()
			outage := time.Now().Add(2 * time.Second)
			eventually(t, "the outage ended", func() bool { return time.Now().After(outage) })
			r.start()
			before, _, _ := r.counts()
			eventually(t, "spans arrive again", func() bool { n, _, _ := r.counts(); return n > before })
			close(stopTraffic)
			made := <-trafficEnded
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			names := r.spanNames()
			for i := range made {
				// A request whose answer was cut off is sent once more, so a
				// span may come twice; none may be missing.
				if names[fmt.Sprint("span ", i)] == 0 {
					t.Errorf("span %d of %d did not arrive", i, made)
				}
			}
		})
	}
}

func TestBusyReceiverIsAskedAgain(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, nil)
			var asked atomic.Int32
			r.setAnswer(func(w http.ResponseWriter) bool {
				if asked.Add(1) > 2 {
					return false
				}
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(status)
				return true
			})
			tel, _ := start(t, env(), push(append(only("traces"), otlp.Endpoint(r.httpURL()))...))
			emitSpans(tel, "a", 3)
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			if n, _, _ := r.counts(); n != 3 || asked.Load() != 3 {
				t.Errorf("%d spans after %d requests, want 3 after 3", n, asked.Load())
			}
		})
	}
}

func TestRefusedForGood(t *testing.T) {
	const secret = "s3cr3t-t0ken"
	for _, tt := range []struct {
		name   string
		answer func(http.ResponseWriter)
		want   string
	}{
		{"wrong token, echoed", func(w http.ResponseWriter) {
			http.Error(w, "no such token: "+secret, http.StatusUnauthorized)
		}, "401 Unauthorized"},
		{"redirected", func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(http.StatusMovedPermanently)
		}, "https://elsewhere.example/"},
		{"bad request", func(w http.ResponseWriter) {
			http.Error(w, strings.Repeat("x", 100_000), http.StatusBadRequest)
		}, "400 Bad Request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			noLeak(t)
			r := newReceiver(t, nil)
			r.setAnswer(func(w http.ResponseWriter) bool { tt.answer(w); return true })
			tel, b := start(t, env(), push(append(only("traces"),
				otlp.Endpoint(strings.Replace(r.httpURL(), "http://", "http://user:"+secret+"@", 1)),
				otlp.Headers(map[string]string{"Authorization": "Bearer " + secret}))...))
			emitSpans(tel, "a", 3)
			begun := time.Now()
			err := shutdown(tel, patience)
			wantParts(t, err, "otlp traces: 3 of 3 spans not delivered to "+r.httpURL()+"/v1/traces", tt.want)
			if time.Since(begun) > patience/2 {
				t.Error("what was refused for good was tried until the end")
			}
			for _, text := range append(b.all(), err.Error()) {
				if strings.Contains(text, secret) {
					t.Errorf("shows a secret: %s", text)
				}
				if len(text) > 2000 {
					t.Errorf("an error of %d bytes", len(text))
				}
			}
		})
	}
}

func TestPartlyRejected(t *testing.T) {
	for _, protocol := range []string{"HTTP", "gRPC"} {
		t.Run(protocol, func(t *testing.T) {
			noLeak(t)
			r := newReceiver(t, nil)
			r.rejected = 2
			tel, _ := start(t, env(), push(append(only("traces"), protocols(r)[protocol]...)...))
			emitSpans(tel, "a", 10)
			wantParts(t, shutdown(tel, patience), "2 of 10 spans not delivered", "not these")
		})
	}
}

// No later push repeats a difference: what was not taken has to be sent again.
func TestDeltaSurvivesAnOutage(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	var refusing atomic.Bool
	refusing.Store(true)
	r.setAnswer(func(w http.ResponseWriter) bool {
		if refusing.Load() {
			w.WriteHeader(http.StatusBadRequest)
			return true
		}
		return false
	})
	tel, b := start(t, env(), push(append(only("metrics"),
		otlp.Endpoint(r.httpURL()), otlp.Temporality(otlp.Delta), otlp.Interval(50*time.Millisecond))...))
	count(t, tel, "c", 4)
	eventually(t, "a push failed", func() bool { return len(b.all()) > 0 })
	count(t, tel, "c", 3)
	refusing.Store(false)
	if err := shutdown(tel, patience); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if sum, _ := r.sum("c", true); sum != 7 {
		t.Errorf("the pushes add up to %v, want 7", sum)
	}
}

func TestBadCallbacksLoseNothingElse(t *testing.T) {
	for name, callback := range map[string]metric.Int64Callback{
		"error": func(context.Context, metric.Int64Observer) error { return errors.New("disk is away") },
		"panic": func(context.Context, metric.Int64Observer) error { panic("disk is gone") },
	} {
		t.Run(name, func(t *testing.T) {
			noLeak(t)
			for _, preference := range []otlp.Preference{otlp.Cumulative, otlp.Delta} {
				r := newReceiver(t, nil)
				tel, _ := start(t, env(), push(append(only("metrics"), otlp.Endpoint(r.httpURL()), otlp.Temporality(preference))...))
				count(t, tel, "c", 9)
				_, err := tel.MeterProvider().Meter("test").Int64ObservableGauge("g", metric.WithInt64Callback(callback))
				if err != nil {
					t.Fatal(err)
				}
				if err := shutdown(tel, patience); err != nil {
					t.Errorf("%v: Shutdown: %v", preference, err)
				}
				if sum, _ := r.sum("c", false); sum != 9 {
					t.Errorf("%v: the counter is %v, want 9", preference, sum)
				}
			}
		})
	}
}
