package otlp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// Which answers say that points are too old, as Prometheus does, and which that a request is bad.
func TestTooOldForTheReceiver(t *testing.T) {
	t.Parallel()
	tooOld, rejected := otlp.Dropped{TooOld: 1}, otlp.Dropped{Rejected: 1}
	for _, tt := range []struct {
		name, signal string
		code         int
		says         string
		want         otlp.Dropped
	}{
		{"older than the head", "metrics", 400, "out of bounds\nout of bounds\n", tooOld},
		{"older than the newest of the series", "metrics", 400, "out of order sample\n", tooOld},
		{"older than the window", "metrics", 400, "too old sample\r\n", tooOld},
		{"with what is wrong besides", "metrics", 400, "duplicate sample for timestamp 1\ntoo old sample\n", tooOld},
		{"too new", "metrics", 400, "out of bounds: timestamp is too far in the future\n", rejected},
		{"two with one name", "metrics", 400, "duplicate sample for timestamp 1; overrides not allowed: existing 1, new value 2\n", rejected},
		{"of another receiver", "metrics", 400, "label index out of bounds\n", rejected},
		{"without a word", "metrics", 400, "", rejected},
		{"with another status", "metrics", 422, "out of bounds\n", rejected},
		{"of spans", "traces", 400, "out of bounds\n", rejected},
	} {
		for _, way := range []string{"with a buffer", "without"} {
			t.Run(tt.name+" "+way, func(t *testing.T) {
				t.Parallel()
				r := newReceiver(t, nil)
				r.setAnswer(func(w http.ResponseWriter) bool {
					http.Error(w, strings.TrimSuffix(tt.says, "\n"), tt.code)
					return true
				})
				options := append(only(tt.signal), otlp.Endpoint(r.httpURL()), otlp.Interval(20*time.Millisecond))
				if way == "with a buffer" {
					options = append(options, otlp.Buffer(t.TempDir()))
				}
				c := newPusher(options...)
				tel, b := start(t, env(quick...), otelmail.WithExporter(c))
				emitSpans(tel, "a", 1)
				eventually(t, "something is dropped", func() bool { return statsOf(t, c, tt.signal).Failed > 0 })
				const hint = "storage.tsdb.out_of_order_time_window"
				reason := "rejected"
				if tt.want == tooOld {
					reason = "too_old"
					eventually(t, "the report", func() bool { return strings.Contains(fmt.Sprint(b.all()), hint) })
				}
				wantParts(t, shutdown(tel, patience), " "+reason)
				s := statsOf(t, c, tt.signal)
				if s.Dropped.TooOld > 0 != (tt.want == tooOld) || s.Dropped.Rejected > 0 != (tt.want == rejected) {
					t.Errorf("%+v, want %+v", s.Dropped, tt.want)
				}
				if said := strings.Count(fmt.Sprint(b.all()), hint); said != int(tt.want.TooOld) {
					t.Errorf("%d reports say what to set: %q", said, b.all())
				}
			})
		}
	}
}

// That the receiver is away has just been reported when it comes back and finds all too old:
// that is reported at once too.
func TestTooOldIsReportedAfterAnOutage(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	r.setAnswer(func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusServiceUnavailable); return true })
	_, c, b := buffered(t, t.TempDir(), append(only("metrics"), otlp.Endpoint(r.httpURL()), otlp.Interval(20*time.Millisecond))...)
	eventually(t, "a report", func() bool { return len(b.all()) > 0 })
	r.setAnswer(func(w http.ResponseWriter) bool { http.Error(w, "out of bounds", http.StatusBadRequest); return true })
	eventually(t, "another one", func() bool { return strings.Contains(fmt.Sprint(b.all()), "out_of_order_time_window") })
	eventually(t, "they are counted", func() bool { return statsOf(t, c, "metrics").Dropped.TooOld > 0 })
}

// aging takes requests of metrics as Prometheus does: none with a point older than its horizon.
type aging struct {
	t       *testing.T
	horizon time.Time

	mu      sync.Mutex
	took    int // requests
	refused int
	times   map[uint64]int    // requests, by the time of their points
	last    map[string]uint64 // time of the newest point, by series
}

func (a *aging) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	data, err := io.ReadAll(req.Body)
	in := &colmetrics.ExportMetricsServiceRequest{}
	if err == nil {
		err = proto.Unmarshal(data, in)
	}
	if err != nil {
		a.t.Error(err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var times []uint64
	point := func(metric string, attrs []*commonpb.KeyValue, at uint64) {
		times = append(times, at)
		series := metric
		for _, a := range attrs {
			series += " " + a.GetValue().GetStringValue()
		}
		if before := a.last[series]; at <= before {
			a.t.Errorf("%s of %d comes after %d", series, at, before)
		}
		a.last[series] = at
	}
	for _, rm := range in.GetResourceMetrics() {
		for _, sm := range rm.GetScopeMetrics() {
			for _, m := range sm.GetMetrics() {
				for _, p := range slices.Concat(m.GetGauge().GetDataPoints(), m.GetSum().GetDataPoints()) {
					point(m.GetName(), p.GetAttributes(), p.GetTimeUnixNano())
				}
				for _, p := range m.GetHistogram().GetDataPoints() {
					point(m.GetName(), p.GetAttributes(), p.GetTimeUnixNano())
				}
			}
		}
	}
	horizon := uint64(a.horizon.UnixNano())
	if oldest, newest := slices.Min(times), slices.Max(times); oldest != newest {
		a.t.Errorf("a request has points of %d and of %d", oldest, newest)
	}
	a.times[times[0]]++
	if times[0] < horizon {
		a.refused++
		http.Error(w, "out of bounds", http.StatusBadRequest)
		return
	}
	a.took++
}

// What is too old takes nothing with it that is newer: each request is of one collection, or
// of a part of one, whose points have one time, and the oldest is sent first.
func TestTheNewAreNotLostWithTheOld(t *testing.T) { // by itself: it keeps a processor busy
	dir := t.TempDir()
	var mu sync.Mutex
	var collections []time.Time
	begin := func(url string, interval time.Duration) (*otelmail.Telemetry, *otlp.Pusher) {
		tel, c, _ := buffered(t, dir, append(only("metrics"), otlp.Endpoint(url), otlp.Interval(interval))...)
		_, err := tel.MeterProvider().Meter("test").Int64ObservableGauge("many", metric.WithInt64Callback(
			func(_ context.Context, o metric.Int64Observer) error {
				mu.Lock()
				collections = append(collections, time.Now())
				mu.Unlock()
				for i := range 1200 { // more than one request takes
					o.Observe(1, metric.WithAttributes(attribute.String("series", fmt.Sprint(i)), attribute.String("long", strings.Repeat("x", 3000))))
				}
				return nil
			}))
		if err != nil {
			t.Fatal(err)
		}
		return tel, c
	}
	wait := func(more int) {
		t.Helper()
		mu.Lock()
		want := len(collections) + more
		mu.Unlock()
		eventually(t, "enough collections", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(collections) >= want
		})
	}

	tel, _ := begin(absentReceiver(t).httpURL(), 100*time.Millisecond)
	wait(2)
	mu.Lock()
	horizon := collections[len(collections)-1] // before all points of this one
	mu.Unlock()
	wait(2)
	if err := shutdown(tel, patience); err != nil {
		t.Fatal(err)
	}
	a := &aging{t: t, horizon: horizon, times: map[uint64]int{}, last: map[string]uint64{}}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	tel, c := begin(server.URL, time.Hour) // so that the only new one is that of the end
	eventually(t, "nothing waits", func() bool { return statsOf(t, c, "metrics").OnDisk == 0 })
	wantParts(t, shutdown(tel, patience), "too_old")

	mu.Lock()
	defer mu.Unlock()
	if len(a.times) != len(collections) {
		t.Errorf("the requests are of %d times, want one for each of %d collections", len(a.times), len(collections))
	}
	for at, n := range a.times {
		if n < 2 {
			t.Errorf("the collection of %d is %d requests, want more: nothing was tried", at, n)
		}
	}
	if a.refused < 2 || a.took < 4 {
		t.Errorf("%d requests refused and %d taken", a.refused, a.took)
	}
	// A busy machine may leave the last request on disk for the next start, which loses nothing.
	if s := statsOf(t, c, "metrics"); s.Dropped.TooOld != s.Failed || s.Waiting != s.OnDisk || s.Failed == 0 {
		t.Errorf("%+v", s)
	}
}
