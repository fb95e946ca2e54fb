package otlp_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// quick makes batches be written without much delay.
var quick = []string{"OTEL_BSP_SCHEDULE_DELAY", "20", "OTEL_BLRP_SCHEDULE_DELAY", "20"}

// statsOf is the entry of one signal.
func statsOf(t *testing.T, c *otlp.Pusher, signal string) otlp.Stats {
	t.Helper()
	for _, s := range c.Stats() {
		if s.Signal == signal {
			if s.Produced != s.Sent+s.Failed+s.Waiting || s.Waiting < 0 || s.Failed != sumDropped(s.Dropped) {
				t.Errorf("the counts do not balance: %+v", s)
			}
			return s
		}
	}
	t.Fatalf("no entry for %s in %+v", signal, c.Stats())
	return otlp.Stats{}
}

func sumDropped(d otlp.Dropped) int64 {
	return d.QueueFull + d.TooOld + d.TooManyBytes + d.TooLarge + d.Rejected + d.Disk + d.Damaged + d.Shutdown
}

// buffered starts a push through a buffer in dir.
func buffered(t *testing.T, dir string, opts ...otlp.Option) (*otelmail.Telemetry, *otlp.Pusher, *background) {
	t.Helper()
	c := newPusher(append(opts, otlp.Buffer(dir))...)
	tel, b := start(t, env(quick...), otelmail.WithExporter(c))
	return tel, c, b
}

func emitNumbered(tel *otelmail.Telemetry, from, n int) {
	for i := from; i < from+n; i++ {
		emitSpans(tel, fmt.Sprint("span ", i), 1)
		emitLogs(tel, fmt.Sprint("record ", i), 1)
	}
}

func numbered(what string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(what, " ", i)
	}
	return all
}

func TestOutageLosesNothing(t *testing.T) {
	for _, protocol := range []string{"HTTP", "gRPC"} {
		t.Run(protocol, func(t *testing.T) {
			noLeak(t)
			r := absentReceiver(t)
			tel, c, _ := buffered(t, t.TempDir(), append(protocols(r)[protocol], otlp.Interval(50*time.Millisecond))...)
			// More than the queue in memory holds, but not faster than the disk.
			const total = 6000
			for i := 0; i < total; i += 500 {
				emitNumbered(tel, i, 500)
				eventually(t, "the disk has them", func() bool {
					return statsOf(t, c, "traces").OnDisk == int64(i+500) && statsOf(t, c, "logs").OnDisk == int64(i+500)
				})
			}
			count(t, tel, "c", 5)
			eventually(t, "three collections wait", func() bool { return statsOf(t, c, "metrics").OnDisk > 0 })
			r.start()
			eventually(t, "everything arrived", func() bool {
				return statsOf(t, c, "traces").Sent == total && statsOf(t, c, "logs").Sent == total && statsOf(t, c, "metrics").Sent > 0
			})
			spans, records := r.order()
			if !slices.Equal(spans, numbered("span", total)) || !slices.Equal(records, numbered("record", total)) {
				t.Errorf("%d spans and %d records came, or not in order", len(spans), len(records))
			}
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			if sum, _ := r.sum("c", false); sum != 5 {
				t.Errorf("the counter is %v, want 5", sum)
			}
			for _, signal := range []string{"traces", "metrics", "logs"} {
				if s := statsOf(t, c, signal); s.Waiting != 0 || s.Failed != 0 || s.Sent == 0 {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

// The next process sends what one has left, over another protocol too, and with the
// resource of the old one.
func TestRestartSendsWhatWaits(t *testing.T) {
	noLeak(t)
	dir := t.TempDir()
	r := absentReceiver(t)
	tel, c, b := buffered(t, dir, otlp.Endpoint(r.httpURL()))
	emitNumbered(tel, 0, 700)
	count(t, tel, "c", 3)
	begun := time.Now()
	if err := shutdown(tel, patience); err != nil {
		t.Errorf("Shutdown with everything on disk: %v", err)
	}
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("Shutdown took %v although the receiver refuses", took)
	}
	if said := strings.Join(b.all(), "\n"); !strings.Contains(said, "otlp traces: 700 spans wait in "+dir+" for the next start") {
		t.Errorf("reports: %s", said)
	}
	waiting := statsOf(t, c, "metrics").OnDisk
	if s := statsOf(t, c, "traces"); s.OnDisk != 700 || waiting == 0 {
		t.Errorf("%+v, and %d data points", s, waiting)
	}

	r.start()
	tel, c, b = buffered(t, dir, otlp.Endpoint(r.grpcURL()), otlp.Protocol(otlp.GRPC), otlp.Compression(otlp.Gzip))
	eventually(t, "everything arrived", func() bool {
		return statsOf(t, c, "traces").Sent == 700 && statsOf(t, c, "logs").Sent == 700 && statsOf(t, c, "metrics").Sent == waiting
	})
	spans, records := r.order()
	if !slices.Equal(spans, numbered("span", 700)) || !slices.Equal(records, numbered("record", 700)) {
		t.Errorf("%d spans and %d records came, or not in order", len(spans), len(records))
	}
	if sum, _ := r.sum("c", false); sum != 3 {
		t.Errorf("the last metrics of the old process say %v, want 3", sum)
	}
	if err := shutdown(tel, patience); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if len(b.all()) != 0 {
		t.Errorf("reports: %q", b.all())
	}
}

func TestHeadersAndCompressionOfStoredRequests(t *testing.T) {
	for _, protocol := range []string{"HTTP", "gRPC"} {
		t.Run(protocol, func(t *testing.T) {
			noLeak(t)
			r := newReceiver(t, nil)
			tel, _, _ := buffered(t, t.TempDir(), append(append(only("traces"), protocols(r)[protocol]...),
				otlp.Compression(otlp.Gzip), otlp.Headers(map[string]string{"X-Token": "abc"}))...)
			emitSpans(tel, "a", 3)
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			h := r.allHeaders()
			if n, _, _ := r.counts(); n != 3 || h["x-token"] != "abc" || !strings.HasPrefix(h["user-agent"], "otelmail") {
				t.Errorf("%d spans came with headers %q", n, h)
			}
			if protocol == "HTTP" && r.encodings[0] != "gzip" {
				t.Errorf("encoding %q", r.encodings)
			}
		})
	}
}

// A black hole must not hold up the mail, the flush or the shutdown.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, protocol := range []otlp.Transport{otlp.HTTP, otlp.GRPC} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			tel, c, _ := buffered(t, t.TempDir(), otlp.Endpoint("http://"+l.Addr().String()), otlp.Protocol(protocol))
			begun := time.Now()
			emitNumbered(tel, 0, 1000)
			if took := time.Since(begun); took > patience/2 {
				t.Errorf("2000 events took %v", took)
			}
			begun = time.Now()
			if err := shutdown(tel, 10*time.Second); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			if took := time.Since(begun); took > patience/2 {
				t.Errorf("Shutdown took %v of 10 s", took)
			}
			if s := statsOf(t, c, "traces"); s.OnDisk != 1000 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A slow receiver gets one request of a signal at a time.
func TestOneRequestInFlight(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	var now, most atomic.Int32
	r.setAnswer(func(http.ResponseWriter) bool {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-time.After(5 * time.Millisecond) // the receiver is slow
		now.Add(-1)
		return false
	})
	tel, c, _ := buffered(t, t.TempDir(), append(only("traces"), otlp.Endpoint(r.httpURL()))...)
	for i := range 20 {
		emitSpans(tel, fmt.Sprint("span ", i), 1)
		eventually(t, "it is stored", func() bool {
			s := statsOf(t, c, "traces")
			return s.OnDisk+s.Sent == int64(i+1)
		})
	}
	if err := shutdown(tel, patience); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if spans, _ := r.order(); !slices.Equal(spans, numbered("span", 20)) {
		t.Errorf("came: %q", spans)
	}
	if most.Load() != 1 {
		t.Errorf("%d requests at once", most.Load())
	}
}

func TestForceFlushWithBuffer(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	tel, c, _ := buffered(t, t.TempDir(), append(only("traces"), otlp.Endpoint(r.httpURL()))...)
	flush := func() error {
		return tel.TracerProvider().(interface{ ForceFlush(context.Context) error }).ForceFlush(t.Context())
	}
	emitSpans(tel, "a", 3)
	if err := flush(); err != nil {
		t.Errorf("ForceFlush: %v", err)
	}
	if n, _, _ := r.counts(); n != 3 {
		t.Errorf("%d spans arrived, want 3", n)
	}
	r.stop()
	emitSpans(tel, "a", 2)
	if err := flush(); err != nil {
		t.Errorf("ForceFlush with a receiver that is away: %v", err)
	}
	if s := statsOf(t, c, "traces"); s.OnDisk != 2 {
		t.Errorf("%+v", s)
	}
	r.start()
	r.setAnswer(func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusBadRequest); return true })
	eventually(t, "they are refused", func() bool { return statsOf(t, c, "traces").Dropped.Rejected == 2 })
	emitSpans(tel, "a", 4)
	wantParts(t, flush(), "4 spans not delivered", "4 rejected", "400 Bad Request")
}

func TestBufferSettings(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	on := []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"}
	for _, tt := range []struct {
		env  []string
		opts []otlp.Option
		want string
	}{
		{append(on, "RUSMES_OTLP_BUFFER_DIR", file), nil, `RUSMES_OTLP_BUFFER_DIR: "` + file + `" is not allowed: want a directory in which this process may`},
		{on, []otlp.Option{otlp.Buffer(file)}, `otlp.Buffer: "` + file + `" is not allowed`},
		{nil, []otlp.Option{otlp.Buffer("")}, `otlp.Buffer: "" is not allowed: want the path of a directory`},
		{nil, []otlp.Option{otlp.Buffer(base, otlp.MaxBytes(100))}, `otlp.MaxBytes: "100" is not allowed: want whole bytes from 8388608`},
		{nil, []otlp.Option{otlp.Buffer(base, otlp.MaxAge(time.Second))}, `otlp.MaxAge: "1s" is not allowed: want a duration from 1m to 720h`},
		{nil, []otlp.Option{otlp.Buffer(base, nil)}, "otlp.Buffer: option 1 is nil"},
		{[]string{"RUSMES_OTLP_BUFFER_MAX_BYTES", "1 GB"}, nil, `RUSMES_OTLP_BUFFER_MAX_BYTES: "1 GB" is not allowed`},
		{[]string{"RUSMES_OTLP_BUFFER_MAX_AGE", "1d"}, nil, `RUSMES_OTLP_BUFFER_MAX_AGE: "1d" is not allowed`},
	} {
		t.Run(tt.want, func(t *testing.T) {
			noLeak(t)
			wantParts(t, startError(t, env(tt.env...), push(tt.opts...)), tt.want)
		})
	}
}

func TestSecondProcessIsToldAtStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	buffered(t, dir, otlp.Endpoint("http://127.0.0.1:1"))
	err := startError(t, env("RUSMES_OTLP_BUFFER_DIR", dir), push(otlp.Endpoint("http://127.0.0.1:1")))
	wantParts(t, err, `RUSMES_OTLP_BUFFER_DIR: "`+dir+`" is not allowed: want a directory that no other process uses`)
}

// Nothing is opened where nothing is pushed.
func TestBufferWithoutPush(t *testing.T) {
	noLeak(t)
	dir := filepath.Join(t.TempDir(), "buffer")
	tel, c, _ := buffered(t, dir)
	if err := shutdown(tel, patience); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) || len(c.Stats()) != 0 {
		t.Errorf("the directory exists (%v), or counts: %+v", err, c.Stats())
	}
}
