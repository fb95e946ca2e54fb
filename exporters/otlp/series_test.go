package otlp_test

import (
	"context"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// TestStatsAreSeries: what was given up shows in the catalogue's own series.
func TestStatsAreSeries(t *testing.T) {
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(),
		otelmail.WithErrorHandler(func(error) {}),
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		push(otlp.Endpoint("http://127.0.0.1:1"), otlp.Metrics(otlp.Off()), otlp.Logs(otlp.Off())))
	if err != nil {
		t.Fatal(err)
	}
	tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{}).End(otelmail.CauseNone)
	if n, err := tel.Value("telemetry_waiting", "traces"); err != nil || n != 1 {
		t.Errorf("%d spans wait, %v; want 1", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if tel.Shutdown(ctx) == nil {
		t.Error("no error although nothing listens")
	}
	if n, err := tel.Value("telemetry_waiting", "logs"); err != nil || n != 0 {
		t.Errorf("%d log records wait, %v; want none", n, err)
	}
}
