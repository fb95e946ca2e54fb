package prometheus_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// BenchmarkScrape compares our page with client_golang serving the same lines:
// the catalogue, process_*, go_*, and a counter with n labels.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{0, 200, 1000} {
		reader, mp, _ := newReader(b, func(error) {})
		counter, err := mp.Meter("bench").Int64Counter("bench_total")
		if err != nil {
			b.Fatal(err)
		}
		for i := range n {
			counter.Add(b.Context(), 5, metric.WithAttributes(attribute.String("domain", fmt.Sprintf("d%d.example", i))))
		}
		ours := newHandler(b, reader)
		theirs := promhttp.HandlerFor(sameLines(b, ours), promhttp.HandlerOpts{EnableOpenMetrics: true})
		for _, side := range []struct {
			name string
			http.Handler
		}{{"otelmail", ours}, {"client_golang", theirs}} {
			for _, encoding := range []string{"identity", "gzip"} {
				b.Run(fmt.Sprintf("series=%d/%s/%s", n, encoding, side.name), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
						r.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
						r.Header.Set("Accept-Encoding", encoding)
						side.ServeHTTP(httptest.NewRecorder(), r)
					}
				})
			}
		}
	}
}

// sameLines registers with client_golang what is on our page.
func sameLines(b *testing.B, h http.Handler) *prom.Registry {
	b.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	r := prom.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for name, mf := range families(b, response{w.Code, w.Header(), w.Body.String()}) {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		var labels []string
		for _, l := range mf.Metric[0].Label {
			labels = append(labels, l.GetName())
		}
		gauges := prom.NewGaugeVec(prom.GaugeOpts{Name: name, Help: mf.GetHelp()}, labels)
		counters := prom.NewCounterVec(prom.CounterOpts{Name: name, Help: mf.GetHelp()}, labels)
		for _, m := range mf.Metric {
			var values []string
			for _, l := range m.Label {
				values = append(values, l.GetValue())
			}
			switch {
			case m.Histogram != nil:
				var bounds []float64
				for _, bucket := range m.Histogram.Bucket[:len(m.Histogram.Bucket)-1] {
					bounds = append(bounds, bucket.GetUpperBound())
				}
				r.MustRegister(prom.NewHistogram(prom.HistogramOpts{Name: name, Help: mf.GetHelp(), Buckets: bounds}))
			case m.Gauge != nil:
				gauges.WithLabelValues(values...).Set(m.Gauge.GetValue())
			default:
				counters.WithLabelValues(values...).Add(m.Counter.GetValue())
			}
		}
		switch {
		case mf.Metric[0].Gauge != nil:
			r.MustRegister(gauges)
		case mf.Metric[0].Counter != nil:
			r.MustRegister(counters)
		}
	}
	return r
}
