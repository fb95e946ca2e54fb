package otelmail_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"reflect"
	"testing"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
)

// mode is one way to bind the series to OpenTelemetry. All of them show the same.
type mode struct {
	name string
	// open returns the Reader that a page shows, and others beside it.
	open func(t *testing.T) (tel *otelmail.Telemetry, page *otelmail.Reader, others []sdkmetric.Reader)
	// exponential says which readers have exponential histograms: the others, then
	// the page's; none for nil.
	exponential []bool
	// alone says that the mode needs a process of its own: OpenTelemetry's global
	// provider can be set only once to any effect.
	alone bool
}

var modes = []mode{
	{name: "Start", open: func(t *testing.T) (*otelmail.Telemetry, *otelmail.Reader, []sdkmetric.Reader) {
		tel, page := start(t)
		return tel, page, nil
	}},
	{name: "Start, differences pushed", open: func(t *testing.T) (*otelmail.Telemetry, *otelmail.Reader, []sdkmetric.Reader) {
		return startWithReaders(t, func(p export.Pipeline) []sdkmetric.Reader {
			return []sdkmetric.Reader{p.NewReader(sdkmetric.DeltaTemporalitySelector, false)}
		})
	}},
	{name: "Start, exponential histograms pushed", exponential: []bool{true, false}, open: func(t *testing.T) (*otelmail.Telemetry, *otelmail.Reader, []sdkmetric.Reader) {
		return startWithReaders(t, func(p export.Pipeline) []sdkmetric.Reader {
			return []sdkmetric.Reader{p.NewReader(sdkmetric.CumulativeTemporalitySelector, true)}
		})
	}},
	{name: "Start, three readers", exponential: []bool{true, false, false}, open: func(t *testing.T) (*otelmail.Telemetry, *otelmail.Reader, []sdkmetric.Reader) {
		return startWithReaders(t, func(p export.Pipeline) []sdkmetric.Reader {
			own := sdkmetric.NewManualReader()
			p.AddReader(own)
			return []sdkmetric.Reader{p.NewReader(sdkmetric.DeltaTemporalitySelector, true), own}
		})
	}},
	{name: "Start, exponential histograms", exponential: []bool{true}, open: func(t *testing.T) (*otelmail.Telemetry, *otelmail.Reader, []sdkmetric.Reader) {
		tel, page := start(t, otelmail.WithExponentialHistograms())
		return tel, page, nil
	}},
	{name: "New on a provider of the application's", open: func(t *testing.T) (*otelmail.Telemetry, *otelmail.Reader, []sdkmetric.Reader) {
		return bound(t, nil)
	}},
	{name: "New, three readers", open: func(t *testing.T) (*otelmail.Telemetry, *otelmail.Reader, []sdkmetric.Reader) {
		return bound(t, []sdkmetric.Reader{sdkmetric.NewManualReader(),
			sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector))})
	}},
	{name: "New, exponential histograms", exponential: []bool{true}, open: func(t *testing.T) (*otelmail.Telemetry, *otelmail.Reader, []sdkmetric.Reader) {
		return bound(t, nil, otelmail.WithExponentialHistograms())
	}},
	{name: "New on the global provider, which is set afterwards", alone: true, open: func(t *testing.T) (*otelmail.Telemetry, *otelmail.Reader, []sdkmetric.Reader) {
		tel := newTelemetry(t)
		mp, page := provider(t, nil)
		otel.SetMeterProvider(mp)
		return tel, page, nil
	}},
}

// run runs the test, in a process of its own where the mode needs one.
func (m mode) run(t *testing.T, test func(*testing.T)) {
	const alone = "OTELMAIL_TEST_ALONE"
	if !m.alone || os.Getenv(alone) != "" {
		test(t)
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.v", "-test.count=1", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), alone+"=1")
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name()+" ")) {
		t.Errorf("%v:\n%s", err, out)
	}
}

func startWithReaders(t *testing.T, add func(export.Pipeline) []sdkmetric.Reader) (*otelmail.Telemetry, *otelmail.Reader, []sdkmetric.Reader) {
	t.Helper()
	var others []sdkmetric.Reader
	tel, page := start(t, otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		others = add(p)
		return nil
	})))
	return tel, page, others
}

// bound is a Telemetry on an application's own MeterProvider, with our Views.
func bound(t *testing.T, others []sdkmetric.Reader, opts ...otelmail.ReaderOption) (*otelmail.Telemetry, *otelmail.Reader, []sdkmetric.Reader) {
	t.Helper()
	mp, page := provider(t, others, opts...)
	return newTelemetry(t, otelmail.WithMeterProvider(mp)), page, others
}

func provider(t *testing.T, others []sdkmetric.Reader, opts ...otelmail.ReaderOption) (*sdkmetric.MeterProvider, *otelmail.Reader) {
	t.Helper()
	page, err := otelmail.NewReader(opts...)
	if err != nil {
		t.Fatal(err)
	}
	all := []sdkmetric.Option{sdkmetric.WithView(page.Views()...), sdkmetric.WithReader(page)}
	for _, r := range others {
		all = append(all, sdkmetric.WithReader(r))
	}
	mp := sdkmetric.NewMeterProvider(all...)
	t.Cleanup(func() { _ = mp.Shutdown(context.Background()) })
	return mp, page
}

func newTelemetry(t *testing.T, opts ...otelmail.NewOption) *otelmail.Telemetry {
	t.Helper()
	tel, err := otelmail.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return tel
}

// TestEveryModeShowsTheSame makes every event happen in each mode: every reader shows the
// same names and the same numbers.
func TestEveryModeShowsTheSame(t *testing.T) {
	tel, reader := start(t)
	recordAllEvents(tel)
	all := collect(t, reader)
	want, wantShapes := valuesOf(all), shapesOf(all)
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			m.run(t, func(t *testing.T) {
				tel, page, others := m.open(t)
				for _, r := range others {
					collect(t, r) // what comes next is the first difference
				}
				recordAllEvents(tel)
				for i, r := range append(others, page) {
					all := collect(t, r)
					if got := valuesOf(all); !maps.Equal(got, want) {
						t.Errorf("reader %d: %v, want %v", i, got, want)
					}
					if got := shapesOf(all); !maps.Equal(got, wantShapes) {
						t.Errorf("reader %d: %v, want %v", i, got, wantShapes)
					}
					_, exponential := all["rusmes_smtp_session_duration_seconds"].Data.(metricdata.ExponentialHistogram[float64])
					if want := m.exponential != nil && m.exponential[i]; exponential != want {
						t.Errorf("reader %d: exponential histograms %t, want %t", i, exponential, want)
					}
				}
			})
		})
	}
}

func recordAllEvents(tel *otelmail.Telemetry) {
	for _, e := range events() {
		e.do(tel)
	}
}

// shapesOf describes each series, without its numbers and the form of its buckets.
func shapesOf(all map[string]metricdata.Metrics) map[string]string {
	shapes := map[string]string{}
	for name, m := range all {
		points := reflect.ValueOf(m.Data).FieldByName("DataPoints")
		kind := fmt.Sprintf("%T", m.Data)
		switch m.Data.(type) {
		case metricdata.Histogram[float64], metricdata.ExponentialHistogram[float64]:
			kind = "histogram"
		}
		shapes[name] = fmt.Sprintf("%s with %d series, %s, %s", kind, points.Len(), m.Unit, m.Description)
	}
	return shapes
}
