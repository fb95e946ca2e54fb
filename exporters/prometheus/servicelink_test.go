package prometheus_test

import (
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// Kubernetes sets OTEL_EXPORTER_PROMETHEUS_PORT for a Service called
// otel-exporter-prometheus.
func TestAServiceLinkIsNotOurPort(t *testing.T) {
	var errs errorLog
	s := prometheus.NewServer()
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithErrorHandler(errs.handle), otelmail.WithExporter(s),
		otelmail.WithLookupEnv(environment("OTEL_EXPORTER_PROMETHEUS_PORT", "tcp://10.0.0.1:9464", "RUSMES_METRICS_BIND_ADDRESS", "127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shutdown(tel) })
	if r := get(t, "http://"+s.Addr().String()+"/live"); r.code != 200 {
		t.Errorf("/live: %d", r.code)
	}
	if texts := errs.texts(); len(texts) != 1 || !strings.Contains(texts[0], "enableServiceLinks: false") {
		t.Errorf("warnings %q", texts)
	}
}
