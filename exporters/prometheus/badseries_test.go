package prometheus_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	prom "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/protobuf/proto"

	"github.com/rusmes/otelmail/exporters/prometheus"
)

// collectorFunc is an unchecked collector.
type collectorFunc func(chan<- prom.Metric)

func (collectorFunc) Describe(chan<- *prom.Desc)       {}
func (f collectorFunc) Collect(out chan<- prom.Metric) { f(out) }

func gauge(name, help string, v float64, labels ...string) prom.Metric {
	var names, values []string
	for i := 0; i < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	return prom.MustNewConstMetric(prom.NewDesc(name, help, names, nil), prom.GaugeValue, v, values...)
}

// brokenMetric panics when it is written.
type brokenMetric struct{ desc *prom.Desc }

func (m brokenMetric) Desc() *prom.Desc        { return m.desc }
func (m brokenMetric) Write(*dto.Metric) error { panic("secret@example.org") }

func family(name string, kind dto.MetricType, metrics ...*dto.Metric) *dto.MetricFamily {
	return &dto.MetricFamily{Name: &name, Help: proto.String("Help."), Type: &kind, Metric: metrics}
}

func gatherer(families ...*dto.MetricFamily) prom.Gatherer {
	return prom.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
}

func bucket(bound float64, count uint64) *dto.Bucket {
	return &dto.Bucket{UpperBound: &bound, CumulativeCount: &count}
}

var good = gauge("good_series", "Good.", 7)

// badSeries are things that can be wrong on a page, each with the reason that it is counted
// under, "" where it can be shown after all.
var badSeries = []struct {
	name   string
	reason string
	setup  func(t *testing.T, m metric.Meter)
	option prometheus.HandlerOption
	has    []string // series that are on the page in spite of it
}{
	{name: "attribute value that is not UTF-8", has: []string{"app_hello_total"},
		setup: func(t *testing.T, m metric.Meter) {
			c, err := m.Int64Counter("app.hello")
			if err != nil {
				t.Fatal(err)
			}
			c.Add(t.Context(), 1, metric.WithAttributes(attribute.String("name", "bad\xff\xfe")))
		}},
	{name: "two instruments of one name and different types", reason: "series", has: []string{"app_twice"},
		setup: func(t *testing.T, m metric.Meter) {
			up, err := m.Int64UpDownCounter("app.twice")
			if err != nil {
				t.Fatal(err)
			}
			up.Add(t.Context(), 1)
			h, err := m.Int64Histogram("app_twice")
			if err != nil {
				t.Fatal(err)
			}
			h.Record(t.Context(), 1)
		}},
	{name: "instrument with a name of the catalogue", reason: "series",
		setup: func(t *testing.T, m metric.Meter) {
			c, err := m.Int64Histogram("rusmes_queue_size")
			if err != nil {
				t.Fatal(err)
			}
			c.Record(t.Context(), 99)
		}},
	{name: "callback that panics",
		setup: func(t *testing.T, m metric.Meter) {
			_, err := m.Int64ObservableGauge("app.panics", metric.WithInt64Callback(
				func(context.Context, metric.Int64Observer) error { panic("secret@example.org") }))
			if err != nil {
				t.Fatal(err)
			}
		}},
	{name: "callback that fails", has: []string{"app_fails"},
		setup: func(t *testing.T, m metric.Meter) {
			_, err := m.Int64ObservableGauge("app.fails", metric.WithInt64Callback(
				func(_ context.Context, o metric.Int64Observer) error { o.Observe(3); return errors.New("no disk") }))
			if err != nil {
				t.Fatal(err)
			}
		}},
	{name: "collector that panics", reason: "source", has: []string{"good_series"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) {
			out <- good
			panic("secret@example.org")
		}))},
	{name: "collector that ends its goroutine", reason: "source", has: []string{"good_series"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) {
			out <- good
			runtime.Goexit()
		}))},
	{name: "gatherer that ends its goroutine", reason: "source",
		option: prometheus.WithGatherers(prom.GathererFunc(func() ([]*dto.MetricFamily, error) {
			runtime.Goexit()
			return nil, nil
		}))},
	{name: "callback that ends its goroutine",
		setup: func(t *testing.T, m metric.Meter) {
			_, err := m.Int64ObservableGauge("app.ends", metric.WithInt64Callback(
				func(context.Context, metric.Int64Observer) error { runtime.Goexit(); return nil }))
			if err != nil {
				t.Fatal(err)
			}
		}},
	{name: "collector whose series panics", reason: "source",
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) {
			out <- brokenMetric{prom.NewDesc("broken", "Broken.", nil, nil)}
		}))},
	{name: "collector that fails", reason: "series", has: []string{"good_series"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) {
			out <- good
			out <- prom.NewInvalidMetric(prom.NewDesc("failing", "Failing.", nil, nil), errors.New("no disk"))
		}))},
	{name: "collector with a label value that is not UTF-8", reason: "series", has: []string{"good_series"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) {
			out <- good
			out <- brokenLabel{}
		}))},
	{name: "collector that repeats one of its series", reason: "series", has: []string{"good_series"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) { out <- good; out <- good }))},
	{name: "collector with a series of the catalogue", reason: "series", has: []string{"good_series"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) {
			out <- good
			out <- gauge("rusmes_queue_size", "Messages now in the queue", 99)
		}))},
	{name: "collector with a name of the catalogue and another type", reason: "series", has: []string{"good_series"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) {
			out <- good
			out <- gauge("rusmes_smtp_connections_total", "Mine.", 99, "mine", "yes")
		}))},
	{name: "collector with the name of a histogram's lines", reason: "series", has: []string{"good_series"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) {
			out <- good
			out <- gauge("rusmes_smtp_session_duration_seconds_count", "Mine.", 99)
		}))},
	{name: "two collectors with the same series", reason: "series", has: []string{"good_series"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) { out <- good }),
			collectorFunc(func(out chan<- prom.Metric) { out <- good }))},
	{name: "the process's own series once more",
		option: prometheus.WithGatherers(prom.DefaultGatherer)},
	{name: "help that is not UTF-8", has: []string{"odd_help"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) { out <- gauge("odd_help", "caf\xe9", 1) }))},
	{name: "histogram with the label le", reason: "series", has: []string{"app_took"},
		setup: func(t *testing.T, m metric.Meter) {
			h, err := m.Float64Histogram("app.took")
			if err != nil {
				t.Fatal(err)
			}
			h.Record(t.Context(), 1, metric.WithAttributes(attribute.String("le", "mine")))
			h.Record(t.Context(), 1, metric.WithAttributes(attribute.String("queue", "out")))
		}},
	{name: "keys that become one when translated", has: []string{"app_keys_total"},
		setup: func(t *testing.T, m metric.Meter) {
			c, err := m.Int64Counter("app.keys")
			if err != nil {
				t.Fatal(err)
			}
			c.Add(t.Context(), 1, metric.WithAttributes(attribute.String("a.b", "1"), attribute.String("a_b", "2"), attribute.String("a/b", "3")))
		}},
	{name: "keys without a letter", reason: "series",
		setup: func(t *testing.T, m metric.Meter) {
			c, err := m.Int64Counter("app.signs")
			if err != nil {
				t.Fatal(err)
			}
			c.Add(t.Context(), 1, metric.WithAttributes(attribute.String("", "1"), attribute.String("...", "2")))
		}},
	{name: "summary with the label quantile", reason: "series",
		option: prometheus.WithGatherers(gatherer(family("odd_summary", dto.MetricType_SUMMARY,
			&dto.Metric{Summary: &dto.Summary{}, Label: []*dto.LabelPair{{Name: proto.String("quantile"), Value: proto.String("x")}}})))},
	{name: "collector's histogram with the label le", reason: "series", has: []string{"good_series"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) {
			out <- good
			out <- prom.MustNewConstHistogram(prom.NewDesc("odd_histogram", "Odd.", []string{"le"}, nil), 1, 1, map[float64]uint64{1: 1}, "x")
		}))},
	{name: "labels that become one when escaped", reason: "series", has: []string{"good_series", "escaped"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) {
			out <- good
			out <- gauge("escaped", "Escaped.", 1, "a.b", "1", "a_b", "2")
			out <- gauge("escaped", "Escaped.", 1, "a.b", "1")
		}))},
	{name: "families that become one when escaped", reason: "series", has: []string{"good_series", "esc_aped"},
		option: prometheus.WithCollectors(collectorFunc(func(out chan<- prom.Metric) {
			out <- good
			out <- gauge("esc.aped", "Escaped.", 1)
			out <- gauge("esc_aped", "Plain.", 2)
		}))},
	{name: "histogram whose buckets are out of order", reason: "series",
		option: prometheus.WithGatherers(gatherer(family("odd_buckets", dto.MetricType_HISTOGRAM, &dto.Metric{Histogram: &dto.Histogram{
			SampleCount: proto.Uint64(3), Bucket: []*dto.Bucket{bucket(2, 2), bucket(1, 3)}}})))},
	{name: "histogram whose buckets fall", reason: "series",
		option: prometheus.WithGatherers(gatherer(family("odd_buckets", dto.MetricType_HISTOGRAM, &dto.Metric{Histogram: &dto.Histogram{
			SampleCount: proto.Uint64(3), Bucket: []*dto.Bucket{bucket(1, 3), bucket(2, 2)}}})))},
	{name: "native histogram that contradicts itself", reason: "series",
		option: prometheus.WithGatherers(gatherer(family("odd_native", dto.MetricType_HISTOGRAM, &dto.Metric{Histogram: &dto.Histogram{
			SampleCount: proto.Uint64(3), Schema: proto.Int32(3), ZeroThreshold: proto.Float64(1e-9),
			PositiveSpan: []*dto.BucketSpan{{Offset: proto.Int32(0), Length: proto.Uint32(1)}}, PositiveDelta: []int64{-5}}})))},
	{name: "gatherer that panics", reason: "source",
		option: prometheus.WithGatherers(prom.GathererFunc(func() ([]*dto.MetricFamily, error) { panic("secret@example.org") }))},
	{name: "gatherer that fails", reason: "series", has: []string{"half"},
		option: prometheus.WithGatherers(prom.GathererFunc(func() ([]*dto.MetricFamily, error) {
			return []*dto.MetricFamily{family("half", dto.MetricType_GAUGE, &dto.Metric{Gauge: &dto.Gauge{Value: proto.Float64(1)}})},
				errors.New("no disk")
		}))},
	{name: "gatherer with a nil metric", reason: "source",
		option: prometheus.WithGatherers(gatherer(family("nothing", dto.MetricType_GAUGE, nil)))},
	{name: "gatherer with a nil family", reason: "source",
		option: prometheus.WithGatherers(gatherer(nil))},
	{name: "gatherer with a metric of another type", reason: "series",
		option: prometheus.WithGatherers(gatherer(family("mixed", dto.MetricType_GAUGE, &dto.Metric{Counter: &dto.Counter{}})))},
	{name: "gatherer with a name that is not UTF-8", reason: "series",
		option: prometheus.WithGatherers(gatherer(family("n\xff", dto.MetricType_GAUGE, &dto.Metric{Gauge: &dto.Gauge{}})))},
	{name: "gatherer without a name", reason: "series",
		option: prometheus.WithGatherers(gatherer(family("", dto.MetricType_GAUGE, &dto.Metric{Gauge: &dto.Gauge{}})))},
	{name: "gatherer with a type that does not exist", reason: "series",
		option: prometheus.WithGatherers(gatherer(family("odd_type", 42, &dto.Metric{Gauge: &dto.Gauge{}})))},
	{name: "gatherer with a label value that is not UTF-8", reason: "series",
		option: prometheus.WithGatherers(gatherer(family("odd", dto.MetricType_GAUGE, &dto.Metric{
			Label: []*dto.LabelPair{{Name: proto.String("l"), Value: proto.String("\xff")}}, Gauge: &dto.Gauge{}})))},
}

// brokenLabel is not made by client_golang's constructors, which would refuse it.
type brokenLabel struct{}

func (brokenLabel) Desc() *prom.Desc { return prom.NewDesc("odd_label", "Odd.", []string{"l"}, nil) }
func (brokenLabel) Write(m *dto.Metric) error {
	m.Label = []*dto.LabelPair{{Name: proto.String("l"), Value: proto.String("\xff")}}
	m.Gauge = &dto.Gauge{Value: proto.Float64(1)}
	return nil
}

func TestOneBadSeries(t *testing.T) {
	t.Parallel()
	healthy := families(t, get(t, start(t).url+"/metrics"))
	for _, bad := range badSeries {
		t.Run(bad.name, func(t *testing.T) {
			var opts []prometheus.Option
			if bad.option != nil {
				opts = append(opts, bad.option)
			}
			tel := start(t, opts...)
			if bad.setup != nil {
				bad.setup(t, tel.MeterProvider().Meter("example.org/app"))
			}
			for _, accept := range []string{"Accept: text/plain", wantsProtobuf} {
				all := families(t, get(t, tel.url+"/metrics", accept))
				for name, was := range healthy {
					if len(all[name].GetMetric()) < len(was.Metric) {
						t.Errorf("%s: %s has %d series, not %d", accept, name, len(all[name].GetMetric()), len(was.Metric))
					}
				}
				for _, name := range bad.has {
					if all[name] == nil {
						t.Errorf("%s: %s is missing", accept, name)
					}
				}
				if got := value(t, all, "rusmes_queue_size"); got != 0 {
					t.Errorf("%s: rusmes_queue_size %v comes from elsewhere", accept, got)
				}
			}
			// Each problem is counted on its own scrape or on the next.
			all := families(t, get(t, tel.url+"/metrics"))
			for _, reason := range []string{"source", "series", "encode", "timeout", "busy"} {
				if got := scrapeErrors(t, all, reason); (got > 0) != (reason == bad.reason) {
					t.Errorf("%v errors counted for reason %q", got, reason)
				}
			}
			checkReports(t, tel.errs.texts(), bad.reason)
		})
	}
}

func checkReports(t *testing.T, texts []string, reason string) {
	t.Helper()
	var ours []string
	for _, text := range texts {
		if strings.HasPrefix(text, "prometheus: ") {
			ours = append(ours, text)
		}
		if strings.Contains(text, "secret@example.org") || len(text) > 2000 || strings.Contains(text, "\n") {
			t.Errorf("report %q", text)
		}
	}
	if want := min(len(reason), 1); len(ours) != want {
		t.Errorf("%d reports, want %d for three scrapes: %q", len(ours), want, ours)
	}
}

// A valid family that cannot be written in the format asked for.
func TestFamilyThatCannotBeEncoded(t *testing.T) {
	h := &dto.Histogram{SampleCountFloat: proto.Float64(1.5), Bucket: []*dto.Bucket{{
		CumulativeCountFloat: proto.Float64(1.5), UpperBound: proto.Float64(1)}}}
	errs := &errorLog{}
	reader, _, _ := newReader(t, errs.handle)
	url := serve(t, newHandler(t, reader, prometheus.WithErrorHandler(errs.handle), prometheus.WithoutRuntimeMetrics(),
		prometheus.WithGatherers(gatherer(family("float_histogram", dto.MetricType_HISTOGRAM, &dto.Metric{Histogram: h})))))
	page := get(t, url, wantsOpenMetrics)
	if page.code != 200 || strings.Contains(page.body, "float_histogram") || !strings.HasSuffix(page.body, "# EOF\n") {
		t.Errorf("%d: %s", page.code, page.body)
	}
	if err := parseText(page.body); err != nil {
		t.Error(err)
	}
	all := families(t, get(t, url, wantsProtobuf))
	if all["float_histogram"] == nil {
		t.Error("protobuf has a form for it")
	}
	if got := scrapeErrors(t, all, "encode"); got != 1 {
		t.Errorf("%v encode errors counted", got)
	}
	if texts := errs.texts(); len(texts) != 1 || !strings.Contains(texts[0], "float_histogram") {
		t.Errorf("reports %q", texts)
	}
}

// badDescribe panics when it is registered.
type badDescribe struct{}

func (badDescribe) Describe(chan<- *prom.Desc) { panic("secret@example.org") }
func (badDescribe) Collect(chan<- prom.Metric) {}
