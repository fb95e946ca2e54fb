package prometheus_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// socketClient asks as "curl --unix-socket path" does.
func socketClient(path string) *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
}

// socketDir is a directory whose name is short enough for a socket in it.
func socketDir(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a socket's path begins with a slash")
	}
	dir, err := os.MkdirTemp("", "otelmail")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// begin starts a server that lives until the function is called.
func begin(t *testing.T, opts ...prometheus.Option) (s *prometheus.Server, end func()) {
	t.Helper()
	s = prometheus.NewServer(opts...)
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()),
		otelmail.WithErrorHandler(func(err error) { t.Error(err) }), otelmail.WithExporter(s))
	if err != nil {
		t.Fatal(err)
	}
	return s, func() {
		t.Helper()
		if err := shutdown(tel); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	dir := socketDir(t)
	page, probes := filepath.Join(dir, "page"), filepath.Join(dir, "probes")
	s, end := begin(t, prometheus.WithAddress("unix:"+page), prometheus.WithProbeAddress("unix:"+probes))
	if got := s.Addr().Network() + ":" + s.Addr().String(); got != "unix:"+page {
		t.Errorf("Addr is %s", got)
	}
	client := socketClient(page)
	for path, want := range map[string]string{"/metrics": "\nrusmes_queue_size 0\n", "/ready": `"ready":true`, "/": `<a href="/metrics">`} {
		if r := ask(t, client, http.MethodGet, "http://localhost"+path); r.code != 200 || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %s", path, r.code, r.body)
		}
	}
	if r := ask(t, socketClient(probes), http.MethodGet, "http://localhost/live"); r.code != 200 {
		t.Errorf("/live of the probes: %d", r.code)
	}
	if r := ask(t, socketClient(probes), http.MethodGet, "http://localhost/metrics"); r.code != 404 {
		t.Errorf("/metrics of the probes: %d", r.code)
	}
	for _, path := range []string{page, probes} {
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != fs.ModeSocket|0o660 {
			t.Errorf("%s: %v, error %v", path, info.Mode(), err)
		}
	}

	// What listens there is left alone.
	_, err := open(t, []string{"RUSMES_METRICS_BIND_ADDRESS", "unix:" + page})
	want := "listen on unix:" + page + " (RUSMES_METRICS_BIND_ADDRESS): address already in use: stop what listens there or choose another path"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if r := ask(t, socketClient(page), http.MethodGet, "http://localhost/live"); r.code != 200 {
		t.Errorf("/live afterwards: %d", r.code)
	}
	end()
	for _, path := range []string{page, probes} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}

// leave makes a socket that nobody listens on, as a process that was killed does.
func leave(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSocketThatWasLeftBehind(t *testing.T) {
	path := filepath.Join(socketDir(t), "s")
	leave(t, path)
	_, end := begin(t, prometheus.WithAddress("unix:"+path))
	if r := ask(t, socketClient(path), http.MethodGet, "http://localhost/live"); r.code != 200 {
		t.Errorf("/live: %d", r.code)
	}
	// At its end the server takes away its own socket, and nobody else's.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	leave(t, path)
	end()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("somebody else's socket: %v", err)
	}
}

func TestAddressesThatCannotBeListenedOn(t *testing.T) {
	dir := socketDir(t)
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	write(t, file, "mine")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	const variable = "RUSMES_METRICS_BIND_ADDRESS"
	for _, tc := range []struct {
		env  []string
		want string
	}{
		{[]string{variable, "unix:" + file}, "(" + variable + "): a file is there that is no socket: remove it or choose another path"},
		{[]string{variable, "unix:" + link}, "a file is there that is no socket"},
		{[]string{variable, "unix:" + dir + "/none/s"}, "no such file or directory: make the directory first"},
		{[]string{variable, "unix:" + dir + "/" + strings.Repeat("x", 120)}, "invalid argument: choose a shorter path"},
		{[]string{variable, "unix:run/s"}, variable + `: "unix:run/s" is not allowed: want host:port`},
		{[]string{variable, "unix:"}, "unix:/path of a socket"},
		{[]string{variable, "unix:/run/"}, `"unix:/run/" is not allowed`},
		{[]string{variable, "/run/s"}, "unix:/path of a socket"},
		{[]string{variable, "systemd:a:b"}, "systemd:NAME of one that systemd has opened"},
		{[]string{variable, "unix:" + dir + "/s", "OTEL_EXPORTER_PROMETHEUS_PORT", "9464"},
			`OTEL_EXPORTER_PROMETHEUS_PORT: "9464" is not allowed: want it unset, because ` + variable + " is unix:" + dir + "/s"},
		{[]string{variable, "systemd:", "OTEL_EXPORTER_PROMETHEUS_HOST", "::1"}, `OTEL_EXPORTER_PROMETHEUS_HOST: "::1" is not allowed: want it unset`},
		{[]string{variable, "systemd:a", "RUSMES_PROBES_BIND_ADDRESS", "systemd:a"}, `RUSMES_PROBES_BIND_ADDRESS: "systemd:a" is not allowed: want a socket other than that of ` + variable},
		{[]string{variable, "[fe80::1]:0"}, ": a link-local address has its interface behind it, like [fe80::1%eth0]:9090"},
		{[]string{variable, "[::1:9090"}, "[::1]:9090"},
		{[]string{variable, "::1:9090"}, "[::1]:9090"},
	} {
		s, err := open(t, tc.env)
		if err == nil || !strings.Contains(err.Error(), tc.want) || s.Addr() != nil {
			t.Errorf("%q: error %v, want %s", tc.env, err, tc.want)
		}
	}
	if text, err := os.ReadFile(file); string(text) != "mine" {
		t.Errorf("the file holds %q, error %v", text, err)
	}
	if _, err := os.Lstat(dir + "/s"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a socket is left: %v", err)
	}
}

func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6: ", err)
	}
	_ = l.Close()
	for name, tc := range map[string]struct {
		env  []string
		host string // as whoever asks names it
	}{
		"loopback":              {[]string{"RUSMES_METRICS_BIND_ADDRESS", "[::1]:0"}, "[::1]"},
		"all":                   {[]string{"RUSMES_METRICS_BIND_ADDRESS", "[::]:0"}, "[::1]"},
		"all, asked over IPv4":  {[]string{"RUSMES_METRICS_BIND_ADDRESS", "[::]:0"}, "127.0.0.1"},
		"OpenTelemetry's":       {[]string{"OTEL_EXPORTER_PROMETHEUS_HOST", "::1", "OTEL_EXPORTER_PROMETHEUS_PORT", "0"}, "[::1]"},
		"IPv4 written as IPv6":  {[]string{"RUSMES_METRICS_BIND_ADDRESS", "[::ffff:127.0.0.1]:0"}, "127.0.0.1"},
		"with a zone, loopback": {[]string{"RUSMES_METRICS_BIND_ADDRESS", "[::1%lo]:0"}, "[::1]"},
	} {
		if strings.Contains(name, "zone") && runtime.GOOS != "linux" {
			continue // interfaces have other names
		}
		s, err := open(t, append(tc.env, "RUSMES_PROBES_BIND_ADDRESS", "[::1]:0"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, port, _ := net.SplitHostPort(s.Addr().String())
		for _, url := range []string{"http://" + tc.host + ":" + port + "/metrics", "http://" + s.ProbeAddr().String() + "/live"} {
			if r := get(t, url); r.code != 200 {
				t.Errorf("%s: %s: %d", name, url, r.code)
			}
		}
	}
}
