package otelmail_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/mailconv"
)

func lookup(pairs ...string) otelmail.Option {
	return otelmail.WithLookupEnv(func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	})
}

// open makes a Telemetry with an option: by Start, where that heeds it.
func open(t *testing.T, opt any) (*otelmail.Telemetry, error) {
	t.Helper()
	if of, ok := opt.(otelmail.NewOption); ok {
		if _, also := opt.(otelmail.StartOption); !also {
			return otelmail.New(of)
		}
	}
	of, _ := opt.(otelmail.StartOption)
	return otelmail.Start(t.Context(), lookup(), otelmail.WithStrictSettings(), otelmail.WithoutGlobals(), of)
}

func TestWrongOptionsAndSettings(t *testing.T) {
	for _, tc := range []struct {
		name string
		opt  any
		want []string // the thing, the value, what is allowed
	}{
		{"namespace", otelmail.WithNamespace("9 lives"), []string{"WithNamespace", `"9 lives"`, "letters"}},
		{"service", otelmail.WithService("", "1"), []string{"WithService", `""`, "not empty"}},
		{"attribute", otelmail.WithResourceAttributes(attribute.KeyValue{}), []string{"WithResourceAttributes", "key"}},
		{"ratio", otelmail.WithSampleRatio(1.5), []string{"WithSampleRatio", "1.5", "0.0 to 1.0"}},
		{"timeout", otelmail.WithShutdownTimeout(-time.Second), []string{"WithShutdownTimeout", "-1s", "1ms to 24h"}},
		{"key", otelmail.WithHashKey([]byte("short")), []string{"WithHashKey", "5 bytes", "16"}},
		{"privacy", otelmail.WithPrivacy(99), []string{"WithPrivacy", "99", "PrivacyFull"}},
		{"domains", otelmail.WithDomainLimit(-1), []string{"WithDomainLimit", "-1", "0 to 100000"}},
		{"nil provider", otelmail.WithMeterProvider(nil), []string{"WithMeterProvider", "nil"}},
		{"nil tracer provider", otelmail.WithTracerProvider(nil), []string{"WithTracerProvider", "nil"}},
		{"nil logger provider", otelmail.WithLoggerProvider(nil), []string{"WithLoggerProvider", "nil"}},
		{"nil propagator", otelmail.WithPropagator(nil), []string{"WithPropagator", "nil"}},
		{"nil sampler", otelmail.WithSampler(nil), []string{"WithSampler", "nil"}},
		{"nil health", otelmail.WithHealth(nil), []string{"WithHealth", "nil"}},
		{"nil exporter", otelmail.WithExporter(nil), []string{"WithExporter", "nil"}},
		{"nil handler", otelmail.WithErrorHandler(nil), []string{"WithErrorHandler", "nil"}},
		{"nil lookup", otelmail.WithLookupEnv(nil), []string{"WithLookupEnv", "nil"}},
		{"nil check", otelmail.WithCheck("storage", nil), []string{"WithCheck storage", "nil"}},
		{"check name", otelmail.WithCheck("no spaces!", func(context.Context) error { return nil }), []string{"WithCheck", `"no spaces!"`}},
		{"nil option", nil, []string{"option"}},
		{"disabled", lookup("OTEL_SDK_DISABLED", "yes"), []string{"OTEL_SDK_DISABLED", `"yes"`, "true or false"}},
		{"sampler", lookup("OTEL_TRACES_SAMPLER", "sometimes"), []string{"OTEL_TRACES_SAMPLER", `"sometimes"`, "parentbased_traceidratio"}},
		{"sampler arg", lookup("OTEL_TRACES_SAMPLER_ARG", "NaN"), []string{"OTEL_TRACES_SAMPLER_ARG", `"NaN"`, "0.0 to 1.0"}},
		{"old ratio", lookup("RUSMES_TRACING_SAMPLE_RATIO", "-1"), []string{"RUSMES_TRACING_SAMPLE_RATIO", `"-1"`, "0.0 to 1.0"}},
		{"propagators", lookup("OTEL_PROPAGATORS", "tracecontext,b3"), []string{"OTEL_PROPAGATORS", `"b3"`, "not offered here", "baggage"}},
		{"resource", lookup("OTEL_RESOURCE_ATTRIBUTES", "a=b,c"), []string{"OTEL_RESOURCE_ATTRIBUTES", `"c"`, "key=value"}},
		{"resource encoding", lookup("OTEL_RESOURCE_ATTRIBUTES", "a=%zz"), []string{"OTEL_RESOURCE_ATTRIBUTES", `"a=%zz"`, "percent-encoded"}},
		{"span limit", lookup("OTEL_SPAN_LINK_COUNT_LIMIT", "many"), []string{"OTEL_SPAN_LINK_COUNT_LIMIT", `"many"`, "whole number"}},
		{"exemplars", lookup("OTEL_METRICS_EXEMPLAR_FILTER", "all"), []string{"OTEL_METRICS_EXEMPLAR_FILTER", `"all"`, "trace_based"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tel, err := open(t, tc.opt)
			if err == nil {
				_ = tel.Shutdown(context.Background())
				t.Fatal("no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %s:\n%v", want, err)
				}
			}
			useNoop(t, tel)
		})
	}
	t.Run("an exporter's too", func(t *testing.T) {
		_, err := otelmail.Start(t.Context(), lookup("OTEL_SDK_DISABLED", "1"), otelmail.WithStrictSettings(), otelmail.WithExporter(export.Func(
			func(context.Context, export.Pipeline) error { return errors.New("OTHER_SETTING is wrong") })))
		if err == nil || !strings.Contains(err.Error(), "OTEL_SDK_DISABLED") || !strings.Contains(err.Error(), "OTHER_SETTING") {
			t.Errorf("want both settings named: %v", err)
		}
	})
	t.Run("all at once", func(t *testing.T) {
		_, err := otelmail.Start(t.Context(), lookup("OTEL_PROPAGATORS", "b3", "OTEL_SDK_DISABLED", "1", "RUSMES_LOG_OUTPUT", "/nonexistent/x", "RUSMES_STRICT_SETTINGS", "true"),
			otelmail.WithExporter(export.Func(func(context.Context, export.Pipeline) error { return errors.New("OTHER_SETTING is wrong") })))
		for _, name := range []string{"OTEL_PROPAGATORS", "OTEL_SDK_DISABLED", "RUSMES_LOG_OUTPUT", "OTHER_SETTING"} {
			if err == nil || strings.Count(err.Error(), name) != 1 {
				t.Errorf("want %s named once: %v", name, err)
			}
		}
	})
}

// useNoop uses a Telemetry that came beside an error.
func useNoop(t *testing.T, tel *otelmail.Telemetry) {
	t.Helper()
	s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
	s.Command(mailconv.SMTPData).EndMessage(otelmail.Reply{Code: 250}, "a@b.example")
	s.End(otelmail.CauseNone)
	tel.Mail.Process(t.Context(), otelmail.MessageFacts{}).End(otelmail.FateQueued, otelmail.CauseNone)
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Errorf("shutdown of a no-op: %v", err)
	}
}

// TestFailedStartStopsWhatItBegan opens an exporter that starts a goroutine,
// then one that fails.
func TestFailedStartStopsWhatItBegan(t *testing.T) {
	before := runtime.NumGoroutine()
	for name, second := range map[string]export.Func{
		"open": func(context.Context, export.Pipeline) error { return errors.New("cannot open") },
		"start": func(_ context.Context, p export.Pipeline) error {
			p.OnStart("second", func(context.Context) error { return errors.New("cannot open") })
			return nil
		},
	} {
		var stopped []string
		first := export.Func(func(_ context.Context, p export.Pipeline) error {
			stop := make(chan struct{})
			go func() { <-stop }()
			p.OnShutdown("first", func(context.Context) error {
				stopped = append(stopped, "first")
				close(stop)
				return nil
			})
			return nil
		})
		tel, err := otelmail.Start(t.Context(), lookup(), otelmail.WithExporter(first), otelmail.WithExporter(second),
			otelmail.WithCheck("storage", func(context.Context) error { return nil }))
		if err == nil || !strings.Contains(err.Error(), "cannot open") {
			t.Errorf("%s: error %v", name, err)
		}
		if len(stopped) != 1 {
			t.Errorf("%s: stopped %v, want first once", name, stopped)
		}
		useNoop(t, tel)
	}
	if otel.GetTracerProvider() == nil {
		t.Error("no global provider")
	}
	waitFor(t, func() error {
		if n := runtime.NumGoroutine(); n > before {
			return fmt.Errorf("%d goroutines, %d before", n, before)
		}
		return nil
	})
}

func waitFor(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// stopping is an exporter whose parts stop as given.
func stopping(parts map[string]func(context.Context) error) otelmail.StartOption {
	return otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		for name, fn := range parts {
			p.OnShutdown(name, fn)
		}
		return nil
	}))
}

func TestShutdownIsParallelAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		flushed := make(chan struct{})
		tel, err := otelmail.Start(t.Context(), lookup(), otelmail.WithoutGlobals(),
			otelmail.WithShutdownTimeout(3*time.Second),
			stopping(map[string]func(context.Context) error{
				"deaf part": func(context.Context) error { <-release; return nil },
				"dead part": func(ctx context.Context) error {
					<-ctx.Done()
					return errors.New("3 of 5 spans not delivered to there")
				},
				"broken part":  func(context.Context) error { panic("bob@example.org") },
				"healthy part": func(context.Context) error { close(flushed); return nil },
			}))
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		first := tel.Shutdown(context.Background())
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("took %v with a limit of 3 s", took)
		}
		select {
		case <-flushed:
		default:
			t.Error("the healthy part was not flushed")
		}
		for _, want := range []string{
			"deaf part: did not stop in time",
			"dead part: 3 of 5 spans not delivered to there",
			"broken part: panicked with a string",
		} {
			if first == nil || !strings.Contains(first.Error(), want) {
				t.Errorf("the error does not say %q:\n%v", want, first)
			}
		}
		if first != nil && (strings.Contains(first.Error(), "healthy part") || strings.Contains(first.Error(), "bob@")) {
			t.Errorf("the error says too much:\n%v", first)
		}
		if again := tel.Shutdown(context.Background()); again == nil || again.Error() != first.Error() {
			t.Errorf("the second call returned %v", again)
		}
		// Recording goes on without effect or harm.
		tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{}).End(otelmail.CauseNone)
	})
}

func TestShutdownOfACancelledContextReturns(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	tel, err := otelmail.Start(t.Context(), lookup(), otelmail.WithoutGlobals(),
		stopping(map[string]func(context.Context) error{"deaf part": func(context.Context) error { <-release; return nil }}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	cancel()
	if err := tel.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "deaf part") {
		t.Errorf("error %v, want the deaf part named", err)
	}
}

func TestGlobals(t *testing.T) {
	tel, err := otelmail.Start(t.Context(), lookup())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	if otel.GetMeterProvider() != tel.MeterProvider() || otel.GetTracerProvider() != tel.TracerProvider() ||
		otel.GetLoggerProvider() != tel.LoggerProvider() {
		t.Error("the providers are not the global ones")
	}
	if fields := otel.GetTextMapPropagator().Fields(); len(fields) != 3 {
		t.Errorf("global propagator has fields %v, want traceparent, tracestate, baggage", fields)
	}
	// New without options joins them: both count into the same series.
	joined, err := otelmail.New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = joined.Shutdown(context.Background()) }()
	if joined.TracerProvider() != tel.TracerProvider() {
		t.Error("New does not use the global provider")
	}
}

func TestSettings(t *testing.T) {
	describe := func(opts ...otelmail.StartOption) (sampler string, res *resource.Resource, prop propagation.TextMapPropagator, disabled bool) {
		t.Helper()
		opts = append(opts, otelmail.WithoutGlobals(), otelmail.WithExporter(export.Func(
			func(_ context.Context, p export.Pipeline) error {
				res, disabled = p.Resource(), p.Disabled()
				return nil
			})))
		tel, err := otelmail.Start(t.Context(), opts...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tel.Shutdown(context.Background()) }()
		_, span := tel.TracerProvider().Tracer("t").Start(context.Background(), "s")
		if span.SpanContext().IsSampled() {
			sampler = "sampled"
		}
		return sampler, res, tel.Propagator(), disabled
	}
	attr := func(res *resource.Resource, key string) string {
		v, _ := res.Set().Value(attribute.Key(key))
		return v.AsString()
	}

	sampled, res, prop, disabled := describe(lookup(
		"OTEL_SERVICE_NAME", "mx", "RUSMES_TRACING_SERVICE_NAME", "old", "OTEL_TRACES_SAMPLER", "parentbased_always_off",
		"OTEL_RESOURCE_ATTRIBUTES", "service.name=ignored,deployment.environment.name=test%20bed,service.version=7", "OTEL_PROPAGATORS", "none"))
	if sampled != "" || attr(res, "service.name") != "mx" || attr(res, "deployment.environment.name") != "test bed" ||
		attr(res, "service.version") != "7" || len(prop.Fields()) != 0 || disabled {
		t.Errorf("settings have no effect: sampled %q, resource %v, fields %v", sampled, res, prop.Fields())
	}
	for _, key := range []string{"host.name", "process.executable.name", "service.instance.id", "telemetry.sdk.name"} {
		if attr(res, key) == "" {
			t.Errorf("the resource has no %s", key)
		}
	}
	for _, key := range []string{"process.command_args", "process.owner"} {
		if _, there := res.Set().Value(attribute.Key(key)); there {
			t.Errorf("the resource has %s, which holds secrets or names", key)
		}
	}

	sampled, res, _, _ = describe(lookup("OTEL_SERVICE_NAME", "mx", "OTEL_TRACES_SAMPLER", "always_off"),
		otelmail.WithService("code", "2"), otelmail.WithSampler(sdktrace.AlwaysSample()))
	if sampled == "" || attr(res, "service.name") != "code" || attr(res, "service.version") != "2" {
		t.Error("options do not win over the environment")
	}
	if sampled, res, _, _ = describe(lookup("RUSMES_TRACING_SERVICE_NAME", "old", "RUSMES_TRACING_SAMPLE_RATIO", "0.0")); sampled != "" || attr(res, "service.name") != "old" {
		t.Error("the older names have no effect")
	}
	if sampled, _, _, _ = describe(lookup()); sampled == "" {
		t.Error("the default sampler does not sample everything")
	}
	if sampled, _, _, disabled = describe(lookup("OTEL_SDK_DISABLED", "True")); sampled != "" || !disabled {
		t.Error("OTEL_SDK_DISABLED has no effect")
	}
}

// TestFailedNewLeavesNothingBehind: the application's own provider goes on
// without a callback of ours.
func TestFailedNewLeavesNothingBehind(t *testing.T) {
	stopped := health.New()
	if err := stopped.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, opt := range map[string]otelmail.NewOption{
		"log":    lookup("RUSMES_LOG_OUTPUT", "/nonexistent/mail.log"),
		"health": otelmail.WithHealth(stopped),
	} {
		reader, err := otelmail.NewReader()
		if err != nil {
			t.Fatal(err)
		}
		tel, err := otelmail.New(otelmail.WithMeterProvider(sdkProvider(reader)), opt)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, there := collect(t, reader)["rusmes_push_deliveries_total"]; there {
			t.Errorf("%s: the series is still observed", name)
		}
		useNoop(t, tel)
	}
}

// TestBadCallbacksSpoilNothing registers callbacks that fail and panic in every
// way an application can.
func TestBadCallbacksSpoilNothing(t *testing.T) {
	var reported []string
	tel, reader := start(t, otelmail.WithErrorHandler(func(err error) { reported = append(reported, err.Error()) }))
	m := tel.MeterProvider().Meter("application")
	bad := func(context.Context, metric.Int64Observer) error { panic("bob@example.org") }
	badFloat := func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(1.5)
		return errors.New("cannot count")
	}
	_, _ = m.Int64ObservableCounter("app.a", metric.WithInt64Callback(bad))
	_, _ = m.Int64ObservableUpDownCounter("app.b", metric.WithInt64Callback(bad))
	_, _ = m.Int64ObservableGauge("app.c", metric.WithInt64Callback(bad))
	_, _ = m.Float64ObservableCounter("app.d", metric.WithFloat64Callback(badFloat))
	_, _ = m.Float64ObservableUpDownCounter("app.e", metric.WithFloat64Callback(badFloat))
	_, _ = m.Float64ObservableGauge("app.f", metric.WithFloat64Callback(badFloat), metric.WithUnit("s"), metric.WithDescription("help"))
	g, _ := m.Int64ObservableGauge("app.g")
	if _, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(g, 7)
		panic(errors.New("late"))
	}, g); err != nil {
		t.Fatal(err)
	}
	c, _ := m.Int64Counter("app.h")
	c.Add(t.Context(), 1, metric.WithAttributes(attribute.String("bad\xff", "\xfe"), attribute.String("long", strings.Repeat("x", 1<<20))))
	tel.WebPush.GaveUp()

	got := collect(t, reader)
	if got["rusmes_push_delivery_failures_total"].Data.(metricdata.Sum[int64]).DataPoints[0].Value != 1 {
		t.Error("our own series is not there")
	}
	if got["app.g"].Data.(metricdata.Gauge[int64]).DataPoints[0].Value != 7 {
		t.Error("what was observed before the panic is lost")
	}
	f := got["app.f"]
	if f.Unit != "s" || f.Description != "help" || f.Data.(metricdata.Gauge[float64]).DataPoints[0].Value != 1.5 {
		t.Errorf("a failing callback's instrument became %+v", f)
	}
	set := got["app.h"].Data.(metricdata.Sum[int64]).DataPoints[0].Attributes
	for _, kv := range set.ToSlice() {
		if s := kv.Value.AsString(); len(s) > 4096 || !utf8.ValidString(string(kv.Key)+s) {
			t.Errorf("attribute %q is not clean: %d bytes", kv.Key, len(s))
		}
	}
	if len(reported) != 7 {
		t.Errorf("%d errors reported, want 7: %q", len(reported), reported)
	}
	if strings.Contains(strings.Join(reported, " "), "bob@") {
		t.Errorf("a panic's value was printed: %q", reported)
	}
}

// TestRefusedValues gives every kind of instrument values that it must refuse.
func TestRefusedValues(t *testing.T) {
	tel, reader := start(t)
	m := tel.MeterProvider().Meter("application")
	nan, inf := math.NaN(), math.Inf(-1)
	ic, _ := m.Int64Counter("ic")
	ic.Add(t.Context(), -1)
	ic.Add(t.Context(), 2)
	fc, _ := m.Float64Counter("fc")
	ud, _ := m.Float64UpDownCounter("ud")
	h, _ := m.Float64Histogram("h")
	g, _ := m.Float64Gauge("g")
	for _, v := range []float64{nan, inf, -1, 2} {
		fc.Add(t.Context(), v)
		ud.Add(t.Context(), v)
		h.Record(t.Context(), v)
		g.Record(t.Context(), v)
	}
	observe := func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(-3)
		o.Observe(nan)
		return nil
	}
	_, _ = m.Float64ObservableCounter("oc", metric.WithFloat64Callback(observe))
	_, _ = m.Float64ObservableGauge("og", metric.WithFloat64Callback(observe))
	_, _ = m.Int64ObservableCounter("ioc", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error { o.Observe(-3); return nil }))
	both, _ := m.Float64ObservableCounter("both")
	ints, _ := m.Int64ObservableCounter("ints")
	_, _ = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveFloat64(both, -1)
		o.ObserveInt64(ints, -1)
		o.ObserveInt64(ints, 5)
		return nil
	}, both, ints)

	collect(t, reader) // what this one refuses shows in the next
	got := collect(t, reader)
	for name, want := range map[string]float64{"fc": 2, "ud": 1} {
		if v := got[name].Data.(metricdata.Sum[float64]).DataPoints[0].Value; v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if p := got["h"].Data.(metricdata.Histogram[float64]).DataPoints[0]; p.Sum != 1 || p.Count != 2 {
		t.Errorf("the histogram holds %d records, sum %v", p.Count, p.Sum)
	}
	if v := got["og"].Data.(metricdata.Gauge[float64]).DataPoints[0].Value; v != -3 {
		t.Errorf("the observed gauge is %v", v)
	}
	if v := got["ints"].Data.(metricdata.Sum[int64]).DataPoints[0].Value; v != 5 {
		t.Errorf("the observed counter is %v", v)
	}
	for _, name := range []string{"oc", "ioc", "both"} {
		if _, there := got[name]; there {
			t.Errorf("%s is there although all its values were refused", name)
		}
	}
	for reason, want := range map[string]int64{"not_a_number": 4 + 4, "infinite": 4, "negative": 2 + 4 + 2*2} {
		if v, err := tel.Value("telemetry_refused_total", reason); err != nil || v < want {
			t.Errorf("refused as %s: %d, %v; want at least %d", reason, v, err, want)
		}
	}
}

func TestStatsOfExportersAreSeries(t *testing.T) {
	tel, _ := start(t, otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		for range 2 {
			p.OnStats(func() []export.Stats {
				return []export.Stats{{Signal: "traces", Sent: 5, Dropped: 2, Waiting: 1}, {Signal: "logs", Sent: 1}}
			})
		}
		return nil
	})))
	for _, tc := range []struct {
		name, signal string
		want         int64
	}{
		{"telemetry_sent_total", "traces", 10}, {"telemetry_dropped_total", "traces", 4}, {"telemetry_waiting", "traces", 2},
		{"telemetry_sent_total", "logs", 2}, {"telemetry_sent_total", "metrics", 0},
	} {
		checkValue(t, tel, tc.want, tc.name, tc.signal)
	}
}

func TestCleanedTextIsCounted(t *testing.T) {
	tel, _ := traced(t)
	for _, id := range []string{"fine", "bad\xff", "line\nbreak", strings.Repeat("x", 1000)} {
		enqueue(t.Context(), tel, otelmail.MessageFacts{QueueID: id}, otelmail.CauseNone)
	}
	checkValue(t, tel, 2, "telemetry_cleaned_total", "not_text")
	checkValue(t, tel, 1, "telemetry_cleaned_total", "too_long")
}

// TestReaderContainsPanics registers a callback without the guard, as an application with
// its own provider does.
func TestReaderContainsPanics(t *testing.T) {
	reader, err := otelmail.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err == nil {
		t.Error("an unregistered reader collects without error")
	}
	mp := sdkProvider(reader)
	m := mp.Meter("application")
	g, _ := m.Int64ObservableGauge("app.g")
	r, _ := m.RegisterCallback(func(context.Context, metric.Observer) error { panic("bob@example.org") }, g)
	if err := reader.Collect(t.Context(), &rm); err == nil || strings.Contains(err.Error(), "bob@") {
		t.Errorf("collect: %v, want an error without the panic's value", err)
	}
	if err := r.Unregister(); err != nil {
		t.Fatal(err)
	}
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Errorf("collect after the panic: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := reader.Collect(cancelled, &rm); !errors.Is(err, context.Canceled) {
		t.Errorf("collect with a cancelled context: %v", err)
	}
}

// TestProbesWithoutTelemetry: a server that runs without telemetry is ready, when its
// checks hold; one whose Start has failed never says so.
func TestProbesWithoutTelemetry(t *testing.T) {
	ready := func(tel *otelmail.Telemetry) int {
		w := httptest.NewRecorder()
		tel.Health.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, health.ReadyPath, nil))
		return w.Code
	}
	tel := otelmail.Noop()
	defer func() { _ = tel.Shutdown(context.Background()) }()
	if code := ready(tel); code != http.StatusOK {
		t.Errorf("Noop: %d", code)
	}
	holds := make(chan error, 1)
	if err := tel.Health.Register("storage", func(context.Context) error { return <-holds }, health.Decides(health.Readiness)); err != nil {
		t.Fatal(err)
	}
	if code := ready(tel); code != http.StatusServiceUnavailable {
		t.Errorf("before the first check: %d", code)
	}
	holds <- nil
	waitFor(t, func() error {
		if code := ready(tel); code != http.StatusOK {
			return fmt.Errorf("after it: %d", code)
		}
		return nil
	})
	failed, err := otelmail.Start(t.Context(), lookup(), otelmail.WithoutGlobals(), otelmail.WithSampleRatio(7))
	if err == nil || ready(failed) != http.StatusServiceUnavailable {
		t.Errorf("a Start that failed, %v, is ready", err)
	}
}
