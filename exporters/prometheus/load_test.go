package prometheus_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail/exporters/prometheus"
)

// producerFunc is a source of metrics for tests.
type producerFunc func(context.Context) ([]metricdata.ScopeMetrics, error)

func (f producerFunc) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) { return f(ctx) }

// gate is a producer that signals when it is called and returns when it is released.
type gate struct {
	entered chan struct{}
	leave   chan struct{}
	now     atomic.Int64
	most    atomic.Int64
}

func newGate() *gate {
	return &gate{entered: make(chan struct{}, 1000), leave: make(chan struct{})}
}

func (g *gate) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	n := g.now.Add(1)
	defer g.now.Add(-1)
	for was := g.most.Load(); n > was && !g.most.CompareAndSwap(was, n); was = g.most.Load() {
	}
	g.entered <- struct{}{}
	<-g.leave
	return nil, nil
}

func TestStormIsBounded(t *testing.T) {
	g := newGate()
	errs := &errorLog{}
	url := serve(t, newHandler(t, g, prometheus.WithMaxConcurrentScrapes(3), prometheus.WithErrorHandler(errs.handle)))
	const storm = 200
	codes := make(chan response, storm)
	for range storm {
		go func() {
			r, err := try(plainClient, http.MethodGet, url)
			if err != nil {
				t.Error(err)
			}
			codes <- r
		}()
	}
	count := func(n, want int) {
		t.Helper()
		for range n {
			r := <-codes
			if r.code != want {
				t.Errorf("status %d, want %d: %s", r.code, want, r.body)
			}
			if want == http.StatusServiceUnavailable && r.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
	}
	count(storm-3, http.StatusServiceUnavailable) // these do not wait
	close(g.leave)
	count(3, http.StatusOK)
	if got := g.most.Load(); got != 3 {
		t.Errorf("%d collections at once, want 3", got)
	}
	all := families(t, get(t, url))
	if got := scrapeErrors(t, all, "busy"); got != storm-3 {
		t.Errorf("%v refusals counted", got)
	}
	if texts := errs.texts(); len(texts) != 1 {
		t.Errorf("%d reports: %q", len(texts), texts)
	}
}

// slowWriter is a client that reads nothing until it is released.
type slowWriter struct {
	*httptest.ResponseRecorder
	reached chan struct{}
	leave   chan struct{}
}

func (w slowWriter) Write(b []byte) (int, error) {
	w.reached <- struct{}{}
	<-w.leave
	return w.ResponseRecorder.Write(b)
}

func TestSlowReadersHoldNoCollection(t *testing.T) {
	reader, _, _ := newReader(t, func(err error) { t.Error(err) })
	h := newHandler(t, reader, prometheus.WithMaxConcurrentScrapes(1), prometheus.WithErrorHandler(func(error) {}))
	scrape := func(w http.ResponseWriter) { h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil)) }
	slow := slowWriter{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
	var wg sync.WaitGroup
	for range 3 { // of four scrapes at a time, one stays possible
		wg.Go(func() { scrape(slowWriter{httptest.NewRecorder(), slow.reached, slow.leave}) })
		<-slow.reached
	}
	quick := httptest.NewRecorder()
	scrape(quick)
	if quick.Code != http.StatusOK {
		t.Errorf("beside slow readers: %d", quick.Code)
	}
	wg.Go(func() { scrape(slow) })
	<-slow.reached
	refused := httptest.NewRecorder()
	scrape(refused)
	if refused.Code != http.StatusServiceUnavailable {
		t.Errorf("the fifth at once: %d, its page would be held in memory", refused.Code)
	}
	close(slow.leave)
	wg.Wait()
	if slow.Code != http.StatusOK || !strings.Contains(slow.Body.String(), "rusmes_queue_size 0") {
		t.Errorf("slow reader: %d", slow.Code)
	}
}

// A scrape that follows another at once finds every collection ended.
func TestOneScrapeAfterTheOther(t *testing.T) {
	reader, _, _ := newReader(t, func(err error) { t.Error(err) })
	h := newHandler(t, reader, prometheus.WithMaxConcurrentScrapes(1), prometheus.WithErrorHandler(func(err error) { t.Error(err) }))
	for i := range 500 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics?name[]=rusmes_queue_size", nil))
		if w.Code != http.StatusOK {
			t.Fatalf("scrape %d: %d %s", i+1, w.Code, w.Body)
		}
	}
}

// wideGatherer fills a page that is larger than any socket buffer.
func wideGatherer() prom.Gatherer {
	v := prom.NewGaugeVec(prom.GaugeOpts{Name: "wide", Help: "Wide."}, []string{"l"})
	for i := range 20_000 {
		v.WithLabelValues(fmt.Sprintf("%d%s", i, strings.Repeat("x", 1000))).Set(1)
	}
	r := prom.NewRegistry()
	r.MustRegister(v)
	return r
}

func TestWriteDeadline(t *testing.T) {
	t.Parallel()
	reader, _, _ := newReader(t, func(error) {}) // a busy machine may need longer than that for the gatherer
	h := newHandler(t, reader, prometheus.WithGatherers(wideGatherer()), prometheus.WithScrapeTimeout(5*time.Second))
	ended := make(chan struct{})
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		r.Header.Del("X-Prometheus-Scrape-Timeout-Seconds")
		h.ServeHTTP(w, r)
	}))
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select { // the client reads nothing
	case <-ended:
	case <-time.After(2 * time.Minute):
		t.Fatal("the handler waits for a client that does not read")
	}
}

// The deadline of one scrape must not end the connection for the next request.
func TestConnectionOutlivesTheWriteDeadline(t *testing.T) {
	t.Parallel()
	reader, _, _ := newReader(t, func(err error) { t.Error(err) })
	const limit = 2 * time.Second
	url := serve(t, newHandler(t, reader, prometheus.WithScrapeTimeout(limit)))
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for i := range 2 {
		if i > 0 {
			time.Sleep(limit + 50*time.Millisecond) // past the first deadline
		}
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(in, nil) //nolint:bodyclose // the connection under it is closed
		if err != nil {
			t.Fatalf("request %d: %v", i+1, err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("request %d: %d, %v", i+1, res.StatusCode, err)
		}
	}
}

func TestTimeLimit(t *testing.T) {
	for _, tc := range []struct {
		header string
		bound  time.Duration
		want   time.Duration
	}{
		{"", 7 * time.Second, 7 * time.Second},
		{"2", 7 * time.Second, 1800 * time.Millisecond},
		{"0.5", 7 * time.Second, 450 * time.Millisecond},
		{"60", 7 * time.Second, 7 * time.Second},
		{"7.5", 7 * time.Second, 6750 * time.Millisecond},
		{"1e308", 7 * time.Second, 7 * time.Second},
		{"+Inf", 7 * time.Second, 7 * time.Second},
		{"NaN", 7 * time.Second, 7 * time.Second},
		{"0", 7 * time.Second, 7 * time.Second},
		{"-1", 7 * time.Second, 7 * time.Second},
		{"ten", 7 * time.Second, 7 * time.Second},
	} {
		var left time.Duration
		begun := time.Now()
		h := newHandler(t, producerFunc(func(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
			deadline, _ := ctx.Deadline()
			left = deadline.Sub(begun)
			return nil, nil
		}), prometheus.WithScrapeTimeout(tc.bound))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", tc.header)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if passed := time.Since(begun); left < tc.want || left > tc.want+passed {
			t.Errorf("header %q: the producer has %v, want %v", tc.header, left, tc.want)
		}
	}
}

func TestLateMetricsAre503(t *testing.T) {
	for name, produce := range map[string]producerFunc{
		"hangs": func(context.Context) ([]metricdata.ScopeMetrics, error) { select {} },
		"keeps the deadline": func(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	} {
		errs := &errorLog{}
		url := serve(t, newHandler(t, produce, prometheus.WithScrapeTimeout(20*time.Millisecond),
			prometheus.WithMaxConcurrentScrapes(2), prometheus.WithErrorHandler(errs.handle)))
		for range 5 { // more than are allowed at a time: each must end
			r := get(t, url)
			if r.code != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || !strings.Contains(r.body, "in time") {
				t.Errorf("%s: %d %q", name, r.code, r.body)
			}
		}
		if texts := errs.texts(); len(texts) != 1 {
			t.Errorf("%s: %d reports: %q", name, len(texts), texts)
		}
	}
}

func TestProducerThatFailsOrPanics(t *testing.T) {
	for name, produce := range map[string]producerFunc{
		"fails":  func(context.Context) ([]metricdata.ScopeMetrics, error) { return nil, errors.New("no data") },
		"panics": func(context.Context) ([]metricdata.ScopeMetrics, error) { panic("secret@example.org") },
	} {
		errs := &errorLog{}
		url := serve(t, newHandler(t, produce, prometheus.WithErrorHandler(errs.handle)))
		for range 2 {
			all := families(t, get(t, url))
			if all["go_goroutines"] == nil || all["process_start_time_seconds"] == nil {
				t.Errorf("%s: the other series are missing", name)
			}
		}
		if got := scrapeErrors(t, families(t, get(t, url)), "source"); got != 3 {
			t.Errorf("%s: %v errors counted", name, got)
		}
		if texts := errs.texts(); len(texts) != 1 || strings.Contains(texts[0], "secret") {
			t.Errorf("%s: reports %q", name, texts)
		}
	}
}

// One hanging gatherer costs its own series and a bounded number of goroutines.
func TestGathererThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		var calls atomic.Int64
		hanging := prom.GathererFunc(func() ([]*dto.MetricFamily, error) {
			calls.Add(1)
			<-leave
			return []*dto.MetricFamily{family("late_series", dto.MetricType_GAUGE, &dto.Metric{Gauge: &dto.Gauge{}})}, nil
		})
		reader, _, _ := newReader(t, func(err error) { t.Error(err) })
		errs := &errorLog{}
		handler := newHandler(t, reader, prometheus.WithGatherers(hanging), prometheus.WithErrorHandler(errs.handle),
			prometheus.WithScrapeTimeout(time.Second), prometheus.WithMaxConcurrentScrapes(2))
		page := func() response {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			return response{w.Code, w.Header(), w.Body.String()}
		}
		for range 6 {
			all := families(t, page())
			if all["rusmes_queue_size"] == nil || all["late_series"] != nil {
				t.Error("a page without its other series")
			}
		}
		if got := calls.Load(); got != 2 {
			t.Errorf("%d calls hang, want 2", got)
		}
		close(leave)
		eventually(t, "the gatherer is asked again", func() bool {
			return families(t, page())["late_series"] != nil
		})
	})
}
