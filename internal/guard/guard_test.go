package guard_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/guard"
)

// guarded returns a meter, what collects from it, and what was refused and reported.
func guarded(t *testing.T, scope string) (metric.Meter, func() metricdata.ScopeMetrics, *[]guard.Reason, *[]string) {
	t.Helper()
	var refused []guard.Reason
	var reported []string
	reader := sdkmetric.NewManualReader()
	mp := guard.Meters(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
		func(err error) { reported = append(reported, err.Error()) },
		func(why guard.Reason) { refused = append(refused, why) })
	return mp.Meter(scope), func() metricdata.ScopeMetrics {
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &rm); err != nil {
			t.Fatal(err)
		}
		if len(rm.ScopeMetrics) != 1 {
			t.Fatalf("%d scopes", len(rm.ScopeMetrics))
		}
		return rm.ScopeMetrics[0]
	}, &refused, &reported
}

// Each kind of observable instrument keeps its description and unit, shows what it observes,
// refuses what that kind must refuse, and contains an error and a panic.
func TestObservables(t *testing.T) {
	type maker func(m metric.Meter, help, unit metric.InstrumentOption, f func(observe func(float64)) error) error
	ints := func(f func(func(float64)) error) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			return f(func(v float64) { o.Observe(int64(v)) })
		}
	}
	floats := func(f func(func(float64)) error) metric.Float64Callback {
		return func(_ context.Context, o metric.Float64Observer) error {
			return f(func(v float64) { o.Observe(v) })
		}
	}
	for _, tc := range []struct {
		name         string
		signed, real bool
		make         maker
	}{
		{"Int64ObservableCounter", false, false, func(m metric.Meter, help, unit metric.InstrumentOption, f func(func(float64)) error) error {
			_, err := m.Int64ObservableCounter("x", help, unit, metric.WithInt64Callback(ints(f)))
			return err
		}},
		{"Int64ObservableUpDownCounter", true, false, func(m metric.Meter, help, unit metric.InstrumentOption, f func(func(float64)) error) error {
			_, err := m.Int64ObservableUpDownCounter("x", help, unit, metric.WithInt64Callback(ints(f)))
			return err
		}},
		{"Int64ObservableGauge", true, false, func(m metric.Meter, help, unit metric.InstrumentOption, f func(func(float64)) error) error {
			_, err := m.Int64ObservableGauge("x", help, unit, metric.WithInt64Callback(ints(f)))
			return err
		}},
		{"Float64ObservableCounter", false, true, func(m metric.Meter, help, unit metric.InstrumentOption, f func(func(float64)) error) error {
			_, err := m.Float64ObservableCounter("x", help, unit, metric.WithFloat64Callback(floats(f)))
			return err
		}},
		{"Float64ObservableUpDownCounter", true, true, func(m metric.Meter, help, unit metric.InstrumentOption, f func(func(float64)) error) error {
			_, err := m.Float64ObservableUpDownCounter("x", help, unit, metric.WithFloat64Callback(floats(f)))
			return err
		}},
		{"Float64ObservableGauge", true, true, func(m metric.Meter, help, unit metric.InstrumentOption, f func(func(float64)) error) error {
			_, err := m.Float64ObservableGauge("x", help, unit, metric.WithFloat64Callback(floats(f)))
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, collect, refused, reported := guarded(t, "app")
			var fail error
			if err := tc.make(m, metric.WithDescription("help"), metric.WithUnit("s"), func(observe func(float64)) error {
				observe(-1)
				if tc.real {
					observe(math.NaN())
					observe(math.Inf(1))
				}
				observe(2)
				if fail == nil {
					panic("bob@example.org")
				}
				return fail
			}); err != nil {
				t.Fatal(err)
			}
			var want []guard.Reason
			if !tc.signed {
				want = append(want, guard.Negative)
			}
			if tc.real {
				want = append(want, guard.NaN, guard.Infinite)
			}
			for _, why := range []guard.Reason{guard.CallbackPanic, guard.CallbackError} {
				*refused, *reported = nil, nil
				shown := collect().Metrics[0]
				if !slices.Equal(*refused, append(want[:len(want):len(want)], why)) {
					t.Errorf("refused %v, want %v and %v", *refused, want, why)
				}
				if shown.Description != "help" || shown.Unit != "s" {
					t.Errorf("became %+v", shown)
				}
				if v := lastValue(shown.Data); v != 2 && (v != 1 || !tc.signed) { // -1 and 2 add up
					t.Errorf("shows %v", v)
				}
				if r := *reported; len(r) != 1 || !strings.HasPrefix(r[0], "a callback of meter app") || strings.Contains(r[0], "bob@") {
					t.Errorf("reported %q", r)
				}
				fail = errors.New("no disk")
			}
		})
	}
}

func lastValue(data metricdata.Aggregation) float64 {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		return float64(d.DataPoints[0].Value)
	case metricdata.Sum[float64]:
		return d.DataPoints[0].Value
	case metricdata.Gauge[int64]:
		return float64(d.DataPoints[0].Value)
	case metricdata.Gauge[float64]:
		return d.DataPoints[0].Value
	}
	return math.NaN()
}

func TestRegisteredCallbacks(t *testing.T) {
	m, collect, refused, _ := guarded(t, "app")
	ic, _ := m.Int64ObservableCounter("ic")
	ig, _ := m.Int64ObservableGauge("ig")
	fc, _ := m.Float64ObservableCounter("fc")
	fg, _ := m.Float64ObservableGauge("fg")
	iu, _ := m.Int64ObservableUpDownCounter("iu")
	fu, _ := m.Float64ObservableUpDownCounter("fu")
	if _, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(ic, -1)
		o.ObserveInt64(ig, -1)
		o.ObserveFloat64(fc, -1)
		o.ObserveFloat64(fg, -1)
		o.ObserveInt64(iu, -1)
		o.ObserveFloat64(fu, -1)
		o.ObserveFloat64(fg, math.NaN())
		panic("late")
	}, ic, ig, fc, fg, iu, fu); err != nil {
		t.Fatal(err)
	}
	if n := len(collect().Metrics); n != 4 {
		t.Errorf("%d instruments have values, want those that may be negative", n)
	}
	if want := []guard.Reason{guard.Negative, guard.Negative, guard.NaN, guard.CallbackPanic}; !slices.Equal(*refused, want) {
		t.Errorf("refused %v, want %v", *refused, want)
	}
}

func TestValues(t *testing.T) {
	m, collect, refused, _ := guarded(t, "app")
	ctx := t.Context()
	ic, _ := m.Int64Counter("ic")
	fc, _ := m.Float64Counter("fc")
	ud, _ := m.Float64UpDownCounter("ud")
	h, _ := m.Float64Histogram("h")
	g, _ := m.Float64Gauge("g")
	ic.Add(ctx, -1)
	for _, v := range []float64{math.NaN(), math.Inf(-1), -1} {
		fc.Add(ctx, v)
		ud.Add(ctx, v)
		h.Record(ctx, v)
		g.Record(ctx, v)
	}
	if n := len(collect().Metrics); n != 3 {
		t.Errorf("%d instruments have values, want the three that may be negative", n)
	}
	count := map[guard.Reason]int{}
	for _, why := range *refused {
		count[why]++
	}
	if count[guard.NaN] != 4 || count[guard.Infinite] != 4 || count[guard.Negative] != 2 || len(*refused) != 10 {
		t.Errorf("refused %v", count)
	}
}

// recorder keeps the scopes of log records.
type recorder struct {
	sdklog.Processor
	scopes []string
}

func (r *recorder) OnEmit(_ context.Context, record *sdklog.Record) error {
	s := record.InstrumentationScope()
	r.scopes = append(r.scopes, s.Name+s.Version+s.SchemaURL+s.Attributes.ToSlice()[0].Value.AsString())
	return nil
}

func (r *recorder) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

func TestScopes(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, name := range []string{"app", "app\xff", long} {
		attrs := attribute.NewSet(attribute.String("k", name))
		for kind, got := range map[string]string{
			"meter": func() string {
				reader := sdkmetric.NewManualReader()
				mp := guard.Meters(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), nil, nil)
				c, _ := mp.Meter(name, metric.WithInstrumentationVersion(name), metric.WithSchemaURL(name), metric.WithInstrumentationAttributeSet(attrs)).Int64Counter("c")
				c.Add(t.Context(), 1)
				var rm metricdata.ResourceMetrics
				_ = reader.Collect(t.Context(), &rm)
				s := rm.ScopeMetrics[0].Scope
				return s.Name + s.Version + s.SchemaURL + s.Attributes.ToSlice()[0].Value.AsString()
			}(),
			"tracer": func() string {
				_, span := guard.Tracers{TracerProvider: sdktrace.NewTracerProvider()}.Tracer(name,
					trace.WithInstrumentationVersion(name), trace.WithSchemaURL(name), trace.WithInstrumentationAttributeSet(attrs)).Start(t.Context(), "s")
				s := span.(sdktrace.ReadOnlySpan).InstrumentationScope()
				return s.Name + s.Version + s.SchemaURL + s.Attributes.ToSlice()[0].Value.AsString()
			}(),
			"logger": func() string {
				r := &recorder{}
				guard.Loggers{LoggerProvider: sdklog.NewLoggerProvider(sdklog.WithProcessor(r))}.Logger(name,
					log.WithInstrumentationVersion(name), log.WithSchemaURL(name), log.WithInstrumentationAttributeSet(attrs)).
					Emit(t.Context(), log.Record{})
				return r.scopes[0]
			}(),
		} {
			if !utf8.ValidString(got) || len(got) > 4*4096 || name == "app" && got != "appappappapp" {
				t.Errorf("%s: the scope %.20q became %.80q of %d bytes", kind, name, got, len(got))
			}
		}
	}
}
