package prometheus_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rusmes/otelmail/exporters/prometheus"
)

// A scraper's headers may contain anything.
func FuzzRequestHeaders(f *testing.F) {
	f.Add("text/plain", "gzip", "10", "rusmes_queue_size")
	f.Add("application/openmetrics-text; version=1.0.0; escaping=dots; q=0.9, */*;q=0.1", "gzip;q=0.1, *", "1e-300", "")
	f.Add("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", ";;q=,gzip;q=x", "-NaN", "\xff")
	f.Add("application/openmetrics-text; version=99", "gzip;q=Inf", "0x1p-1074", "a&name[]=b")
	reader, _, _ := newReader(f, func(error) {})
	h := newHandler(f, reader, prometheus.WithoutRuntimeMetrics(), prometheus.WithErrorHandler(func(error) {}))
	f.Fuzz(func(t *testing.T, accept, encoding, timeout, name string) {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.URL.RawQuery = "name[]=" + name
		if name == "" {
			r.URL.RawQuery = ""
		}
		r.Header.Set("Accept", accept)
		r.Header.Set("Accept-Encoding", encoding)
		r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", timeout)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		// A scraper may shorten the time limit, and never extend it.
		if w.Code != http.StatusOK && w.Code != http.StatusServiceUnavailable {
			t.Fatalf("status %d", w.Code)
		}
		if w.Code == http.StatusOK && w.Header().Get("Content-Encoding") == "gzip" {
			gunzip(t, w.Body.String())
		}
	})
}
