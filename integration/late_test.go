package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/integration/internal/peer"
)

// collected is a metric whose value is the number of the collection that it is in.
const collected = "collections_total"

// outageOf is the time for which the mail server's metrics wait in TestMetricsThatWaited.
// Nobody waits for that long: Prometheus knows the time by the newest sample that anybody has
// sent, and takes those that are dated up to ten minutes ahead.
const outageOf = 10 * time.Minute

// A real Prometheus, without a Collector before it, gets what has waited in a buffer on disk.
func TestMetricsThatWaited(t *testing.T) {
	t.Parallel()
	// Prometheus takes no sample that is older than its newest one by half of this, an hour
	// by default.
	tenMinutes := peer.WithFlags("--storage.tsdb.min-block-duration=" + (2 * outageOf).String())
	for _, tt := range []struct {
		name     string
		options  []peer.PrometheusOption
		large    bool   // more than fits one request
		overtake bool   // newer metrics of the server have come before what waits
		refuses  string // what is too old; "" if all is taken
	}{
		{name: "in order, as Prometheus comes"},
		{name: "in order, in parts", large: true},
		{name: "older than it takes", options: []peer.PrometheusOption{tenMinutes}, refuses: "out of bounds"},
		{name: "older than a window that is too small",
			options: []peer.PrometheusOption{tenMinutes, peer.WithOutOfOrderWindow(time.Second)}, refuses: "too old sample"},
		{name: "with a window for the outage",
			options: []peer.PrometheusOption{tenMinutes, peer.WithOutOfOrderWindow(outageOf + time.Minute)}},
		{name: "overtaken", overtake: true, refuses: "out of order sample"},
		{name: "overtaken, with a window", overtake: true, options: []peer.PrometheusOption{peer.WithOutOfOrderWindow(outageOf)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := &late{t: t, dir: t.TempDir(), large: tt.large}
			boundary := l.wait()
			l.server = peer.StartPrometheusWith(t, append(tt.options, peer.WithOTLPReceiver())...)
			if tt.overtake {
				boundary = time.Now()
				l.overtake()
			} else {
				l.ahead(boundary.Add(outageOf))
			}
			l.send()
			l.wantTaken(boundary, tt.refuses)
		})
	}
}

// interval is the time from one collection to the next.
const interval = 100 * time.Millisecond

// unheard is the request whose answer gets lost, from 0: it is sent again, which does no harm.
const unheard = 7

// late is a mail server whose metrics have waited.
type late struct {
	t        *testing.T
	dir      string // of the buffer
	large    bool
	number   atomic.Int64
	server   *peer.Prometheus
	reported output

	mu       sync.Mutex
	requests []lateRequest
}

// lateRequest is a request that Prometheus has answered.
type lateRequest struct {
	first, last time.Time // of its points
	points      int
	number      float64 // of the collection; 0 if it is not in the request
	status      int
	says        string
	unheard     bool // the answer did not arrive
}

// start starts the mail server's telemetry, whose metrics go to url.
func (l *late) start(url string, interval time.Duration, more ...otlp.Option) (*otelmail.Telemetry, *otlp.Pusher) {
	l.t.Helper()
	pusher := otlp.NewPusher(append(more,
		otlp.Metrics(otlp.Endpoint(url)), otlp.Traces(otlp.Off()), otlp.Logs(otlp.Off()), otlp.Interval(interval))...)
	tel, err := otelmail.Start(l.t.Context(),
		otelmail.WithoutGlobals(), otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		otelmail.WithService("late", "1"), otelmail.WithResourceAttributes(attribute.String("service.instance.id", "mx1")),
		otelmail.WithErrorHandler(func(err error) { fmt.Fprintln(&l.reported, err) }),
		otelmail.WithExporter(pusher))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { l.end(tel) })
	_, err = tel.MeterProvider().Meter("late").Float64ObservableCounter(strings.TrimSuffix(collected, "_total"),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(float64(l.number.Add(1)))
			return nil
		}))
	if err != nil {
		l.t.Fatal(err)
	}
	for _, scope := range []string{"a", "z"} { // parts end between scopes and within them
		if !l.large {
			break
		}
		_, err := tel.MeterProvider().Meter(scope).Int64ObservableGauge(scope, metric.WithInt64Callback(
			func(_ context.Context, o metric.Int64Observer) error {
				for i := range 1000 {
					o.Observe(1, metric.WithAttributes(attribute.Int("series", i), attribute.String("long", strings.Repeat("x", 3000))))
				}
				return nil
			}))
		if err != nil {
			l.t.Fatal(err)
		}
	}
	return tel, pusher
}

func (l *late) end(tel *otelmail.Telemetry) {
	_ = tel.Shutdown(context.Background()) // what is not sent waits, what is refused is looked at elsewhere
}

// collections waits for so many more.
func (l *late) collections(more int64) {
	l.t.Helper()
	begin := l.number.Load()
	peer.Eventually(l.t, patience, func() error {
		if n := l.number.Load() - begin; n < more {
			return fmt.Errorf("%d collections, want %d", n, more)
		}
		return nil
	})
}

// wait has metrics collected while Prometheus is away, and returns a time in the middle.
func (l *late) wait() (middle time.Time) {
	l.t.Helper()
	tel, _ := l.start("http://"+refusing(l.t), interval, otlp.Buffer(l.dir))
	l.collections(6) // of which the last may not have its time yet
	middle = time.Now()
	l.collections(6)
	l.end(tel)
	return middle
}

// send starts the mail server again, and returns when nothing waits any more and there was a
// new collection, that of the end.
func (l *late) send() {
	l.t.Helper()
	proxy := httptest.NewServer(l)
	l.t.Cleanup(proxy.Close)
	tel, pusher := l.start(proxy.URL, time.Hour, otlp.Buffer(l.dir))
	peer.Eventually(l.t, patience, func() error {
		if s := pusher.Stats()[0]; s.Waiting != 0 {
			return fmt.Errorf("something waits still: %+v", s)
		}
		return nil
	})
	l.mu.Lock()
	defer l.end(tel)
	defer l.mu.Unlock()
	var refused, taken int64
	for _, r := range l.requests {
		if r.unheard {
			continue // it came again
		}
		if r.status == http.StatusOK {
			taken += int64(r.points)
		} else {
			refused += int64(r.points)
		}
	}
	if s := pusher.Stats()[0]; s.Sent != taken || s.Dropped != (otlp.Dropped{TooOld: refused}) {
		l.t.Errorf("taken are %d, refused %d: %+v", taken, refused, s)
	}
}

// overtake has the mail server push newer metrics without what waits.
func (l *late) overtake() {
	l.t.Helper()
	tel, pusher := l.start(l.server.OTLPMetricsURL(), interval)
	l.collections(3)
	l.end(tel)
	if s := pusher.Stats()[0]; s.Sent == 0 {
		l.t.Errorf("%+v", s)
	}
}

// ahead has somebody else send a sample of that time.
func (l *late) ahead(at time.Time) {
	l.t.Helper()
	body := fmt.Sprintf(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"ahead","gauge":{"dataPoints":[{"timeUnixNano":"%d","asDouble":1}]}}]}]}]}`, at.UnixNano())
	answer, err := http.Post(l.server.OTLPMetricsURL(), "application/json", strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		l.t.Fatalf("a sample of %v: %s", at, answer.Status)
	}
}

// ServeHTTP passes a request on to Prometheus and notes the answer.
func (l *late) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender had no more time
	}
	note := lateRequest{}
	err = note.read(body)
	var answer *http.Response
	if err == nil {
		answer, err = http.Post(l.server.OTLPMetricsURL(), r.Header.Get("Content-Type"), bytes.NewReader(body))
	}
	if err != nil {
		l.t.Errorf("passing a request on: %v", err)
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		l.t.Error(err)
	}
	note.status, note.says = answer.StatusCode, string(said)
	l.mu.Lock()
	defer l.mu.Unlock()
	note.unheard = len(l.requests) == unheard
	l.requests = append(l.requests, note)
	if note.unheard {
		answer.StatusCode = http.StatusBadGateway
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(said)
}

func (r *lateRequest) read(body []byte) error {
	in := &colmetrics.ExportMetricsServiceRequest{}
	if err := proto.Unmarshal(body, in); err != nil {
		return err
	}
	point := func(nanoseconds uint64) {
		at := time.Unix(0, int64(nanoseconds))
		if r.points++; r.points == 1 || at.Before(r.first) {
			r.first = at
		}
		if at.After(r.last) {
			r.last = at
		}
	}
	for _, resource := range in.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				for _, p := range slices.Concat(m.GetGauge().GetDataPoints(), m.GetSum().GetDataPoints()) {
					point(p.GetTimeUnixNano())
					if m.GetName()+"_total" == collected {
						r.number = p.GetAsDouble()
					}
				}
				for _, p := range m.GetHistogram().GetDataPoints() {
					point(p.GetTimeUnixNano())
				}
			}
		}
	}
	return nil
}

// wantTaken wants Prometheus to have all that is newer than the boundary, each once, and all
// that is older too, unless it refuses that.
func (l *late) wantTaken(boundary time.Time, refuses string) {
	t := l.t
	t.Helper()
	boundary = boundary.Truncate(time.Millisecond)
	times, held := map[time.Time]bool{}, map[float64]bool{}
	for _, series := range l.server.Samples(time.Now().Add(time.Minute), `{job="late"}[1h]`) {
		for _, s := range series.Samples {
			if refuses != "" && s.Time.Before(boundary) {
				t.Errorf("%v has a sample of %v, want none before %v", series.Labels, s.Time, boundary)
			}
			if series.Labels["__name__"] == collected {
				if held[s.Value] || times[s.Time] {
					t.Errorf("collection %v, of %v, is stored twice", s.Value, s.Time)
				}
				times[s.Time], held[s.Value] = true, true
			}
		}
	}
	// Of a callback that a busy machine holds up there is a number, and no value.
	heldUp := strings.Contains(l.reported.String(), "did not return in time")
	old, parts, last := 0, 0, 0.0
	for _, r := range l.requests {
		if r.number == 0 && l.large { // another part
			if parts++; r.status != http.StatusOK {
				t.Errorf("%d points of %v got %d: %.200q", r.points, r.first, r.status, r.says)
			}
			continue
		}
		if r.number < last {
			t.Errorf("collection %v comes after %v", r.number, last)
		}
		for last++; last < r.number; last++ {
			if !held[last] && !heldUp { // held are those that have overtaken
				t.Errorf("collection %v did not come", last)
			}
		}
		last = r.number
		if !r.first.Equal(r.last) {
			t.Errorf("collection %v is of %v and %v", r.number, r.first, r.last)
		}
		isOld := r.first.Before(boundary)
		if isOld {
			old++
		}
		status, lines := http.StatusOK, ""
		if isOld && refuses != "" {
			status, lines = http.StatusBadRequest, refuses+"\n"
		}
		if says := strings.ReplaceAll(r.says, lines, ""); r.status != status || says != "" || held[r.number] != (status == http.StatusOK) {
			t.Errorf("collection %v, of %v, the boundary is %v: %d %.200q; stored: %t", r.number, r.first, boundary, r.status, r.says, held[r.number])
		}
	}
	if l.large != (parts >= 10) {
		t.Errorf("there are %d other parts of collections", parts)
	}
	if old < 5 || len(l.requests) == old {
		t.Errorf("%d requests, %d of them old, want 5 at least, and newer ones", len(l.requests), old)
	}
	said := strings.Count(l.reported.String(), "out_of_order_time_window")
	if want := refuses != ""; (said == 1) != want || said > 1 {
		t.Errorf("%d reports say what to set, want one: %t:\n%s", said, want, l.reported.String())
	}
}
