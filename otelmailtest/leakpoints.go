package otelmailtest

import (
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail/exporters/prometheus"
)

// pointAttributes adds the attributes of a metric's points and of their exemplars.
func pointAttributes(m metricdata.Metrics, add func(place string, attrs []attribute.KeyValue)) {
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		numbers(m.Name, data.DataPoints, add)
	case metricdata.Sum[float64]:
		numbers(m.Name, data.DataPoints, add)
	case metricdata.Gauge[int64]:
		numbers(m.Name, data.DataPoints, add)
	case metricdata.Gauge[float64]:
		numbers(m.Name, data.DataPoints, add)
	case metricdata.Histogram[int64]:
		buckets(m.Name, data.DataPoints, add)
	case metricdata.Histogram[float64]:
		buckets(m.Name, data.DataPoints, add)
	case metricdata.ExponentialHistogram[int64]:
		exponential(m.Name, data.DataPoints, add)
	case metricdata.ExponentialHistogram[float64]:
		exponential(m.Name, data.DataPoints, add)
	}
}

func numbers[N int64 | float64](name string, points []metricdata.DataPoint[N], add func(string, []attribute.KeyValue)) {
	for _, p := range points {
		add(name, p.Attributes.ToSlice())
		exemplars(name, p.Exemplars, add)
	}
}

func buckets[N int64 | float64](name string, points []metricdata.HistogramDataPoint[N], add func(string, []attribute.KeyValue)) {
	for _, p := range points {
		add(name, p.Attributes.ToSlice())
		exemplars(name, p.Exemplars, add)
	}
}

func exponential[N int64 | float64](name string, points []metricdata.ExponentialHistogramDataPoint[N], add func(string, []attribute.KeyValue)) {
	for _, p := range points {
		add(name, p.Attributes.ToSlice())
		exemplars(name, p.Exemplars, add)
	}
}

func exemplars[N int64 | float64](name string, all []metricdata.Exemplar[N], add func(string, []attribute.KeyValue)) {
	for _, e := range all {
		add(name+", exemplar", e.FilteredAttributes)
	}
}

// page is /metrics as Prometheus asks for it, exemplars included.
func (r *Recorder) page() string {
	r.t.Helper()
	handler, err := prometheus.NewHandler(r.Tel.Reader())
	if err != nil {
		r.t.Errorf("otelmailtest: %v", err)
		return ""
	}
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		r.t.Errorf("otelmailtest: /metrics answers %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}
