package otlp_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/rusmes/otelmail/internal/freeport"
)

// receiver is an OTLP receiver over HTTP and gRPC, each on its own port. Like
// the Collector it takes 4 MiB and refuses a whole request for one bad byte.
type receiver struct {
	t   *testing.T
	tls *tls.Config

	mu        sync.Mutex
	spans     []*tracepb.Span
	records   []*logspb.LogRecord
	metrics   [][]*metricspb.Metric // by request
	headers   []map[string]string   // by request, names in lower case
	paths     []string
	encodings []string
	// answer, if set, decides on an HTTP request in place of taking it.
	answer func(w http.ResponseWriter) (answered bool)
	// callAnswer, if set, decides on a gRPC call: an error is returned in place
	// of taking it.
	callAnswer func() error
	// rejected is reported as a partial success, for every request.
	rejected int64

	httpAddr, grpcAddr string
	http               *http.Server
	grpc               *grpc.Server
}

// newReceiver listens on two addresses that are free.
func newReceiver(t *testing.T, config *tls.Config) *receiver {
	t.Helper()
	r := absentReceiver(t)
	r.tls = config
	r.start()
	return r
}

// absentReceiver has addresses on which nothing listens until start.
func absentReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, httpAddr: freeport.Address(t), grpcAddr: freeport.Address(t)}
	t.Cleanup(r.stop)
	return r
}

func (r *receiver) start() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.httpAddr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.httpAddr = l.Addr().String()
	if r.tls != nil {
		l = tls.NewListener(l, r.tls)
	}
	r.http = &http.Server{Handler: http.HandlerFunc(r.serveHTTP), ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func(s *http.Server) { _ = s.Serve(l) }(r.http)

	g, err := net.Listen("tcp", r.grpcAddr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.grpcAddr = g.Addr().String()
	opts := []grpc.ServerOption{grpc.UnaryInterceptor(r.decide)}
	if r.tls != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(r.tls)))
	}
	r.grpc = grpc.NewServer(opts...)
	coltraces.RegisterTraceServiceServer(r.grpc, traceService{r: r})
	colmetrics.RegisterMetricsServiceServer(r.grpc, metricService{r: r})
	collogs.RegisterLogsServiceServer(r.grpc, logService{r: r})
	go func(s *grpc.Server) { _ = s.Serve(g) }(r.grpc)
}

// stop closes the listeners and all connections.
func (r *receiver) stop() {
	if r.http != nil {
		_ = r.http.Close()
	}
	if r.grpc != nil {
		r.grpc.Stop()
	}
}

func (r *receiver) decide(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	r.mu.Lock()
	answer := r.callAnswer
	r.mu.Unlock()
	if answer != nil {
		if err := answer(); err != nil {
			return nil, err
		}
	}
	return next(ctx, req)
}

func (r *receiver) scheme() string {
	if r.tls != nil {
		return "https://"
	}
	return "http://"
}

func (r *receiver) httpURL() string { return r.scheme() + r.httpAddr }
func (r *receiver) grpcURL() string { return r.scheme() + r.grpcAddr }

func (r *receiver) serveHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	if answer != nil && answer(w) {
		return
	}
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	const most = 4 << 20
	data, err := io.ReadAll(io.LimitReader(body, most+1))
	if err != nil || len(data) > most {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	var reply proto.Message
	switch path := req.URL.Path; {
	case strings.HasSuffix(path, "traces"):
		in := &coltraces.ExportTraceServiceRequest{}
		if err = proto.Unmarshal(data, in); err == nil {
			reply = r.takeSpans(in)
		}
	case strings.HasSuffix(path, "metrics"):
		in := &colmetrics.ExportMetricsServiceRequest{}
		if err = proto.Unmarshal(data, in); err == nil {
			reply = r.takeMetrics(in)
		}
	case strings.HasSuffix(path, "logs"):
		in := &collogs.ExportLogsServiceRequest{}
		if err = proto.Unmarshal(data, in); err == nil {
			reply = r.takeLogs(in)
		}
	default:
		err = errors.New("unknown path " + path)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	headers := map[string]string{}
	for name, values := range req.Header {
		headers[strings.ToLower(name)] = values[0]
	}
	r.note(headers, req.URL.Path, req.Header.Get("Content-Encoding"))
	out, err := proto.Marshal(reply)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(out)
}

func (r *receiver) note(headers map[string]string, path, encoding string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers = append(r.headers, headers)
	r.paths = append(r.paths, path)
	r.encodings = append(r.encodings, encoding)
}

func (r *receiver) noteCall(ctx context.Context) {
	md, _ := metadata.FromIncomingContext(ctx)
	headers := map[string]string{}
	for name, values := range md {
		headers[name] = values[0]
	}
	// The server removes grpc-encoding from the metadata; what the client accepts
	// for the answer names what it used.
	method, _ := grpc.Method(ctx)
	r.note(headers, method, headers["grpc-encoding"])
}

func (r *receiver) takeSpans(in *coltraces.ExportTraceServiceRequest) *coltraces.ExportTraceServiceResponse {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rs := range in.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			r.spans = append(r.spans, ss.GetSpans()...)
		}
	}
	out := &coltraces.ExportTraceServiceResponse{}
	if r.rejected > 0 {
		out.PartialSuccess = &coltraces.ExportTracePartialSuccess{RejectedSpans: r.rejected, ErrorMessage: "not these"}
	}
	return out
}

func (r *receiver) takeMetrics(in *colmetrics.ExportMetricsServiceRequest) *colmetrics.ExportMetricsServiceResponse {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*metricspb.Metric
	for _, rm := range in.GetResourceMetrics() {
		for _, sm := range rm.GetScopeMetrics() {
			all = append(all, sm.GetMetrics()...)
		}
	}
	r.metrics = append(r.metrics, all)
	return &colmetrics.ExportMetricsServiceResponse{}
}

func (r *receiver) takeLogs(in *collogs.ExportLogsServiceRequest) *collogs.ExportLogsServiceResponse {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rl := range in.GetResourceLogs() {
		for _, sl := range rl.GetScopeLogs() {
			r.records = append(r.records, sl.GetLogRecords()...)
		}
	}
	return &collogs.ExportLogsServiceResponse{}
}

type traceService struct {
	coltraces.UnimplementedTraceServiceServer
	r *receiver
}

func (s traceService) Export(ctx context.Context, in *coltraces.ExportTraceServiceRequest) (*coltraces.ExportTraceServiceResponse, error) {
	s.r.noteCall(ctx)
	return s.r.takeSpans(in), nil
}

type metricService struct {
	colmetrics.UnimplementedMetricsServiceServer
	r *receiver
}

func (s metricService) Export(ctx context.Context, in *colmetrics.ExportMetricsServiceRequest) (*colmetrics.ExportMetricsServiceResponse, error) {
	s.r.noteCall(ctx)
	return s.r.takeMetrics(in), nil
}

type logService struct {
	collogs.UnimplementedLogsServiceServer
	r *receiver
}

func (s logService) Export(ctx context.Context, in *collogs.ExportLogsServiceRequest) (*collogs.ExportLogsServiceResponse, error) {
	s.r.noteCall(ctx)
	if len(in.GetResourceLogs()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "empty")
	}
	return s.r.takeLogs(in), nil
}

// spanNames counts the spans received, by name.
func (r *receiver) spanNames() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := map[string]int{}
	for _, s := range r.spans {
		names[s.GetName()]++
	}
	return names
}

func (r *receiver) counts() (spans, records, pushes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.spans), len(r.records), len(r.metrics)
}

// sums adds up a counter's points over all requests, or takes the last request's.
func (r *receiver) sum(name string, overAll bool) (total float64, temporality metricspb.AggregationTemporality) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, push := range r.metrics {
		if !overAll {
			total = 0
		}
		for _, m := range push {
			if m.GetName() != name {
				continue
			}
			temporality = m.GetSum().GetAggregationTemporality()
			for _, p := range m.GetSum().GetDataPoints() {
				total += float64(p.GetAsInt()) + p.GetAsDouble()
			}
		}
	}
	return total, temporality
}

func (r *receiver) setAnswer(f func(http.ResponseWriter) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *receiver) setCallAnswer(f func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.callAnswer = f
}

// order is the names of all spans in the order received, and the bodies of all records.
func (r *receiver) order() (spans, records []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		spans = append(spans, s.GetName())
	}
	for _, l := range r.records {
		records = append(records, l.GetBody().GetStringValue())
	}
	return spans, records
}

// allHeaders is every header of every request, joined.
func (r *receiver) allHeaders() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]string{}
	for _, h := range r.headers {
		maps.Copy(all, h)
	}
	return all
}

// histogramCount is how many values a histogram has, over all requests or in
// the last.
func (r *receiver) histogramCount(name string, overAll bool) (total uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, push := range r.metrics {
		if !overAll {
			total = 0
		}
		for _, m := range push {
			if m.GetName() != name {
				continue
			}
			for _, p := range m.GetHistogram().GetDataPoints() {
				total += p.GetCount()
			}
			for _, p := range m.GetExponentialHistogram().GetDataPoints() {
				total += p.GetCount()
			}
		}
	}
	return total
}
