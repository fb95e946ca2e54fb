package otlp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/health"
)

// TestHealthCheck: /health knows whether the push arrives, with a buffer and without; /ready and
// /live do not care.
func TestHealthCheck(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer int
		opts   []otlp.Option
	}{
		"away": {http.StatusServiceUnavailable, nil}, "refuses": {http.StatusBadRequest, nil}, // all is given up at once
		"away, and there is a buffer": {http.StatusServiceUnavailable, []otlp.Option{otlp.Buffer(t.TempDir())}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, nil)
			var away atomic.Bool
			r.answer = func(w http.ResponseWriter) bool {
				if away.Load() {
					w.WriteHeader(tt.answer)
				}
				return away.Load()
			}
			opts := append(tt.opts, otlp.Endpoint("http://"+r.httpAddr), otlp.Interval(50*time.Millisecond), otlp.HealthCheck(400*time.Millisecond))
			tel, _ := start(t, env("OTEL_BSP_EXPORT_TIMEOUT", "100", "OTEL_BLRP_EXPORT_TIMEOUT", "100", "OTEL_METRIC_EXPORT_TIMEOUT", "100"),
				otelmail.WithHealth(health.New(health.WithErrorDetail(true))), push(opts...))
			becomes := func(want health.State) health.Result {
				t.Helper()
				for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
					all := tel.Health.Snapshot()
					if len(all) == 1 && all[0].Name == "otlp" && all[0].State == want {
						return all[0]
					}
					if time.Now().After(end) {
						t.Fatalf("checks %+v, want otlp to be %s", all, want)
					}
				}
			}
			becomes(health.StateHealthy)
			away.Store(true)
			got := becomes(health.StateUnhealthy)
			for _, want := range []string{"otlp metrics to http://" + r.httpAddr, "nothing was taken for"} {
				if !strings.Contains(got.Error, want) {
					t.Errorf("error %q, want %q", got.Error, want)
				}
			}
			if strings.Contains(got.Error, "traces") {
				t.Errorf("error %q is about traces, of which there were none", got.Error)
			}
			for _, path := range []string{"/ready", "/live"} {
				rec := httptest.NewRecorder()
				tel.Health.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
				if rec.Code != http.StatusOK {
					t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
				}
			}
			away.Store(false)
			becomes(health.StateHealthy)
		})
	}
}

// TestNoHealthCheck where nothing is pushed or none is asked for, and a wrong one.
func TestNoHealthCheck(t *testing.T) {
	t.Parallel()
	for name, push := range map[string]otelmail.StartOption{
		"nothing is pushed": push(otlp.HealthCheck(time.Minute)),
		"not asked for":     push(otlp.Endpoint("http://127.0.0.1:1")),
	} {
		tel, _ := start(t, env(), push)
		if all := tel.Health.Snapshot(); len(all) != 0 {
			t.Errorf("%s: there are checks: %+v", name, all)
		}
	}
	for _, tt := range []struct {
		maxAge time.Duration
		says   []string
	}{
		{0, []string{"otlp.HealthCheck", "0s", "1ms"}}, {5, []string{"otlp.HealthCheck", "5ns"}}, {25 * time.Hour, []string{"otlp.HealthCheck", "25h"}},
	} {
		_, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), env(), push(otlp.HealthCheck(tt.maxAge)))
		for _, want := range tt.says {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
	}
	_, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), env(),
		otelmail.WithCheck("otlp", func(context.Context) error { return nil }),
		push(otlp.Endpoint("http://127.0.0.1:1"), otlp.HealthCheck(time.Minute)))
	if err == nil || !strings.Contains(fmt.Sprint(err), `"otlp": name is already registered`) {
		t.Errorf("a second check of that name: %v", err)
	}
}
