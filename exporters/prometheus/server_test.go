package prometheus_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
	"github.com/rusmes/otelmail/internal/freeport"
)

func TestServerServesMetricsProbesAndLinks(t *testing.T) {
	tel := start(t, prometheus.WithPage("/debug/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "mine")
	})))
	for path, want := range map[string]string{
		"/metrics": "\nrusmes_queue_size 0\n",
		"/health":  `"status":"healthy"`,
		"/ready":   `"ready":true`,
		"/live":    `"alive":true`,
		"/":        `<a href="/metrics">`,
		"/debug/x": "mine",
	} {
		if r := get(t, tel.url+path); r.code != 200 || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %s", path, r.code, r.body)
		}
	}
	links := get(t, tel.url+"/").body
	for _, path := range []string{"/health", "/ready", "/live", "/debug/"} {
		if !strings.Contains(links, `<a href="`+path+`">`) {
			t.Errorf("no link to %s", path)
		}
	}
	for path, code := range map[string]int{"/nothing": 404, "/metrics/": 404, "/health/": 404, "/metricsx": 404} {
		if r := get(t, tel.url+path); r.code != code {
			t.Errorf("%s: %d, want %d", path, r.code, code)
		}
	}
	if r := ask(t, plainClient, http.MethodPost, tel.url+"/metrics"); r.code != 405 {
		t.Errorf("POST: %d", r.code)
	}
}

func TestProbesWhileDraining(t *testing.T) {
	tel := start(t)
	tel.Health.Drain()
	if r := get(t, tel.url+"/ready"); r.code != 503 || !strings.Contains(r.body, `"ready":false`) {
		t.Errorf("/ready while draining: %d %s", r.code, r.body)
	}
	if r := get(t, tel.url+"/metrics"); r.code != 200 {
		t.Errorf("/metrics while draining: %d", r.code)
	}
}

// open starts with an environment and options, strictly, and stops at once.
func open(t *testing.T, env []string, opts ...prometheus.Option) (*prometheus.Server, error) {
	t.Helper()
	s := prometheus.NewServer(opts...)
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithErrorHandler(func(err error) {
		if !strings.Contains(err.Error(), "everybody who reaches") { // TestOpenListenerIsSaid
			t.Error(err)
		}
	}), otelmail.WithLookupEnv(environment(env...)), otelmail.WithStrictSettings(), otelmail.WithExporter(s))
	t.Cleanup(func() { _ = shutdown(tel) })
	return s, err
}

func TestAddressPrecedence(t *testing.T) {
	port, other := freeport.Port(t), freeport.Port(t)
	for name, tc := range map[string]struct {
		env  []string
		opts []prometheus.Option
		want string
	}{
		"own variable":          {env: []string{"RUSMES_METRICS_BIND_ADDRESS", "127.0.0.1:" + port}, want: "127.0.0.1:" + port},
		"both":                  {env: []string{"OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1", "OTEL_EXPORTER_PROMETHEUS_PORT", port, "RUSMES_METRICS_BIND_ADDRESS", "127.0.0.2:" + other}, want: "127.0.0.1:" + port},
		"port over own":         {env: []string{"OTEL_EXPORTER_PROMETHEUS_PORT", port, "RUSMES_METRICS_BIND_ADDRESS", "127.0.0.1:" + other}, want: "127.0.0.1:" + port},
		"host over own":         {env: []string{"OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.2", "RUSMES_METRICS_BIND_ADDRESS", "127.0.0.1:" + port}, want: "127.0.0.2:" + port},
		"option over all":       {env: []string{"OTEL_EXPORTER_PROMETHEUS_PORT", other, "RUSMES_METRICS_BIND_ADDRESS", "127.0.0.2:" + other}, opts: []prometheus.Option{prometheus.WithAddress("127.0.0.1:" + port)}, want: "127.0.0.1:" + port},
		"port alone":            {env: []string{"OTEL_EXPORTER_PROMETHEUS_PORT", port}, want: "0.0.0.0:" + port},
		"empty is not set":      {env: []string{"OTEL_EXPORTER_PROMETHEUS_PORT", "", "RUSMES_METRICS_BIND_ADDRESS", "127.0.0.1:" + port}, want: "127.0.0.1:" + port},
		"exporter list ignored": {env: []string{"OTEL_METRICS_EXPORTER", "none", "RUSMES_METRICS_BIND_ADDRESS", "127.0.0.1:" + port}, want: "127.0.0.1:" + port},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := open(t, tc.env, tc.opts...)
			if err != nil {
				t.Fatal(err)
			}
			// On 0.0.0.0 Go listens on [::] if it can.
			got := strings.Replace(s.Addr().String(), "[::]", "0.0.0.0", 1)
			if got != tc.want {
				t.Errorf("listens on %s, want %s", got, tc.want)
			}
		})
	}
}

func TestPathFromEnvironment(t *testing.T) {
	for _, tc := range []struct {
		env  []string
		opts []prometheus.Option
		path string
	}{
		{env: []string{"RUSMES_METRICS_PATH", "/a/metrics"}, path: "/a/metrics"},
		{env: []string{"RUSMES_METRICS_PATH", "/a"}, opts: []prometheus.Option{prometheus.WithPath("/b")}, path: "/b"},
		{opts: []prometheus.Option{prometheus.WithPath("/")}, path: "/"},
	} {
		s, err := open(t, tc.env, append(tc.opts, prometheus.WithAddress("127.0.0.1:0"))...)
		if err != nil {
			t.Fatal(err)
		}
		url := "http://" + s.Addr().String()
		if r := get(t, url+tc.path); r.code != 200 || !strings.Contains(r.body, "\nrusmes_queue_size 0\n") {
			t.Errorf("%s: %d", tc.path, r.code)
		}
		if r := get(t, url+"/metrics"); r.code != 404 {
			t.Errorf("/metrics beside %s: %d", tc.path, r.code)
		}
		if r := get(t, url+"/live"); r.code != 200 {
			t.Errorf("/live beside %s: %d", tc.path, r.code)
		}
	}
}

func TestDisabled(t *testing.T) {
	s, err := open(t, []string{"RUSMES_METRICS_ENABLED", "false"}, prometheus.WithAddress("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Addr() != nil {
		t.Errorf("listens on %s", s.Addr())
	}
}

func TestSDKDisabledStillServes(t *testing.T) {
	s, err := open(t, []string{"OTEL_SDK_DISABLED", "true"}, prometheus.WithAddress("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + s.Addr().String()
	if r := get(t, url+"/live"); r.code != 200 {
		t.Errorf("/live: %d", r.code)
	}
	all := families(t, get(t, url+"/metrics"))
	if all["rusmes_queue_size"] != nil || all["go_goroutines"] == nil {
		t.Error("want go_* and no OpenTelemetry metrics")
	}
}

func TestWrongSettings(t *testing.T) {
	const hash = "$2y$04$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
	broken := filepath.Join(t.TempDir(), "broken.yml")
	write(t, broken, "tls_server_config: [")
	noCert := filepath.Join(t.TempDir(), "nocert.yml")
	write(t, noCert, "tls_server_config:\n  cert_file: missing.pem\n  key_file: missing.key\n")
	badUser := filepath.Join(t.TempDir(), "user.yml")
	write(t, badUser, "basic_auth_users:\n  root: plaintext\n")
	dear := filepath.Join(t.TempDir(), "dear.yml")
	write(t, dear, "basic_auth_users:\n  root: "+strings.Replace(hash, "04", "16", 1)+"\n")
	page := http.NotFoundHandler()
	for _, tc := range []struct {
		env  []string
		opt  prometheus.Option
		want []string
	}{
		{env: []string{"RUSMES_METRICS_ENABLED", "yes"}, want: []string{`RUSMES_METRICS_ENABLED: "yes"`, "true or false"}},
		{env: []string{"RUSMES_METRICS_BIND_ADDRESS", "9090"}, want: []string{`RUSMES_METRICS_BIND_ADDRESS: "9090"`, "host:port"}},
		{env: []string{"RUSMES_METRICS_BIND_ADDRESS", "localhost:http"}, want: []string{`"localhost:http"`, "0 to 65535"}},
		{env: []string{"RUSMES_METRICS_PATH", "metrics"}, want: []string{`RUSMES_METRICS_PATH: "metrics"`, `starts with "/"`}},
		{env: []string{"RUSMES_METRICS_PATH", "/health"}, want: []string{`RUSMES_METRICS_PATH: "/health"`, "probes"}},
		{env: []string{"OTEL_EXPORTER_PROMETHEUS_PORT", "65536"}, want: []string{`OTEL_EXPORTER_PROMETHEUS_PORT: "65536"`, "0 to 65535"}},
		{env: []string{"OTEL_EXPORTER_PROMETHEUS_HOST", "[::1]"}, want: []string{`OTEL_EXPORTER_PROMETHEUS_HOST: "[::1]"`, "without brackets"}},
		{env: []string{"RUSMES_METRICS_PATH", "x", "RUSMES_METRICS_ENABLED", "no", "OTEL_EXPORTER_PROMETHEUS_PORT", "-1"},
			want: []string{"RUSMES_METRICS_PATH", "RUSMES_METRICS_ENABLED", "OTEL_EXPORTER_PROMETHEUS_PORT"}},
		{opt: prometheus.WithAddress("example.org"), want: []string{`WithAddress: "example.org"`, "host:port"}},
		{opt: prometheus.WithAddress("127.0.0.1:99999"), want: []string{`WithAddress: "127.0.0.1:99999"`}},
		{opt: prometheus.WithAddress("127.0.0.1:+80"), want: []string{`WithAddress: "127.0.0.1:+80"`}},
		{opt: prometheus.WithAddress(""), want: []string{`WithAddress: ""`}},
		{opt: prometheus.WithPath(""), want: []string{`WithPath: ""`, `starts with "/"`}},
		{opt: prometheus.WithPath("metrics"), want: []string{`WithPath: "metrics"`, `starts with "/"`}},
		{opt: prometheus.WithPath("/metrics/"), want: []string{`WithPath: "/metrics/"`}},
		{opt: prometheus.WithPath("/a//b"), want: []string{`WithPath: "/a//b"`}},
		{opt: prometheus.WithPath("/{x}"), want: []string{`WithPath: "/{x}"`}},
		{opt: prometheus.WithPath("/ready"), want: []string{`WithPath: "/ready"`, "/health, /ready, /live"}},
		{opt: prometheus.WithWebConfigFile("", webconfig.Read), want: []string{`WithWebConfigFile: ""`}},
		{opt: prometheus.WithWebConfigFile("web.yml", nil), want: []string{"WithWebConfigFile", "webconfig.Read"}},
		{opt: prometheus.WithWebConfigFile("/does/not/exist.yml", webconfig.Read), want: []string{`WithWebConfigFile: "/does/not/exist.yml"`, "no such file"}},
		{opt: prometheus.WithWebConfigFile(broken, webconfig.Read), want: []string{"WithWebConfigFile", broken, "yaml"}},
		{opt: prometheus.WithWebConfigFile(noCert, webconfig.Read), want: []string{"WithWebConfigFile", noCert, "missing.pem"}},
		{opt: prometheus.WithWebConfigFile(badUser, webconfig.Read), want: []string{"WithWebConfigFile", badUser, "bcrypt"}},
		{opt: prometheus.WithWebConfigFile(dear, webconfig.Read), want: []string{"WithWebConfigFile", dear, `"root"`, "cost 16", "4 to 15"}},
		{opt: prometheus.WithBasicAuth("", hash), want: []string{"WithBasicAuth: username", "not empty"}},
		{opt: prometheus.WithBasicAuth("a:b", hash), want: []string{"WithBasicAuth: username", "a:b"}},
		{opt: prometheus.WithBasicAuth("scraper", "plaintext"), want: []string{"WithBasicAuth: bcrypt hash", "$2y$"}},
		{opt: prometheus.WithBasicAuth("scraper", strings.Replace(hash, "04", "31", 1)), want: []string{"WithBasicAuth: bcrypt hash: cost 31", "4 to 15"}},
		{opt: prometheus.WithBasicAuth("scraper", strings.Replace(hash, "04", "03", 1)), want: []string{"WithBasicAuth: bcrypt hash: cost 03", "4 to 15"}},
		{opt: prometheus.WithPage("/x", nil), want: []string{"WithPage /x", "a handler"}},
		{opt: prometheus.WithPage("/live", page), want: []string{`WithPage: "/live"`, "probes"}},
		{opt: prometheus.WithPage("/live/", page), want: []string{`WithPage: "/live/"`, "probes"}},
		{opt: prometheus.WithPage("/", page), want: []string{`WithPage: "/"`}},
		{opt: prometheus.WithPage("/metrics", page), want: []string{`WithPage: "/metrics"`, "metrics are there"}},
		{opt: nil, want: []string{"option 2 is nil"}},
		{opt: prometheus.WithErrorHandler(nil), want: []string{`WithErrorHandler: "nil"`}},
		{opt: prometheus.WithCollectors(nil), want: []string{`WithCollectors: "nil"`}},
		{opt: prometheus.WithGatherers(nil), want: []string{`WithGatherers: "nil"`}},
		{opt: prometheus.WithMaxConcurrentScrapes(0), want: []string{`WithMaxConcurrentScrapes: "0"`, "1 to 1000"}},
		{opt: prometheus.WithScrapeTimeout(0), want: []string{`WithScrapeTimeout: "0s"`, "1ms to 5m"}},
		{opt: prometheus.WithCollectors(badDescribe{}), want: []string{"WithCollectors: collector 1", "panicked"}},
	} {
		var opts []prometheus.Option // one of the address or path would win over its variable
		if tc.env == nil {
			opts = []prometheus.Option{prometheus.WithAddress("127.0.0.1:0"), tc.opt}
		}
		before := runtime.NumGoroutine()
		s, err := open(t, tc.env, opts...)
		if err == nil {
			t.Errorf("%q: no error", tc.want)
			continue
		}
		for _, want := range append(tc.want, "prometheus: ") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error lacks %q: %v", want, err)
			}
		}
		for _, secret := range []string{"plaintext", hash[8:]} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows a secret: %v", err)
			}
		}
		if s.Addr() != nil {
			t.Errorf("%q: listens on %s", tc.want, s.Addr())
		}
		eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = open(t, []string{"RUSMES_METRICS_BIND_ADDRESS", l.Addr().String()})
	want := "prometheus: listen on " + l.Addr().String() + " (RUSMES_METRICS_BIND_ADDRESS): address already in use: stop what listens there or choose another address"
	if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("error %v", err)
	}
}

// failing is an exporter that cannot be opened.
type failing struct{}

func (failing) Open(context.Context, export.Pipeline) error { return errors.New("no way") }

func TestLaterExporterFails(t *testing.T) {
	before := runtime.NumGoroutine()
	s := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"))
	_, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()),
		otelmail.WithExporter(s), otelmail.WithExporter(failing{}))
	if err == nil {
		t.Fatal("no error")
	}
	l, err := net.Listen("tcp", s.Addr().String())
	if err != nil {
		t.Fatalf("the listener was left open: %v", err)
	}
	_ = l.Close()
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}

func TestServerIsForOneStart(t *testing.T) {
	tel := start(t)
	_, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()), otelmail.WithExporter(tel.server))
	if err == nil || !strings.Contains(err.Error(), "one for each Start") {
		t.Errorf("error %v", err)
	}
	if r := get(t, tel.url+"/live"); r.code != 200 {
		t.Errorf("/live of the first: %d", r.code)
	}
}

func TestShutdownFreesEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	s := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()), otelmail.WithExporter(s))
	if err != nil {
		t.Fatal(err)
	}
	address := s.Addr().String()
	client := &http.Client{Transport: &http.Transport{}}
	if _, err := try(client, http.MethodGet, "http://"+address+"/metrics"); err != nil {
		t.Fatal(err)
	}
	fresh, err := net.Dial("tcp", address) // never sends a request
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := tel.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("shutdown waited %v for a connection without a request", took)
	}
	client.CloseIdleConnections()
	if c, err := net.Dial("tcp", address); err == nil {
		_ = c.Close()
		t.Error("still listening")
	}
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}

func TestShutdownLetsARequestEnd(t *testing.T) {
	reached, leave := make(chan struct{}), make(chan struct{})
	s := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"), prometheus.WithPage("/slow", http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			close(reached)
			<-leave
			_, _ = io.WriteString(w, "done")
		})))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()), otelmail.WithExporter(s))
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan response, 1)
	go func() {
		r, err := try(plainClient, http.MethodGet, "http://"+s.Addr().String()+"/slow")
		if err != nil {
			t.Error(err)
		}
		answers <- r
	}()
	<-reached
	down := make(chan error, 1)
	go func() { down <- shutdown(tel) }()
	close(leave)
	if r := <-answers; r.body != "done" {
		t.Errorf("the request was cut off: %+v", r)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

func TestShutdownCutsOffAtItsDeadline(t *testing.T) {
	reached, gone := make(chan struct{}), make(chan struct{})
	s := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"), prometheus.WithPage("/hang", http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) {
			close(reached)
			<-r.Context().Done()
			close(gone)
		})))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()), otelmail.WithExporter(s))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = try(plainClient, http.MethodGet, "http://"+s.Addr().String()+"/hang") }()
	<-reached
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	// The last 200 ms are for the cutting off. A busy machine may need more, and then the error is only that it was late.
	if err := tel.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "prometheus server") || !strings.Contains(err.Error(), "cut off") && ctx.Err() == nil {
		t.Errorf("error %v", err)
	}
	<-gone
}
