package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// sameLines registers with client_golang the series of a page of ours, except the
// domains, with the same values.
func sameLines(ctx context.Context, page http.Handler) (*prom.Registry, error) {
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(w.Body)
	if err != nil {
		return nil, fmt.Errorf("read our own page: %w", err)
	}
	r := prom.NewRegistry()
	all := []prom.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})}
	for name, mf := range families {
		if !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			all = append(all, mirror(mf))
		}
	}
	for _, c := range all {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register with client_golang what our page has: %w", err)
		}
	}
	return r, nil
}

// mirror makes a collector that shows a family as it is.
func mirror(mf *dto.MetricFamily) prom.Collector {
	name, help := mf.GetName(), mf.GetHelp()
	var keys []string
	for _, l := range mf.GetMetric()[0].GetLabel() {
		keys = append(keys, l.GetName())
	}
	switch mf.GetType() {
	case dto.MetricType_HISTOGRAM:
		var bounds []float64
		buckets := mf.GetMetric()[0].GetHistogram().GetBucket()
		for _, b := range buckets[:len(buckets)-1] {
			bounds = append(bounds, b.GetUpperBound())
		}
		vec := prom.NewHistogramVec(prom.HistogramOpts{Name: name, Help: help, Buckets: bounds}, keys)
		for _, m := range mf.GetMetric() {
			recorded := m.GetHistogram()
			h := vec.WithLabelValues(values(m)...)
			for range recorded.GetSampleCount() {
				h.Observe(recorded.GetSampleSum() / float64(recorded.GetSampleCount()))
			}
		}
		return vec
	case dto.MetricType_GAUGE:
		vec := prom.NewGaugeVec(prom.GaugeOpts{Name: name, Help: help}, keys)
		for _, m := range mf.GetMetric() {
			vec.WithLabelValues(values(m)...).Set(m.GetGauge().GetValue())
		}
		return vec
	default:
		vec := prom.NewCounterVec(prom.CounterOpts{Name: name, Help: help}, keys)
		for _, m := range mf.GetMetric() {
			vec.WithLabelValues(values(m)...).Add(m.GetCounter().GetValue())
		}
		return vec
	}
}

func values(m *dto.Metric) []string {
	var out []string
	for _, l := range m.GetLabel() {
		out = append(out, l.GetValue())
	}
	return out
}
