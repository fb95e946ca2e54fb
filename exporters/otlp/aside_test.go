package otlp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	coltraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// picky is a receiver of spans that judges requests by what is in them.
type picky struct {
	url string

	mu       sync.Mutex
	judge    func(w http.ResponseWriter, req *http.Request, name string) (answered bool)
	attempts int
	took     []string // the names of spans, in order
}

func newPicky(t *testing.T, judge func(w http.ResponseWriter, req *http.Request, name string) bool) *picky {
	t.Helper()
	p := &picky{judge: judge}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *picky) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	data, err := io.ReadAll(req.Body)
	in := &coltraces.ExportTraceServiceRequest{}
	if err == nil {
		err = proto.Unmarshal(data, in)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var names []string
	for _, rs := range in.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				names = append(names, s.GetName())
			}
		}
	}
	p.mu.Lock()
	p.attempts++
	judge := p.judge
	p.mu.Unlock()
	if judge != nil && judge(w, req, names[0]) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = append(p.took, names...)
}

func (p *picky) taken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.took)
}

func (p *picky) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.judge = nil
}

// request makes one request with one span.
func request(t *testing.T, tel *otelmail.Telemetry, c *otlp.Pusher, name string) {
	t.Helper()
	emitSpans(tel, name, 1)
	n := statsOf(t, c, "traces").Produced
	eventually(t, name+" is stored", func() bool {
		s := statsOf(t, c, "traces")
		return s.OnDisk+s.Sent+s.Failed == n
	})
}

// firstOf is each name where it first came: an answer that takes longer than the time-out is not heard, and the
// request comes again.
func firstOf(names []string) (first []string) {
	for _, name := range names {
		if !slices.Contains(first, name) {
			first = append(first, name)
		}
	}
	return first
}

// A request that is never taken holds up the others for a while only. It waits, is tried
// again, and is sent when it is taken.
func TestOneBadRequestDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	answer := func(status int, retryAfter string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			if retryAfter != "" {
				w.Header().Set("Retry-After", retryAfter)
			}
			w.WriteHeader(status)
		}
	}
	for name, refuse := range map[string]func(http.ResponseWriter, *http.Request){
		"502":                  answer(http.StatusBadGateway, ""),
		"503 with Retry-After": answer(http.StatusServiceUnavailable, "1"),
		"403":                  answer(http.StatusForbidden, ""),
		"never answered":       func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() },
		"cut off":              func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPicky(t, func(w http.ResponseWriter, req *http.Request, name string) bool {
				if strings.HasPrefix(name, "bad") {
					refuse(w, req)
					return true
				}
				return false
			})
			tel, c, b := buffered(t, t.TempDir(), append(only("traces"), otlp.Endpoint(p.url), otlp.Timeout(time.Second))...)
			var want []string
			for _, name := range []string{"good 1", "bad 1", "bad 2", "good 2", "good 3", "bad 3", "good 4", "good 5"} {
				request(t, tel, c, name)
				if strings.HasPrefix(name, "good") {
					want = append(want, name)
				}
			}
			eventually(t, "the bad ones are set aside", func() bool {
				s := statsOf(t, c, "traces")
				return s.Deferred == 3 && s.Sent == 5
			})
			if s := statsOf(t, c, "traces"); s.Failed != 0 || s.OnDisk != 3 {
				t.Errorf("%+v", s)
			}
			if n, err := tel.Value("telemetry_deferred", "traces"); err != nil || n != 3 {
				t.Errorf("telemetry_deferred is %v, %v", n, err)
			}
			if got := firstOf(p.taken()); !slices.Equal(got, want) {
				t.Errorf("came: %q", got)
			}
			if said := strings.Join(b.all(), "\n"); !strings.Contains(said, "1 spans are set aside after ") {
				t.Errorf("reports: %s", said)
			}
			p.mend()
			eventually(t, "they are sent", func() bool { return statsOf(t, c, "traces").Sent == 8 })
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			if s := statsOf(t, c, "traces"); s.Deferred != 0 || s.Waiting != 0 {
				t.Errorf("%+v", s)
			}
			slices.Sort(p.took)
			if got := p.took; len(slices.Compact(got)) != 8 {
				t.Errorf("came: %q", got)
			}
		})
	}
}

// pickyCalls is a receiver over gRPC that answers calls with a span named bad with an error.
type pickyCalls struct {
	coltraces.UnimplementedTraceServiceServer
	refuse error
	took   atomic.Int64
}

func (p *pickyCalls) Export(_ context.Context, in *coltraces.ExportTraceServiceRequest) (*coltraces.ExportTraceServiceResponse, error) {
	if strings.HasPrefix(in.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetName(), "bad") {
		return nil, p.refuse
	}
	p.took.Add(1)
	return &coltraces.ExportTraceServiceResponse{}, nil
}

func TestOneBadCallDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	for _, code := range []codes.Code{codes.Unavailable, codes.PermissionDenied} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server, p := grpc.NewServer(), &pickyCalls{refuse: status.Error(code, "not this")}
			coltraces.RegisterTraceServiceServer(server, p)
			go func() { _ = server.Serve(l) }()
			t.Cleanup(server.Stop)
			tel, c, _ := buffered(t, t.TempDir(), append(only("traces"), otlp.Endpoint("http://"+l.Addr().String()), otlp.Protocol(otlp.GRPC))...)
			for _, name := range []string{"bad 1", "good 1", "good 2"} {
				request(t, tel, c, name)
			}
			eventually(t, "the bad one is set aside", func() bool {
				s := statsOf(t, c, "traces")
				return s.Deferred == 1 && s.Sent == 2 && p.took.Load() == 2
			})
		})
	}
}

// While all requests fail, none is set aside, the receiver is not asked more often than
// twice for each pause, and afterwards all arrive in order.
func TestOutageSetsNothingAside(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status, until int           // attempts that fail: the front three times, then one behind it and the front in turns
		least         time.Duration // 0.1 to 1.6 s, or 1 to 4 s, each times 0.5 at least
	}{
		{http.StatusServiceUnavailable, 8, 1550 * time.Millisecond},
		{http.StatusForbidden, 4, 3500 * time.Millisecond},
	} {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			t.Parallel()
			var p *picky
			p = newPicky(t, func(w http.ResponseWriter, _ *http.Request, _ string) bool {
				p.mu.Lock()
				defer p.mu.Unlock()
				if p.attempts > tt.until {
					return false
				}
				w.WriteHeader(tt.status)
				return true
			})
			begun := time.Now()
			tel, c, b := buffered(t, t.TempDir(), append(only("traces"), otlp.Endpoint(p.url))...)
			var want []string
			for n := range 20 {
				want = append(want, fmt.Sprint("span ", n))
				request(t, tel, c, want[n])
			}
			for sent := int64(0); sent < 20; {
				s := statsOf(t, c, "traces")
				if sent = s.Sent; s.Deferred != 0 || s.Failed != 0 {
					t.Fatalf("%+v", s)
				}
				if time.Since(begun) > 2*time.Minute {
					t.Fatalf("%+v, reports: %q", s, b.all())
				}
				time.Sleep(5 * time.Millisecond)
			}
			if took := time.Since(begun); took < tt.least {
				t.Errorf("%d attempts in %v", tt.until, took)
			}
			if got := p.taken(); !slices.Equal(got, want) {
				t.Errorf("came: %q", got)
			}
		})
	}
}
