package peer_test

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

const point = `"startTimeUnixNano":"1700000000000000001","timeUnixNano":"1700000000000000002"`

// Not-a-number differs from itself, so the comparison goes by what a person would read.
func assertMetric(t *testing.T, collector *peer.Collector, want peer.Metric) {
	t.Helper()
	want.Scope, want.Resource = peer.Scope{Name: "otelmail"}, resource
	got, ok := collector.LastMetric(want.Name)
	if !ok {
		t.Errorf("no metric %s", want.Name)
		return
	}
	assertEqual(t, fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want))
}

func TestMetrics(t *testing.T) {
	collector := peer.StartCollector(t)
	status := post(t, collector, "/v1/metrics", `{"resourceMetrics":[{
		"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"mail"}}]},
		"scopeMetrics":[{"scope":{"name":"otelmail"},"metrics":[
			{"name":"received","description":"Messages.","unit":"{message}","sum":{"aggregationTemporality":2,"isMonotonic":true,
				"dataPoints":[{"attributes":[{"key":"tls","value":{"stringValue":"no"}}],`+point+`,"asInt":"0"},{`+point+`,"asInt":"7"}]}},
			{"name":"queue","gauge":{"dataPoints":[{`+point+`,"asDouble":2.5}]}},
			{"name":"broken","gauge":{"dataPoints":[{`+point+`,"asDouble":"NaN"}]}},
			{"name":"latency","unit":"s","histogram":{"aggregationTemporality":1,"dataPoints":[{`+point+`,
				"count":"3","sum":1.5,"min":0.25,"max":"Infinity","explicitBounds":[0.5,1],"bucketCounts":["1","0","2"],
				"exemplars":[{"timeUnixNano":"1700000000000000003","asDouble":0.75,"traceId":"0af7651916cd43dd8448eb211c80319c",
					"spanId":"b7ad6b7169203331","filteredAttributes":[{"key":"peer","value":{"stringValue":"mx"}}]}]}]}},
			{"name":"native","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{`+point+`,"count":"4","sum":8}]}},
			{"name":"older","summary":{"dataPoints":[{`+point+`,"count":"5","sum":10}]}}
		]}]}]}`)
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	nan := math.NaN()
	base := peer.Point{
		Attributes: map[string]any{}, Start: time.Unix(1700000000, 1), Time: time.Unix(1700000000, 2),
		Value: nan, Min: nan, Max: nan,
	}
	with := func(change func(*peer.Point)) peer.Point {
		changed := base
		change(&changed)
		return changed
	}
	assertMetric(t, collector, peer.Metric{
		Name: "received", Description: "Messages.", Unit: "{message}", Kind: "sum", Temporality: "cumulative", Monotonic: true,
		Points: []peer.Point{
			with(func(p *peer.Point) { p.Value, p.Attributes = 0, map[string]any{"tls": "no"} }),
			with(func(p *peer.Point) { p.Value = 7 }),
		},
	})
	assertMetric(t, collector, peer.Metric{
		Name: "queue", Kind: "gauge", Points: []peer.Point{with(func(p *peer.Point) { p.Value = 2.5 })},
	})
	assertMetric(t, collector, peer.Metric{Name: "broken", Kind: "gauge", Points: []peer.Point{base}})
	assertMetric(t, collector, peer.Metric{
		Name: "latency", Unit: "s", Kind: "histogram", Temporality: "delta",
		Points: []peer.Point{with(func(p *peer.Point) {
			p.Count, p.Sum, p.Min, p.Max = 3, 1.5, 0.25, math.Inf(1)
			p.Bounds, p.BucketCounts = []float64{0.5, 1}, []uint64{1, 0, 2}
			p.Exemplars = []peer.Exemplar{{
				Value: 0.75, Time: time.Unix(1700000000, 3), TraceID: traceID, SpanID: spanID,
				Attributes: map[string]any{"peer": "mx"},
			}}
		})},
	})
	assertMetric(t, collector, peer.Metric{
		Name: "native", Kind: "exponential_histogram", Temporality: "cumulative",
		Points: []peer.Point{with(func(p *peer.Point) { p.Count, p.Sum = 4, 8 })},
	})
	assertMetric(t, collector, peer.Metric{
		Name: "older", Kind: "summary", Points: []peer.Point{with(func(p *peer.Point) { p.Count, p.Sum = 5, 10 })},
	})
}

func TestLastMetricIsTheNewest(t *testing.T) {
	collector := peer.StartCollector(t)
	for _, value := range []string{"1", "2"} {
		body := `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"n","gauge":{"dataPoints":[{"asInt":"` + value + `"}]}}]}]}]}`
		if status := post(t, collector, "/v1/metrics", body); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	if all := collector.Metrics(); len(all) != 2 {
		t.Errorf("%d metrics, want each of the 2 exports", len(all))
	}
	if metric, ok := collector.LastMetric("n"); !ok || metric.Points[0].Value != 2 {
		t.Errorf("got %+v, %t, want the value 2", metric, ok)
	}
}
