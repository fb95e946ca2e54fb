package live_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/live"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
	"github.com/rusmes/otelmail/health"
)

// launch starts a Telemetry that is stopped with the test.
func launch(t *testing.T, opts ...otelmail.StartOption) (*otelmail.Telemetry, error) {
	t.Helper()
	tel, err := otelmail.Start(t.Context(), append([]otelmail.StartOption{otelmail.WithoutGlobals(), otelmail.WithShutdownTimeout(time.Minute), otelmail.WithService("mymail", "1.2.3"),
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		otelmail.WithErrorHandler(func(err error) { t.Error(err) })}, opts...)...)
	t.Cleanup(func() {
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return tel, err
}

// serve starts one with the page, on loopback.
func serve(t *testing.T, opts ...live.Option) (tel *otelmail.Telemetry, url string) {
	t.Helper()
	server := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"))
	// In this order the page is offered before there is a server.
	tel, err := launch(t, live.Serve(opts...), otelmail.WithExporter(server))
	if err != nil {
		t.Fatal(err)
	}
	return tel, "http://" + server.Addr().String()
}

type response struct {
	code   int
	header http.Header
	body   string
}

func ask(t *testing.T, method, url string, headers ...string) response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	return do(t, r)
}

func do(t *testing.T, r *http.Request) response {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{res.StatusCode, res.Header, string(body)}
}

func get(t *testing.T, url string, headers ...string) response {
	t.Helper()
	return ask(t, http.MethodGet, url, headers...)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func TestThePageIsServed(t *testing.T) {
	_, url := serve(t, live.WithTraceLink("https://traces.example/{trace_id}"))
	for path, want := range map[string]string{
		"/":                         `<script src="assets/page.js" defer>`,
		"/assets/page.js":           `"use strict"`,
		"/assets/page.css":          `:focus-visible`,
		"/assets/uPlot.iife.min.js": "uPlot=function",
		"/assets/uPlot.min.css":     ".uplot",
		"/assets/uPlot.LICENSE":     "Leon Sorokin",
		"/assets/icon.svg":          "<svg",
		"/api/v1/page":              `{"links":["/metrics","/health","/ready","/live"],"trace_link":"https://traces.example/{trace_id}"}`,
		"/api/v1/status":            `"sentence":"`,
		"/api/v1/history":           `{"step":1,"time":[`,
		"/api/v1/history?range=day": `{"step":60,"time":[`,
		"/metrics":                  "rusmes_queue_size 0",
		"/health":                   `"status":"healthy"`,
		"/ready":                    `"ready":true`,
		"/live":                     `"alive":true`,
	} {
		r := get(t, url+path)
		if r.code != 200 || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %.200s", path, r.code, r.body)
		}
		if policy := r.header.Get("Content-Security-Policy"); strings.HasPrefix(path, "/a") && !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
	}
	for path, code := range map[string]int{"/nothing": 404, "/assets/": 404, "/assets/live.go": 404, "/api/v1/": 404, "/metrics/": 404, "/api/v1/history?range=year": 400} {
		if r := get(t, url+path); r.code != code {
			t.Errorf("%s: %d, want %d", path, r.code, code)
		}
	}
	if r := ask(t, http.MethodPost, url+"/api/v1/status"); r.code != 405 {
		t.Errorf("POST: %d", r.code)
	}
	tag := get(t, url+"/assets/page.js").header.Get("ETag")
	if r := get(t, url+"/assets/page.js", "If-None-Match", tag); r.code != 304 || tag == "" {
		t.Errorf("again: %d", r.code)
	}
}

// The page of a stranger in a browser on this machine must not read it, by whatever name it
// leads the browser here.
func TestStrangersNames(t *testing.T) {
	_, url := serve(t)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	for host, code := range map[string]int{
		"localhost": 200, "localhost:" + port: 200, "127.0.0.1:" + port: 200, "[::1]:" + port: 200, "127.0.0.1": 200, "[::1]": 200,
		"evil.example": 403, "evil.example:" + port: 403, "localhost.evil.example": 403, "192.0.2.1": 403,
	} {
		for path, covered := range map[string]bool{"/": true, "/api/v1/status": true, "/ready": false, "/metrics": false} {
			want := code
			if !covered {
				want = 200
			}
			if r := get(t, url+path, "Host", host); r.code != want {
				t.Errorf("%s%s: %d, want %d", host, path, r.code, want)
			}
		}
	}
}

const password = "hush"

func hash(t *testing.T) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

// Where strangers come the page wants a password, and then it is behind it.
func TestThePageWantsAPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(file, []byte("basic_auth_users:\n  ann: "+hash(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, option := range map[string]prometheus.Option{
		"WithBasicAuth": prometheus.WithBasicAuth("ann", hash(t)), "WithWebConfigFile": prometheus.WithWebConfigFile(file, webconfig.Read),
	} {
		server := prometheus.NewServer(prometheus.WithAddress("0.0.0.0:0"), option)
		if _, err := launch(t, otelmail.WithExporter(server), live.Serve()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, port, _ := net.SplitHostPort(server.Addr().String())
		url := "http://127.0.0.1:" + port
		for _, path := range []string{"/", "/assets/page.js", "/api/v1/status", "/api/v1/history", "/api/v1/stream", "/api/v1/messages", "/api/v1/failures", "/nothing"} {
			if r := get(t, url+path); r.code != 401 || strings.Contains(r.body, "mymail") {
				t.Errorf("%s: %s without a password: %d %s", name, path, r.code, r.body)
			}
		}
		for _, path := range []string{"/health", "/ready", "/live"} {
			if r := get(t, url+path); r.code != 200 {
				t.Errorf("%s: %s: %d", name, path, r.code)
			}
		}
		// The server has a name of its own then.
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v1/status", nil)
		r.Host = "mail.example"
		r.SetBasicAuth("ann", password)
		if got := do(t, r); got.code != 200 || !strings.Contains(got.body, "mymail") {
			t.Errorf("%s: with a password: %d %s", name, got.code, got.body)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	loopback := func() otelmail.StartOption { return prometheus.Serve(prometheus.WithAddress("127.0.0.1:0")) }
	env := func(pairs ...string) otelmail.StartOption {
		return otelmail.WithLookupEnv(func(name string) (string, bool) {
			i := slices.Index(pairs, name)
			return append(pairs, "")[i+1], i >= 0
		})
	}
	used := live.NewHandler()
	if _, err := launch(t, otelmail.WithExporter(used)); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		opts []otelmail.StartOption
		want string // in the error; "" for none
	}{
		"strangers": {[]otelmail.StartOption{prometheus.Serve(prometheus.WithAddress("0.0.0.0:0")), live.Serve()},
			"prometheus: live.Serve: strangers would see the page on 0.0.0.0:"},
		"strangers, over IPv6": {[]otelmail.StartOption{prometheus.Serve(prometheus.WithAddress("[::]:0")), live.Serve()},
			"want a password or a client certificate for it, with WithBasicAuth or WithWebConfigFile, or an address of this machine alone, such as 127.0.0.1:9090, with WithAddress or RUSMES_METRICS_BIND_ADDRESS"},
		"no server": {[]otelmail.StartOption{live.Serve()},
			"live.Serve: nothing serves the page: want an exporter with an HTTP server, such as prometheus.Serve"},
		"metrics at its place": {[]otelmail.StartOption{prometheus.Serve(prometheus.WithAddress("127.0.0.1:0"), prometheus.WithPath("/")), live.Serve()},
			`prometheus: live.Serve: the page has no place: want the metrics at another path than "/"`},
		"two pages": {[]otelmail.StartOption{loopback(), live.Serve(), live.Serve()},
			"prometheus: live.Serve: the page has no place: want one page alone"},
		"used":     {[]otelmail.StartOption{otelmail.WithExporter(used)}, "live: this Handler is in use: make one for each Start"},
		"nil":      {[]otelmail.StartOption{loopback(), live.Serve(nil)}, "live: option 1 is nil"},
		"no place": {[]otelmail.StartOption{loopback(), live.Serve(live.Keep("", 2*time.Hour))}, `live: Keep: "" is not allowed: want the path of a directory`},
		"too soon": {[]otelmail.StartOption{loopback(), live.Serve(live.Keep("x", time.Minute))}, `live: Keep: "1m0s" is not allowed: want a duration from 1h to 8784h`},
		"too few":  {[]otelmail.StartOption{loopback(), live.Serve(live.WithMaxBytes(1000))}, `live: WithMaxBytes: "1000" is not allowed: want 1048576 to 1099511627776 bytes`},
		"no link":  {[]otelmail.StartOption{loopback(), live.Serve(live.WithTraceLink("https://user:hush@traces.example/{trace_id}"))}, "live: WithTraceLink: the value given is not allowed: want an http or https URL with {trace_id} in it, and without a password"},
		"a script": {[]otelmail.StartOption{loopback(), live.Serve(live.WithTraceLink("javascript:alert('{trace_id}')"))}, "live: WithTraceLink: the value given is not allowed"},
		"all at once, of NewHandler too": {[]otelmail.StartOption{otelmail.WithExporter(live.NewHandler(live.WithMaxBytes(1), live.WithTraceLink("x")))},
			"want an http or https URL"},
		"no server is wanted": {[]otelmail.StartOption{env("RUSMES_METRICS_ENABLED", "false"), prometheus.Serve(), live.Serve()}, ""},
		"disabled":            {[]otelmail.StartOption{env("OTEL_SDK_DISABLED", "true", "RUSMES_METRICS_BIND_ADDRESS", "127.0.0.1:0"), prometheus.Serve(), live.Serve()}, ""},
	} {
		_, err := launch(t, tc.opts...)
		switch {
		case tc.want == "" && err != nil, tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v\nwant %s", name, err, tc.want)
		case err != nil && strings.Contains(err.Error(), "hush"):
			t.Errorf("%s: a secret is in %v", name, err)
		}
	}
}

// statusOf is the status as a client reads it.
type statusOf struct {
	Time                   time.Time
	State, Level, Sentence string
	Rates                  map[string]float64
	Latency                []struct {
		Of  string
		P99 *float64 `json:"p99_seconds"`
	}
	Queue struct {
		Messages int64
		States   []struct {
			State    string
			Messages int64
		}
	}
	Logins []struct {
		Protocol  string
		Good, Bad float64
	}
	Sessions []struct {
		Protocol string
		Open     int64
	}
	Checks []struct {
		Name, State string
		Since       time.Time
	}
}

// What is recorded is what the page shows.
func TestStatusShowsWhatIsRecorded(t *testing.T) {
	t.Parallel()
	tel, url := serve(t)
	status := func() (s statusOf) {
		r := get(t, url+"/api/v1/status")
		if err := json.Unmarshal([]byte(r.body), &s); err != nil || r.code != 200 {
			t.Fatalf("%d %v: %s", r.code, err, r.body)
		}
		return s
	}
	if s := status(); s.State != "quiet" && s.State != "starting" {
		t.Errorf("at first: %+v", s)
	}
	failing := make(chan bool, 1)
	if err := tel.Health.Register("storage", func(context.Context) error {
		select {
		case <-failing:
			return context.Canceled
		default:
			return nil
		}
	}, health.Interval(10*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	session := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
	tel.Queue.Size.Set(3)
	tel.Mail.Bounced(t.Context())
	eventually(t, "all that was recorded", func() bool {
		s := status()
		return s.Queue.Messages == 3 && s.Sessions[0].Open == 1 && s.Rates["bounced"] > 0 && len(s.Checks) == 1 && s.Checks[0].State == "healthy"
	})
	first := status()
	since := first.Checks[0].Since
	eventually(t, "a later moment, at which it has been so since the same one", func() bool {
		s := status()
		return s.Time.After(first.Time) && s.Checks[0].Since.Equal(since)
	})
	close(failing)
	eventually(t, "the check is down, and since when", func() bool {
		s := status()
		return s.State == "down" && strings.HasPrefix(s.Sentence, "The check storage fails") && !s.Checks[0].Since.Before(since)
	})
	session.End(0)
	tel.Health.Drain()
	eventually(t, "it drains", func() bool { return status().State == "draining" })
}

// The page says of a check what /health?verbose and the series say, and since when in the very
// same words.
func TestChecksAreThoseOfHealth(t *testing.T) {
	t.Parallel()
	tel, url := serve(t)
	var broken atomic.Bool
	if err := tel.Health.Register("storage", func(context.Context) error {
		if broken.Load() {
			return context.Canceled
		}
		return nil
	}, health.Interval(10*time.Millisecond), health.FailAfter(3, 50*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	type stated struct{ State, Since string }
	agree := func(state, series string) {
		t.Helper()
		eventually(t, "the page and the probe agree that it is "+state, func() bool {
			var status struct{ Checks []stated }
			var probe struct{ Details map[string]stated }
			if err := json.Unmarshal([]byte(get(t, url+"/api/v1/status").body), &status); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(get(t, url+"/health?verbose").body), &probe); err != nil {
				t.Fatal(err)
			}
			metrics := get(t, url+"/metrics").body
			return len(status.Checks) == 1 && status.Checks[0].State == state && probe.Details["storage"].State == state &&
				status.Checks[0].Since == probe.Details["storage"].Since && strings.Contains(metrics, series)
		})
	}
	agree("healthy", `rusmes_health_check_status{check="storage"} 1`)
	broken.Store(true)
	agree("unhealthy", `rusmes_health_check_status{check="storage"} 0`)
}

// A page on a mux of one's own, below a path.
func TestHandlerOnAMux(t *testing.T) {
	h := live.NewHandler()
	mux := http.NewServeMux()
	mux.Handle("/mail/", http.StripPrefix("/mail", h))
	server := httptest.NewServer(mux)
	defer server.Close()
	if r := get(t, server.URL+"/mail/"); r.code != 503 {
		t.Errorf("before Start: %d", r.code)
	}
	if _, err := launch(t, otelmail.WithNamespace("mymail"), otelmail.WithExporter(h)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/mail/": "<main>", "/mail": "<main>", "/mail/assets/page.js": "use strict", "/mail/api/v1/status": `"queue"`} {
		if r := get(t, server.URL+path); r.code != 200 || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %.100s", path, r.code, r.body)
		}
	}
}

// events reads server-sent events until it has n of them.
func events(t *testing.T, body io.Reader, n int) (names []string) {
	t.Helper()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for len(names) < n && lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			names = append(names, name)
		}
	}
	if len(names) < n {
		t.Fatalf("the stream has ended after %q: %v", names, lines.Err())
	}
	return names
}

func TestStream(t *testing.T) {
	t.Parallel()
	_, url := serve(t)
	var open []io.ReadCloser
	join := func() (code int, header http.Header) {
		res, err := http.Get(url + "/api/v1/stream")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		open = append(open, res.Body)
		return res.StatusCode, res.Header
	}
	// Who asks for the header alone does not look on.
	client := &http.Client{Timeout: 30 * time.Second}
	for range 40 {
		res, err := client.Head(url + "/api/v1/stream")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("HEAD: %d", res.StatusCode)
		}
	}
	for range 32 {
		if code, header := join(); code != 200 || header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("viewer %d: %d", len(open), code)
		}
	}
	if got, want := events(t, open[0], 4), []string{"status", "sample", "status", "sample"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if code, header := join(); code != 503 || header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d", code)
	}
	// Scrapes and probes have connections left.
	for _, path := range []string{"/metrics", "/live"} {
		if r := get(t, url+path); r.code != 200 {
			t.Errorf("%s beside all viewers: %d", path, r.code)
		}
	}
	open[1].Close()
	eventually(t, "the place of one who has left", func() bool { code, _ := join(); return code == 200 })
}

// Streams outlive what the server allows for an answer, and end with it.
func TestStreamOutlivesTheDeadlines(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := live.NewHandler()
			tel, err := launch(t, otelmail.WithExporter(h))
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewUnstartedServer(h)
			server.Config.ReadTimeout, server.Config.WriteTimeout = time.Second, time.Second
			server.EnableHTTP2 = http2
			server.StartTLS()
			defer server.Close()
			res, err := server.Client().Get(server.URL + "/api/v1/stream")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if (res.ProtoMajor == 2) != http2 {
				t.Fatalf("this is %s", res.Proto)
			}
			events(t, res.Body, 8)
			if err := tel.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadAll(res.Body); err != nil {
				t.Errorf("the end: %v", err)
			}
		})
	}
}
