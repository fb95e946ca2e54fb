package otelmail_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/mailconv"
)

// reports is an error handler that remembers.
type reports struct {
	mu   sync.Mutex
	said []string
}

func (r *reports) handle(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, err.Error())
}

func (r *reports) texts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.said)
}

// ways are how a function of the application can end.
var ways = map[string]func(){
	"panics": func() { panic("bob@example.org") }, "ends its goroutine": runtime.Goexit,
}

// An error handler that panics, ends its goroutine or hangs costs its own reports alone.
func TestErrorHandlerIsContained(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	for name, end := range map[string]func(){"panics": ways["panics"], "ends its goroutine": runtime.Goexit, "hangs": func() { <-release }} {
		t.Run(name, func(t *testing.T) {
			var called atomic.Int32
			tel, reader := start(t, lookup("OTEL_PROPAGATORS", "b3"), // a warning while Start runs
				otelmail.WithErrorHandler(func(error) { called.Add(1); end() }))
			tel.Storage.Bytes.Observe(func(context.Context) (int64, error) { return 0, errors.New("no disk") })
			if values(t, reader)["storage_bytes"] != 0 || called.Load() == 0 {
				t.Errorf("called %d times", called.Load())
			}
		})
	}
}

// Where an exporter's function fails, Start fails with its name, and what had begun is stopped.
func TestExportersAreContained(t *testing.T) {
	for name, end := range ways {
		for where, exporter := range map[string]export.Func{
			"Open": func(context.Context, export.Pipeline) error { end(); return nil },
			"OnStart": func(_ context.Context, p export.Pipeline) error {
				p.OnStart("part", func(context.Context) error { end(); return nil })
				return nil
			},
		} {
			t.Run(where+" "+name, func(t *testing.T) {
				stopped := false
				first := export.Func(func(_ context.Context, p export.Pipeline) error {
					p.OnShutdown("first", func(context.Context) error { stopped = true; return nil })
					return nil
				})
				tel, err := otelmail.Start(t.Context(), lookup(), otelmail.WithoutGlobals(),
					otelmail.WithExporter(first), otelmail.WithExporter(exporter))
				if err == nil || strings.Contains(err.Error(), "bob@") || !stopped {
					t.Errorf("error %v, the first exporter is stopped: %v", err, stopped)
				}
				useNoop(t, tel)
			})
		}
		t.Run("OnShutdown "+name, func(t *testing.T) {
			tel, err := otelmail.Start(t.Context(), lookup(), otelmail.WithoutGlobals(), otelmail.WithShutdownTimeout(time.Minute),
				otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
					p.OnShutdown("part", func(context.Context) error { end(); return nil })
					return nil
				})))
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if err := tel.Shutdown(context.Background()); err == nil || !strings.Contains(err.Error(), "shut down part") || time.Since(begun) > 30*time.Second {
				t.Errorf("after %v: %v", time.Since(begun), err)
			}
		})
	}
}

// An exporter's figures stay what they were when its function fails or hangs: no counter
// falls, and a collection goes on.
func TestStatsAreContained(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	for name, end := range map[string]func(){"panics": ways["panics"], "ends its goroutine": runtime.Goexit, "hangs": func() { <-release }} {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Bool
			var said reports
			tel, reader := start(t, otelmail.WithErrorHandler(said.handle),
				otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
					p.OnStats(func() []export.Stats {
						if broken.Load() {
							end()
						}
						return []export.Stats{{Signal: "traces", Sent: 5}}
					})
					return nil
				})))
			checkValue(t, tel, 5, "telemetry_sent_total", "traces")
			broken.Store(true)
			for range 2 {
				values(t, reader)
				checkValue(t, tel, 5, "telemetry_sent_total", "traces")
			}
			if texts := said.texts(); len(texts) == 0 || name == "hangs" && len(texts) != 1 || strings.Contains(strings.Join(texts, ""), "bob@") {
				t.Errorf("reported %q", texts)
			}
		})
	}
}

// broken panics wherever OpenTelemetry calls it.
type broken struct{}

func (broken) OnStart(context.Context, sdktrace.ReadWriteSpan)        { panic("bob@example.org") }
func (broken) OnEnd(sdktrace.ReadOnlySpan)                            { panic("bob@example.org") }
func (broken) Shutdown(context.Context) error                         { return nil }
func (broken) ForceFlush(context.Context) error                       { return nil }
func (broken) Description() string                                    { panic("bob@example.org") }
func (broken) Inject(context.Context, propagation.TextMapCarrier)     { panic("bob@example.org") }
func (broken) Fields() []string                                       { panic("bob@example.org") }
func (broken) Enabled(context.Context, sdklog.EnabledParameters) bool { panic("bob@example.org") }
func (broken) OnEmit(context.Context, *sdklog.Record) error           { panic("bob@example.org") }
func (broken) ShouldSample(sdktrace.SamplingParameters) (r sdktrace.SamplingResult) {
	panic("bob@example.org")
}
func (broken) Extract(context.Context, propagation.TextMapCarrier) context.Context {
	panic("bob@example.org")
}

// What OpenTelemetry calls on the mail's path costs its own span, record or context when
// it panics.
func TestHooksAreContained(t *testing.T) {
	for name, tc := range map[string]struct {
		option otelmail.StartOption
		kind   string
	}{
		"sampler":    {otelmail.WithSampler(broken{}), "sampler"},
		"propagator": {otelmail.WithPropagator(broken{}), "propagator"},
		"span processor": {otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
			p.AddSpanProcessor(broken{})
			return nil
		})), "span processor"},
		"log processor": {otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
			p.AddLogProcessor(broken{})
			return nil
		})), "log processor"},
	} {
		t.Run(name, func(t *testing.T) {
			var said reports
			tel, _ := start(t, tc.option, otelmail.WithErrorHandler(said.handle))
			s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
			s.Command(mailconv.SMTPData).EndMessage(otelmail.Reply{Code: 250}, "a@b.example")
			m, queueing := tel.Queue.Enqueue(s.Context(), otelmail.MessageFacts{})
			queueing.End(otelmail.CauseNone)
			tel.Queue.Dequeue(t.Context(), m, otelmail.MessageFacts{}).End(otelmail.CauseNone)
			tel.Propagator().Inject(s.Context(), propagation.MapCarrier{})
			tel.Propagator().Extract(t.Context(), propagation.MapCarrier{})
			tel.Logger().InfoContext(s.Context(), "accepted")
			tel.LoggerProvider().Logger("app").Emit(t.Context(), log.Record{})
			s.End(otelmail.CauseNone)
			checkValue(t, tel, 1, "smtp_messages_received_total")
			if texts := said.texts(); len(texts) != 1 || !strings.Contains(texts[0], tc.kind) || strings.Contains(texts[0], "bob@") {
				t.Errorf("reported %q", texts)
			}
		})
	}
}

// A function that reads the environment and panics stops Start: an unset variable might
// have guarded something.
func TestLookupIsContained(t *testing.T) {
	for name, end := range ways {
		t.Run(name, func(t *testing.T) {
			broken := otelmail.WithLookupEnv(func(string) (string, bool) { end(); return "", false })
			tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), broken)
			if err == nil || !strings.Contains(err.Error(), "WithLookupEnv") || strings.Contains(err.Error(), "bob@") {
				t.Errorf("Start: %v", err)
			}
			useNoop(t, tel)
			tel, err = otelmail.New(broken)
			if err == nil || !strings.Contains(err.Error(), "WithLookupEnv") {
				t.Errorf("New: %v", err)
			}
			useNoop(t, tel)
		})
	}
}

// Errors whose methods panic have a cause all the same.
func TestErrorsThatPanic(t *testing.T) {
	for _, err := range []error{(*net.OpError)(nil), (*fs.PathError)(nil), (*net.DNSError)(nil), panickingError{}} {
		if got := otelmail.CauseOf(err); got == otelmail.CauseNone {
			t.Errorf("CauseOf(%T) is no failure", err)
		}
		if got := otelmail.ReplyOf(err); got.Code != 0 || got.Cause == otelmail.CauseNone {
			t.Errorf("ReplyOf(%T) = %+v", err, got)
		}
	}
}

type panickingError struct{}

func (panickingError) Error() string { panic("bob@example.org") }
func (panickingError) Is(error) bool { panic("bob@example.org") }
func (panickingError) As(any) bool   { panic("bob@example.org") }
func (panickingError) Unwrap() error { panic("bob@example.org") }

// Below zero is a value like any other for what may fall; only counters refuse it.
func TestNegativeObservations(t *testing.T) {
	tel, reader := start(t)
	tel.Queue.Remove(t.Context(), otelmail.Message{}, otelmail.RemovedDelivered)
	second, err := otelmail.New(lookup(), otelmail.WithMeterProvider(tel.MeterProvider()), otelmail.WithNamespace("second"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Shutdown(context.Background()) }()
	second.Queue.Remove(t.Context(), otelmail.Message{}, otelmail.RemovedDelivered)
	m := tel.MeterProvider().Meter("app")
	g, _ := m.Int64ObservableGauge("g")
	u, _ := m.Float64ObservableUpDownCounter("u")
	c, _ := m.Int64ObservableCounter("c")
	if _, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(g, -1)
		o.ObserveFloat64(u, -2)
		o.ObserveInt64(c, -3)
		return nil
	}, g, u, c); err != nil {
		t.Fatal(err)
	}
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, sm := range rm.ScopeMetrics {
		for _, one := range sm.Metrics {
			switch d := one.Data.(type) {
			case metricdata.Gauge[int64]:
				if len(d.DataPoints) > 0 {
					got[one.Name] = float64(d.DataPoints[0].Value)
				}
			case metricdata.Sum[int64]:
				if len(d.DataPoints) > 0 {
					got[one.Name] = float64(d.DataPoints[0].Value)
				}
			case metricdata.Sum[float64]:
				got[one.Name] = d.DataPoints[0].Value
			}
		}
	}
	for name, want := range map[string]float64{"rusmes_queue_size": -1, "second_queue_size": -1, "g": -1, "u": -2} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s shows %v (there: %v), want %v", name, v, ok, want)
		}
	}
	if v, ok := got["c"]; ok {
		t.Errorf("a counter shows %v", v)
	}
	checkValue(t, tel, 1, "telemetry_refused_total", "negative")
}
