package stack_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/rusmes/otelmail/exporters/otlp"
)

// receiver is an OTLP receiver that, like the Collector, takes 4 MiB and refuses
// a whole request for one bad byte.
type receiver struct {
	url   string
	delay time.Duration // before a request is taken

	mu      sync.Mutex
	traces  []*coltraces.ExportTraceServiceRequest
	metrics []*colmetrics.ExportMetricsServiceRequest
	logs    []*collogs.ExportLogsServiceRequest
	refused []error
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	time.Sleep(r.delay)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.take(req); err != nil {
		r.refused = append(r.refused, fmt.Errorf("%s: %w", req.URL.Path, err))
		w.WriteHeader(http.StatusBadRequest)
	}
}

func (r *receiver) take(req *http.Request) error {
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = z
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if len(data) > 4<<20 {
		return fmt.Errorf("%d bytes", len(data))
	}
	switch {
	case strings.HasSuffix(req.URL.Path, "traces"):
		in := &coltraces.ExportTraceServiceRequest{}
		r.traces = append(r.traces, in)
		return proto.Unmarshal(data, in)
	case strings.HasSuffix(req.URL.Path, "metrics"):
		in := &colmetrics.ExportMetricsServiceRequest{}
		r.metrics = append(r.metrics, in)
		return proto.Unmarshal(data, in)
	default:
		in := &collogs.ExportLogsServiceRequest{}
		r.logs = append(r.logs, in)
		return proto.Unmarshal(data, in)
	}
}

// check wants that many spans and log records, and the catalogue with what was counted. With
// differences, a histogram without a record is not sent.
func (r *receiver) check(t *testing.T, p otlp.Preference, spans, records int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range r.refused {
		t.Error("refused: ", err)
	}
	gotSpans, gotRecords := r.items()
	if gotSpans != spans || gotRecords != records {
		t.Errorf("%d spans and %d log records arrived, want %d and %d", gotSpans, gotRecords, spans, records)
	}
	seen := map[string]bool{}
	for m := range r.series() {
		seen[m.GetName()] = true
	}
	for _, name := range alwaysThere() {
		if !seen[name] && (p == otlp.Cumulative || !strings.HasSuffix(name, "_seconds")) { // deltas have no empty histograms
			t.Errorf("OTLP: %s is missing", name)
		}
	}
	if n := r.sumOf("rusmes_push_delivery_failures_total"); n != 1 {
		t.Errorf("OTLP: %v notifications given up, want 1", n)
	}
}

// counts are how many spans, log records and counted notifications were received.
func (r *receiver) counts() (spans, records, counted int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	spans, records = r.items()
	return spans, records, int(r.sumOf("rusmes_push_delivery_failures_total"))
}

func (r *receiver) items() (spans, records int) {
	for _, in := range r.traces {
		for _, rs := range in.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				spans += len(ss.GetSpans())
			}
		}
	}
	for _, in := range r.logs {
		for _, rl := range in.GetResourceLogs() {
			for _, sl := range rl.GetScopeLogs() {
				records += len(sl.GetLogRecords())
			}
		}
	}
	return spans, records
}

// series are all that were received, in all requests; r.mu is held.
func (r *receiver) series() iter.Seq[*metricspb.Metric] {
	return func(yield func(*metricspb.Metric) bool) {
		for _, in := range r.metrics {
			for _, rm := range in.GetResourceMetrics() {
				for _, sm := range rm.GetScopeMetrics() {
					for _, m := range sm.GetMetrics() {
						if !yield(m) {
							return
						}
					}
				}
			}
		}
	}
}

// metric is the last one received of a name, nil for none.
func (r *receiver) metric(name string) (last *metricspb.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := range r.series() {
		if m.GetName() == name {
			last = m
		}
	}
	return last
}

// sum adds up the points of a counter or gauge, of one request.
func (r *receiver) sum(name string) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sumOf(strings.Replace(name, "_", ".", 1)) // as the application named it
}

func (r *receiver) sumOf(name string) (total float64) {
	for m := range r.series() {
		if m.GetName() == name {
			for _, p := range append(m.GetSum().GetDataPoints(), m.GetGauge().GetDataPoints()...) {
				total += float64(p.GetAsInt()) + p.GetAsDouble()
			}
		}
	}
	return total
}

// points counts the data points received of a sum, and reports whether one of them is the
// SDK's overflow.
func (r *receiver) points(name string) (n int, overflow bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := range r.series() {
		if m.GetName() == name {
			for _, p := range m.GetSum().GetDataPoints() {
				n++
				overflow = overflow || p.GetAttributes()[0].GetKey() != "domain"
			}
		}
	}
	return n, overflow
}
