package prometheus_test

import (
	"context"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// TestPlace: an address that no other process can have, from wherever it is set.
func TestPlace(t *testing.T) {
	for want, tc := range map[string]struct {
		opts []prometheus.Option
		env  map[string]string
	}{
		"0.0.0.0:9090":          {},
		"127.0.0.1:9464":        {opts: []prometheus.Option{prometheus.WithAddress("127.0.0.1:9464")}, env: map[string]string{"RUSMES_METRICS_BIND_ADDRESS": "[::1]:1"}},
		"[::1]:9464":            {env: map[string]string{"RUSMES_METRICS_BIND_ADDRESS": "[::1]:9464"}},
		"0.0.0.0:9464":          {env: map[string]string{"OTEL_EXPORTER_PROMETHEUS_PORT": "9464"}},
		"unix:/run/mail/m.sock": {env: map[string]string{"RUSMES_METRICS_BIND_ADDRESS": "unix:/run/mail/m.sock"}},
	} {
		if got := placeOf(t, prometheus.NewServer(tc.opts...), tc.env); got != want {
			t.Errorf("%+v: %q, want %q", tc.env, got, want)
		}
	}
	for name, tc := range map[string]struct {
		opts []prometheus.Option
		env  map[string]string
	}{
		"a port that the system chooses": {opts: []prometheus.Option{prometheus.WithAddress("127.0.0.1:0")}},
		"no server":                      {env: map[string]string{"RUSMES_METRICS_ENABLED": "false"}},
		"a wrong address":                {env: map[string]string{"RUSMES_METRICS_BIND_ADDRESS": "nowhere"}},
		"a wrong option":                 {opts: []prometheus.Option{nil}},
		"no socket of systemd":           {env: map[string]string{"RUSMES_METRICS_BIND_ADDRESS": "systemd:metrics"}},
	} {
		if got := placeOf(t, prometheus.NewServer(tc.opts...), tc.env); got != "" {
			t.Errorf("%s: %q, want none", name, got)
		}
	}
}

// placeOf is what Start would ask for.
func placeOf(t *testing.T, s *prometheus.Server, env map[string]string) (place string) {
	t.Helper()
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(),
		otelmail.WithLookupEnv(func(name string) (string, bool) { v, ok := env[name]; return v, ok }),
		otelmail.WithErrorHandler(func(err error) { t.Errorf("the place: %v", err) }),
		otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
			place = s.Place(p)
			return nil
		})))
	if err != nil {
		t.Fatal(err)
	}
	if err := shutdown(tel); err != nil {
		t.Error(err)
	}
	return place
}
