package prometheus_test

import (
	"errors"
	"net/http"
	"testing"

	prom "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// An application that already has OpenTelemetry's exporter in a registry, and adds that
// registry to our page, sees each series once: those of the catalogue, its own
// instruments, and what else is in the registry.
func TestOwnExporterInAGatherer(t *testing.T) {
	handle := func(err error) { t.Errorf("background error: %v", err) }
	reader, err := otelmail.NewReader(otelmail.WithErrorHandler(handle))
	if err != nil {
		t.Fatal(err)
	}
	registry := prom.NewRegistry()
	theirs, err := otelprom.New(otelprom.WithRegisterer(registry))
	if err != nil {
		t.Fatal(err)
	}
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithReader(theirs), sdkmetric.WithView(reader.Views()...))
	tel, err := otelmail.New(otelmail.WithMeterProvider(mp), otelmail.WithErrorHandler(handle))
	if err != nil {
		t.Fatal(err)
	}
	tel.Queue.Size.Set(7)
	jobs, err := mp.Meter("app").Int64Counter("app.jobs")
	if err != nil {
		t.Fatal(err)
	}
	jobs.Add(t.Context(), 3)
	plain := prom.NewGauge(prom.GaugeOpts{Name: "app_plain"})
	registry.MustRegister(plain)

	page := newHandler(t, reader, prometheus.WithGatherers(registry), prometheus.WithErrorHandler(handle))
	all := families(t, get(t, serve(t, page)))
	for name, want := range map[string]float64{"rusmes_queue_size": 7, "app_jobs_total": 3, "app_plain": 0, "rusmes_smtp_errors_total": 0} {
		mf := all[name]
		if n := len(mf.GetMetric()); n != 1 {
			t.Errorf("%s has %d series, want 1: %v", name, n, mf)
			continue
		}
		if m := mf.GetMetric()[0]; m.GetGauge().GetValue()+m.GetCounter().GetValue() != want {
			t.Errorf("%s is %v, want %v", name, m, want)
		}
	}
	for name, mf := range all {
		for _, m := range mf.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "otel_scope_name" && name != "otel_scope_info" {
					t.Errorf("%s: a second copy: %v", name, m)
				}
			}
		}
	}
	if n := scrapeErrors(t, all, "series"); n != 0 {
		t.Errorf("%v scrape errors", n)
	}
}

// The page's own series and reports go where the Reader's go; an option wins.
func TestHandlerInheritsFromTheReader(t *testing.T) {
	var reports errorLog
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()),
		otelmail.WithNamespace("acme"), otelmail.WithErrorHandler(reports.handle))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shutdown(tel) }()
	broken := prom.GathererFunc(func() ([]*dto.MetricFamily, error) { return nil, errors.New("broken") })
	all := families(t, get(t, serve(t, newHandler(t, tel.Reader(), prometheus.WithGatherers(broken)))))
	if all["acme_telemetry_scrape_errors_total"] == nil || all["rusmes_telemetry_scrape_errors_total"] != nil {
		t.Error("the page's own series do not have the Reader's namespace")
	}
	if len(reports.texts()) != 1 {
		t.Errorf("reported: %q", reports.texts())
	}
	var own errorLog
	all = families(t, get(t, serve(t, newHandler(t, tel.Reader(), prometheus.WithGatherers(broken),
		prometheus.WithErrorHandler(own.handle)))))
	if all["acme_telemetry_scrape_errors_total"] == nil || len(own.texts()) != 1 {
		t.Errorf("the option is not heeded: reported %q", own.texts())
	}
}

// What NewHandler returns beside an error may be on a mux already.
func TestHandlerThatWasNotMade(t *testing.T) {
	h, err := prometheus.NewHandler((*otelmail.Reader)(nil))
	if err == nil {
		t.Error("a nil Reader is no error")
	}
	for _, h := range []*prometheus.Handler{h, {}} {
		if r := get(t, serve(t, h)); r.code != http.StatusServiceUnavailable {
			t.Errorf("status %d", r.code)
		}
	}
}
