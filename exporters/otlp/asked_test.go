package otlp_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// asker is a receiver that asks for a pause at its first request.
type asker struct {
	mu    sync.Mutex
	asked []time.Time
}

// first notes a request and reports whether it is the first.
func (a *asker) first() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, time.Now())
	return len(a.asked) == 1
}

func (a *asker) requests() []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]time.Time(nil), a.asked...)
}

// pausing are the ways to ask for a pause.
func pausing(r *receiver, a *asker, pause time.Duration, always bool) map[string]func() []otlp.Option {
	byHTTP := func(value func() string, code int) func() []otlp.Option {
		return func() []otlp.Option {
			r.setAnswer(func(w http.ResponseWriter) bool {
				if !a.first() && !always {
					return false
				}
				w.Header().Set("Retry-After", value())
				w.WriteHeader(code)
				return true
			})
			return []otlp.Option{otlp.Endpoint(r.httpURL())}
		}
	}
	seconds := func() string { return fmt.Sprint(int(pause.Seconds())) }
	return map[string]func() []otlp.Option{
		"429 with seconds": byHTTP(seconds, http.StatusTooManyRequests),
		"503 with seconds": byHTTP(seconds, http.StatusServiceUnavailable),
		"503 with a date": byHTTP(func() string {
			return time.Now().Add(pause + time.Second).UTC().Format(http.TimeFormat)
		}, http.StatusServiceUnavailable),
		"RetryInfo": func() []otlp.Option {
			s, err := status.New(codes.ResourceExhausted, "busy").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(pause)})
			if err != nil {
				panic(err)
			}
			r.setCallAnswer(func() error {
				if !a.first() && !always {
					return nil
				}
				return s.Err()
			})
			return []otlp.Option{otlp.Endpoint(r.grpcURL()), otlp.Protocol(otlp.GRPC)}
		},
	}
}

// What a receiver asks for holds for the batches after it too, even if the pause is longer
// than a batch is tried: they wait in memory, and none is lost.
func TestAskedPauseHoldsForEveryBatch(t *testing.T) {
	const pause = 3 * time.Second
	for name := range pausing(nil, nil, pause, false) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, a := newReceiver(t, nil), &asker{}
			push := newPusher(append(only("traces"), pausing(r, a, pause, false)[name]()...)...)
			tel, b := start(t, env("OTEL_BSP_SCHEDULE_DELAY", "60000", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10", "OTEL_BSP_EXPORT_TIMEOUT", "2000"),
				otelmail.WithExporter(push))
			emitSpans(tel, "a", 100)
			eventually(t, "all arrived", func() bool { n, _, _ := r.counts(); return n == 100 })
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			all := a.requests()
			if len(all) != 11 || all[1].Sub(all[0]) < pause-time.Second/2 {
				t.Errorf("%d requests, at %v", len(all), all)
			}
			if s := statsOf(t, push, "traces"); s.Sent != 100 {
				t.Errorf("%+v", s)
			}
			wantParts(t, errors.New(strings.Join(b.all(), "\n")), "trying again in ", ", as it asks")
		})
	}
}

// While a receiver wants no requests it gets none: not from the next batch, not from the
// next collection, and not from a shutdown, which does not wait for what it has no time for.
func TestAskedPauseOutlastsTheProcess(t *testing.T) {
	t.Parallel()
	for name := range pausing(nil, nil, time.Second, false) {
		for _, signal := range []string{"traces", "metrics", "logs"} {
			t.Run(name+" "+signal, func(t *testing.T) {
				t.Parallel()
				r, a := newReceiver(t, nil), &asker{}
				push := newPusher(append(append(only(signal), otlp.Interval(20*time.Millisecond)), pausing(r, a, 300*time.Second, true)[name]()...)...)
				tel, _ := start(t, env(append(quick, "OTEL_BSP_EXPORT_TIMEOUT", "3000", "OTEL_BLRP_EXPORT_TIMEOUT", "3000", "OTEL_METRIC_EXPORT_TIMEOUT", "3000")...),
					otelmail.WithExporter(push))
				for range 20 {
					emitSpans(tel, "a", 5)
					emitLogs(tel, "b", 5)
					count(t, tel, "c", 5)
					time.Sleep(20 * time.Millisecond)
				}
				eventually(t, "it was asked", func() bool { return len(a.requests()) > 0 })
				time.Sleep(4 * time.Second) // longer than a batch is tried
				begun := time.Now()
				err := shutdown(tel, 30*time.Second)
				wantParts(t, err, "the receiver is not asked again before ")
				if took := time.Since(begun); took > 20*time.Second {
					t.Errorf("Shutdown took %v", took)
				}
				if n := len(a.requests()); n != 1 {
					t.Errorf("%d requests", n)
				}
				if s := statsOf(t, push, signal); signal != "metrics" && s.Dropped.Shutdown != 100 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}
