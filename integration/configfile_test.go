package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/mailconv"
)

// TestConfigurationFile: an application that builds its providers from OTEL_CONFIG_FILE has
// the series of one that Start builds them for, on /metrics and pushed as the file says.
func TestConfigurationFile(t *testing.T) {
	collector := peer.StartCollector(t)
	file := filepath.Join(t.TempDir(), "otel.yaml")
	signal := func(path string) string {
		return fmt.Sprintf("{exporter: {otlp_http: {endpoint: %q}}", "http://"+collector.HTTP()+path)
	}
	config := fmt.Sprintf(`file_format: "1.0"
resource: {attributes: [{name: service.name, value: configured}]}
meter_provider: {readers: [{periodic: %s, interval: 60000}}]}
tracer_provider: {processors: [{batch: %s}}]}
logger_provider: {processors: [{batch: %s}}]}
`, signal("/v1/metrics"), signal("/v1/traces"), signal("/v1/logs"))
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_CONFIG_FILE", file)
	// The exporter asks for other histograms, and the Views are stronger.
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram")

	var got, want page
	err := serveConfigured(t.Context(), func(tel *otelmail.Telemetry, h http.Handler) error {
		got = beforeAndAfter(t, tel, h)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_CONFIG_FILE", "")
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals())
	if err != nil {
		t.Fatal(err)
	}
	defer tel.Shutdown(context.Background())
	metrics, err := prometheus.NewHandler(tel.Reader())
	if err != nil {
		t.Fatal(err)
	}
	want = beforeAndAfter(t, tel, metrics)
	for _, difference := range differences("what the file makes", got, want) {
		t.Error(difference)
	}

	pushed := lastMetrics(collector) // at the latest when the providers were shut down
	for _, m := range otelmail.Catalog() {
		one, ok := pushed[m.FullName(namespace)]
		if !ok {
			continue // a histogram that nothing has moved
		}
		if pushedKind(one) != m.Kind.String() || one.Unit != m.Unit || one.Description != m.Help || one.Resource["service.name"] != "configured" {
			t.Errorf("pushed %+v, want %+v", one, m)
		}
		for series := range pushedPage(one) {
			if _, ok := want[series]; !ok {
				t.Errorf("%s is pushed, and not on the page", series)
			}
		}
	}
	for _, name := range []string{"rusmes_smtp_session_duration_seconds", "rusmes_smtp_connections_total", "rusmes_queue_size"} {
		if one := pushed[name]; len(one.Points) != 1 {
			t.Errorf("%s is pushed as %+v", name, one)
		}
	}
	if spans := collector.Traces(); !slices.ContainsFunc(spans, func(s peer.Span) bool { return strings.HasPrefix(s.Name, "SMTP NOOP") }) {
		t.Errorf("pushed %d spans, none of them is of the command", len(spans))
	}
}

// beforeAndAfter has a session happen, and returns the page. Series that nothing has moved are
// there too.
func beforeAndAfter(t *testing.T, tel *otelmail.Telemetry, h http.Handler) page {
	t.Helper()
	if n := len(scrape(t, h)); n < len(otelmail.Catalog()) {
		t.Errorf("%d series before any event, want at least %d", n, len(otelmail.Catalog()))
	}
	session := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
	session.Command(mailconv.SMTPNoop).End(otelmail.Reply{Code: 250})
	session.End(otelmail.CauseNone)
	p := scrape(t, h)
	for series := range p {
		if timed := strings.Contains(series, "_seconds"); timed || strings.HasPrefix(series, "rusmes_telemetry_") {
			p[series] = 0 // what it is takes time, or counts scrapes
		}
	}
	return p
}

func scrape(t *testing.T, h http.Handler) page {
	t.Helper()
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("/metrics: %d %s", answer.Code, answer.Body)
	}
	return readPage(t, answer.Body.String())
}
