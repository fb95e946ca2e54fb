package integration

import (
	"io"
	"log/slog"
	"testing"

	prom "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/integration/internal/peer"
)

// collectors are an application's, which client_golang does not check.
type collectors []prom.Metric

func (collectors) Describe(chan<- *prom.Desc) {}

func (c collectors) Collect(out chan<- prom.Metric) {
	for _, m := range c {
		out <- m
	}
}

// For any one of these series Prometheus would refuse the whole page. It takes the rest.
func TestPrometheusTakesAPageWithBadSeries(t *testing.T) {
	t.Parallel()
	desc := func(name string, labels ...string) *prom.Desc { return prom.NewDesc(name, "Bad.", labels, nil) }
	bad := collectors{
		prom.MustNewConstHistogram(desc("bad_histogram", "le"), 1, 1, map[float64]uint64{1: 1}, "mine"),
		prom.MustNewConstMetric(desc("bad_labels", "a.b", "a_b"), prom.GaugeValue, 1, "1", "2"),
		prom.MustNewConstMetric(desc("bad_labels"), prom.GaugeValue, 2),
		prom.MustNewConstMetric(desc("bad.name"), prom.GaugeValue, 1),
		prom.MustNewConstMetric(desc("bad_name"), prom.GaugeValue, 2),
	}
	for name, settings := range map[string]string{
		"as it comes":         "",
		"text":                "scrape_protocols: [PrometheusText0.0.4]",
		"OpenMetrics":         "scrape_protocols: [OpenMetricsText1.0.0]",
		"protobuf":            "scrape_protocols: [PrometheusProto]",
		"text, old names":     "scrape_protocols: [PrometheusText0.0.4]\nmetric_name_validation_scheme: legacy\nmetric_name_escaping_scheme: underscores",
		"protobuf, old names": "scrape_protocols: [PrometheusProto]\nscrape_native_histograms: true\nmetric_name_validation_scheme: legacy\nmetric_name_escaping_scheme: underscores",
	} {
		t.Run(name, func(t *testing.T) {
			page := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"), prometheus.WithCollectors(bad))
			tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLogHandler(slog.NewTextHandler(io.Discard, nil)),
				otelmail.WithErrorHandler(func(error) {}), otelmail.WithExporter(page))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tel.Shutdown(t.Context()) }()
			h, err := tel.MeterProvider().Meter("app").Float64Histogram("app.took")
			if err != nil {
				t.Fatal(err)
			}
			h.Record(t.Context(), 1, metric.WithAttributes(attribute.String("le", "mine")))
			h.Record(t.Context(), 1, metric.WithAttributes(attribute.String("queue", "out")))
			h.Record(t.Context(), 1, metric.WithAttributes(attribute.String("a.b", "1"), attribute.String("a_b", "2")))

			server := peer.StartPrometheusWith(t, peer.WithTargets(page.Addr().String()), peer.WithScrapeSettings(settings))
			server.WaitUp(patience)
			for query, want := range map[string]int{
				"up == 1": 1, "rusmes_queue_size": 1, "app_took_count": 2, "bad_histogram_count": 0, `bad_labels{a_b=""}`: 1, "bad_name == 2": 1,
				`rusmes_telemetry_scrape_errors_total{reason="series"}`: 1,
			} {
				if got := server.Query(query); len(got) != want {
					t.Errorf("%s has %d series, want %d: %+v", query, len(got), want, got)
				}
			}
		})
	}
}
