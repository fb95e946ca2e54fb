package otlp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// A difference begins where the one before has ended.
func TestDifferencesFollowEachOther(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	ends, gaps, count := map[string]uint64{}, 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		data, err := io.ReadAll(req.Body)
		in := &colmetrics.ExportMetricsServiceRequest{}
		if err == nil {
			err = proto.Unmarshal(data, in)
		}
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, rm := range in.GetResourceMetrics() {
			for _, sm := range rm.GetScopeMetrics() {
				for _, m := range sm.GetMetrics() {
					if m.GetSum().GetAggregationTemporality() != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA {
						continue
					}
					for _, p := range m.GetSum().GetDataPoints() {
						series := fmt.Sprint(m.GetName(), p.GetAttributes())
						if end := ends[series]; end != 0 {
							if count++; p.GetStartTimeUnixNano() != end {
								gaps++
							}
						}
						if ends[series] = p.GetTimeUnixNano(); p.GetStartTimeUnixNano() > p.GetTimeUnixNano() {
							t.Errorf("%s begins at %d and ends at %d", series, p.GetStartTimeUnixNano(), p.GetTimeUnixNano())
						}
					}
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	c := newPusher(append(only("metrics"), otlp.Endpoint(server.URL), otlp.Temporality(otlp.Delta), otlp.Interval(20*time.Millisecond))...)
	tel, _ := start(t, env(quick...), otelmail.WithExporter(c))
	eventually(t, "some differences", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return count > 500
	})
	if err := shutdown(tel, patience); err != nil {
		t.Error(err)
	}
	if gaps > 0 {
		t.Errorf("%d of %d differences do not begin where the ones before ended", gaps, count)
	}
}
