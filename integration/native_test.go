package integration

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/integration/internal/peer"
)

// With the option, Prometheus keeps the histograms as native ones, from 0 on, and the
// Collector gets exponential ones.
func TestNativeHistograms(t *testing.T) {
	t.Parallel()
	collector := peer.StartCollector(t)
	page := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithShutdownTimeout(patience), otelmail.WithLogHandler(slog.NewTextHandler(io.Discard, nil)),
		otelmail.WithExponentialHistograms(), otelmail.WithExporter(page),
		otlp.Push(otlp.Endpoint("http://"+collector.HTTP()), otlp.Metrics()))
	if err != nil {
		t.Fatal(err)
	}
	server := peer.StartPrometheusWith(t, peer.WithTargets(page.Addr().String()),
		peer.WithScrapeSettings("scrape_native_histograms: true"))
	const name = "rusmes_smtp_session_duration_seconds"
	count := func(want float64) {
		t.Helper()
		peer.Eventually(t, patience, func() error {
			got := server.Query(name)
			if len(got) != 1 || got[0].Histogram == nil || got[0].Histogram.Count != want {
				return fmt.Errorf("%s is %+v, want a native histogram of %v", name, got, want)
			}
			return nil
		})
	}
	count(0)
	for range 5 {
		tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{}).End(otelmail.CauseNone)
	}
	count(5)
	if classic := server.Query(name + "_bucket"); len(classic) != 0 {
		t.Errorf("there are %d series of classic buckets too", len(classic))
	}
	if median := server.Query("histogram_quantile(0.5, " + name + ")"); len(median) != 1 || !(median[0].Value > 0 && median[0].Value < 1) {
		t.Errorf("the median of the sessions' durations is %+v", median)
	}
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	pushed, _ := collector.LastMetric(name)
	if pushed.Kind != "exponential_histogram" || len(pushed.Points) != 1 || pushed.Points[0].Count != 5 {
		t.Errorf("the Collector got %+v", pushed)
	}
}
