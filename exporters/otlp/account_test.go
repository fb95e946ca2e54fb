package otlp_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// Without a buffer too, at every moment sent + waiting + dropped = produced, and what is
// counted as waiting really waits.

// account is a push without a buffer that is watched all the time.
type account struct {
	t      *testing.T
	tel    *otelmail.Telemetry
	counts *otlp.Pusher
	signal string
	watch  sync.WaitGroup
	ending chan struct{}
}

// accounts runs a test for traces and logs, over both protocols. size and batch are for the
// queue in memory; timeout is how long sending a batch is tried.
func accounts(t *testing.T, size, batch int, timeout time.Duration, play func(a *account, r *receiver, emit func(n int))) {
	t.Helper()
	noLeak(t)
	for _, protocol := range []string{"HTTP", "gRPC"} {
		for signal, prefix := range map[string]string{"traces": "OTEL_BSP", "logs": "OTEL_BLRP"} {
			t.Run(signal+" over "+protocol, func(t *testing.T) {
				t.Parallel()
				r := absentReceiver(t)
				a := newAccount(t, r, signal, protocol, nil, prefix+"_MAX_QUEUE_SIZE", fmt.Sprint(size),
					prefix+"_MAX_EXPORT_BATCH_SIZE", fmt.Sprint(batch), prefix+"_EXPORT_TIMEOUT", fmt.Sprint(timeout.Milliseconds()),
					prefix+"_SCHEDULE_DELAY", "10")
				play(a, r, func(n int) {
					if signal == "traces" {
						emitSpans(a.tel, "a", n)
					} else {
						emitLogs(a.tel, "a", n)
					}
				})
				a.end()
			})
		}
	}
}

func newAccount(t *testing.T, r *receiver, signal, protocol string, opts []otlp.Option, pairs ...string) *account {
	a := &account{t: t, signal: signal, ending: make(chan struct{})}
	opts = append(opts, append(only(signal), protocols(r)[protocol]...)...)
	a.counts = newPusher(opts...)
	a.tel, _ = start(t, env(pairs...), otelmail.WithExporter(a.counts))
	a.watch.Go(func() {
		for {
			statsOf(t, a.counts, signal)
			select {
			case <-a.ending:
				return
			case <-time.After(100 * time.Microsecond):
			}
		}
	})
	return a
}

// end ends the watching. Nothing waits after Shutdown, and the series agree.
func (a *account) end() {
	a.t.Helper()
	close(a.ending)
	a.watch.Wait()
	s := statsOf(a.t, a.counts, a.signal)
	if s.Waiting != 0 || s.OnDisk != 0 || s.Produced == 0 {
		a.t.Errorf("after Shutdown: %+v", s)
	}
	for name, want := range map[string]int64{"telemetry_sent_total": s.Sent, "telemetry_dropped_total": s.Failed, "telemetry_waiting": 0} {
		if n, err := a.tel.Value(name, a.signal); err != nil || n != want {
			a.t.Errorf("%s is %v, %v; want %d", name, n, err, want)
		}
	}
	a.t.Logf("produced %d, sent %d, dropped %+v", s.Produced, s.Sent, s.Dropped)
}

func (a *account) stats() otlp.Stats { return statsOf(a.t, a.counts, a.signal) }

func arrived(r *receiver) int64 {
	spans, records, _ := r.counts()
	return int64(spans + records)
}

func TestQueueOfTenIsAccountedFor(t *testing.T) {
	accounts(t, 10, 5, time.Minute, func(a *account, r *receiver, emit func(int)) {
		r.start()
		const total = 20_000
		emit(total)
		wantParts(a.t, shutdown(a.tel, patience), "of 20000", "queue_full (", "never left the queue of 10)")
		s := a.stats()
		if want := (otlp.Dropped{QueueFull: total - arrived(r)}); s.Produced != total || s.Sent != arrived(r) || s.Dropped != want {
			t.Errorf("%d arrived: %+v", arrived(r), s)
		}
	})
}

func TestOutageThatEndsInDropsIsAccountedFor(t *testing.T) {
	accounts(t, 40, 10, 200*time.Millisecond, func(a *account, r *receiver, emit func(int)) {
		produced := 0
		more := func() { emit(7); produced += 7 }
		eventually(t, "some are given up, and some do not fit the queue", func() bool {
			more()
			d := a.stats().Dropped
			return d.TooOld >= 20 && d.QueueFull >= 20
		})
		r.start()
		eventually(t, "some arrive", func() bool { more(); return arrived(r) > 20 })
		_ = shutdown(a.tel, 10*time.Second)
		s := a.stats()
		want := otlp.Dropped{QueueFull: s.Dropped.QueueFull, TooOld: s.Dropped.TooOld}
		// On a slow machine an answer may come too late: the items have arrived, but are
		// given up all the same.
		late := arrived(r) - s.Sent
		if s.Produced != int64(produced) || late < 0 || late > s.Dropped.TooOld || s.Dropped != want {
			t.Errorf("%d produced, %d arrived: %+v", produced, arrived(r), s)
		}
	})
}

func TestShutdownWithDeadReceiverIsAccountedFor(t *testing.T) {
	accounts(t, 2000, 300, time.Minute, func(a *account, _ *receiver, emit func(int)) {
		emit(1000)
		if s := a.stats(); s.Produced != 1000 || s.Waiting != 1000 {
			t.Errorf("before the end: %+v", s)
		}
		wantParts(t, shutdown(a.tel, 2*time.Second), "1000 of 1000", "1000 shutdown", "connection refused")
		if s := a.stats(); s.Dropped != (otlp.Dropped{Shutdown: 1000}) {
			t.Errorf("%+v", s)
		}
		emit(5) // these are ignored
		if s := a.stats(); s.Produced != 1000 {
			t.Errorf("after the end: %+v", s)
		}
	})
}

// An answer means the same as with a buffer, except that a request which would wait for an
// operator is given up.
func TestAnswersWithoutBufferAreAccountedFor(t *testing.T) {
	for _, tt := range []struct {
		http int
		grpc codes.Code
		want otlp.Dropped
	}{
		{http.StatusBadRequest, codes.InvalidArgument, otlp.Dropped{Rejected: 3}},
		{http.StatusUnauthorized, codes.Unauthenticated, otlp.Dropped{Rejected: 3}},
		{http.StatusFound, codes.Unimplemented, otlp.Dropped{Rejected: 3}},
		{http.StatusRequestEntityTooLarge, codes.OK, otlp.Dropped{TooLarge: 3}},
		{http.StatusRequestTimeout, codes.Unavailable, otlp.Dropped{TooOld: 3}},
	} {
		t.Run(fmt.Sprint(tt.http, " ", tt.grpc), func(t *testing.T) {
			limit := time.Minute // no busy machine takes that long to answer
			if tt.want.TooOld > 0 {
				limit = 300 * time.Millisecond
			}
			accounts(t, 10, 10, limit, func(a *account, r *receiver, emit func(int)) {
				want := tt.want
				r.start()
				r.setAnswer(func(w http.ResponseWriter) bool { w.WriteHeader(tt.http); return true })
				r.setCallAnswer(func() error { return status.Error(tt.grpc, "no") })
				emit(3)
				if r.isCalled(a) && tt.grpc == codes.OK {
					want = otlp.Dropped{}
				}
				eventually(t, "their fate is known", func() bool { return a.stats().Waiting == 0 })
				_ = shutdown(a.tel, patience)
				if s := a.stats(); s.Dropped != want {
					t.Errorf("%+v, want dropped %+v", s, want)
				}
			})
		})
	}
}

// isCalled reports whether the account goes to the gRPC side.
func (r *receiver) isCalled(a *account) bool { return a.stats().Where == r.grpcURL() }

func TestPartlyRejectedIsAccountedFor(t *testing.T) {
	for _, protocol := range []string{"HTTP", "gRPC"} {
		noLeak(t)
		r := newReceiver(t, nil)
		r.rejected = 2
		a := newAccount(t, r, "traces", protocol, nil)
		emitSpans(a.tel, "a", 10)
		_ = shutdown(a.tel, patience)
		if s := a.stats(); s.Sent != 8 || s.Dropped != (otlp.Dropped{Rejected: 2}) {
			t.Errorf("%+v", s)
		}
		a.end()
	}
}

func TestMetricsAreAccountedFor(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"HTTP", "gRPC"} {
		for _, preference := range []otlp.Preference{otlp.Cumulative, otlp.Delta} {
			t.Run(fmt.Sprint(preference, " over ", protocol), func(t *testing.T) {
				t.Parallel()
				r := absentReceiver(t)
				opts := []otlp.Option{otlp.Temporality(preference), otlp.Interval(20 * time.Millisecond)}
				a := newAccount(t, r, "metrics", protocol, opts, "OTEL_METRIC_EXPORT_TIMEOUT", "100")
				count(t, a.tel, "c", 3)
				if preference == otlp.Delta { // differences wait, and the oldest are given up
					eventually(t, "some wait", func() bool { return a.stats().Waiting > 50 })
				}
				eventually(t, "some are given up", func() bool { return a.stats().Dropped.TooOld > 0 })
				_ = shutdown(a.tel, 4*time.Second)
				s := a.stats()
				if want := (otlp.Dropped{TooOld: s.Dropped.TooOld, Shutdown: s.Dropped.Shutdown}); s.Sent != 0 || s.Dropped != want || s.Dropped.Shutdown == 0 {
					t.Errorf("%+v", s)
				}
				a.end()

				// A receiver that comes back gets all differences that wait, each once: none is sent
				// again because the answer to it was late.
				a = newAccount(t, r, "metrics", protocol, opts, "OTEL_METRIC_EXPORT_TIMEOUT", "60000",
					"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "60000")
				count(t, a.tel, "c", 3)
				eventually(t, "some wait", func() bool { return a.stats().Waiting > 0 })
				r.start()
				eventually(t, "some arrive", func() bool { return a.stats().Sent > 0 })
				if err := shutdown(a.tel, patience); err != nil {
					t.Errorf("Shutdown: %v", err)
				}
				if s := a.stats(); preference == otlp.Delta && s.Failed != 0 {
					t.Errorf("%+v", s)
				}
				if sum, _ := r.sum("c", preference == otlp.Delta); sum != 3 {
					t.Errorf("the counter is %v, want 3", sum)
				}
				a.end()
			})
		}
	}
}
