package prometheus_test

import (
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
)

// An orchestrator has no client certificate. Where the scraper must have one, the probes
// are answered on a listener of their own.
func TestProbesOnAListenerOfTheirOwn(t *testing.T) {
	a := newAuthority(t)
	a.issue("server")
	scraper := a.issue("scraper")
	file := filepath.Join(a.dir, "web.yml")
	write(t, file, serverTLS+"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n")
	tel := start(t, prometheus.WithWebConfigFile(file, webconfig.Read), prometheus.WithProbeAddress("127.0.0.1:0"))
	metrics, probes := "https://"+tel.server.Addr().String(), "http://"+tel.server.ProbeAddr().String()
	for path, want := range map[string]string{"/health": `"status":"healthy"`, "/ready": `"ready":true`, "/live": `"alive":true`} {
		if r := get(t, probes+path); r.code != 200 || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %s", path, r.code, r.body)
		}
		if r, err := try(a.client(), http.MethodGet, metrics+path); err == nil {
			t.Errorf("%s on the metrics' address without a certificate: %d", path, r.code)
		}
		if r := ask(t, a.client(scraper), http.MethodGet, metrics+path); r.code != 200 {
			t.Errorf("%s on the metrics' address with a certificate: %d", path, r.code)
		}
	}
	for _, path := range []string{"/metrics", "/", "/live/", "//live", "/live/../metrics"} {
		if r := get(t, probes+path); r.code != 404 {
			t.Errorf("%s on the probes' address: %d", path, r.code)
		}
	}
	tel.Health.Drain()
	if r := get(t, probes+"/ready"); r.code != 503 {
		t.Errorf("/ready while draining: %d", r.code)
	}
}

func TestProbeAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	const variable = "RUSMES_PROBES_BIND_ADDRESS"
	local := prometheus.WithAddress("127.0.0.1:0")

	s, err := open(t, []string{variable, "127.0.0.1:0"}, local)
	if err != nil || s.ProbeAddr() == nil {
		t.Fatalf("listens on %v, error %v", s.ProbeAddr(), err)
	}
	if r := get(t, "http://"+s.ProbeAddr().String()+"/live"); r.code != 200 {
		t.Errorf("/live: %d", r.code)
	}
	if s, err := open(t, []string{variable, "wrong"}, local, prometheus.WithProbeAddress("127.0.0.1:0")); err != nil || s.ProbeAddr() == nil {
		t.Errorf("the option wins: listens on %v, error %v", s.ProbeAddr(), err)
	}
	if s, err := open(t, nil, local); err != nil || s.ProbeAddr() != nil {
		t.Errorf("by default: listens on %v, error %v", s.ProbeAddr(), err)
	}
	if s, err := open(t, []string{variable, "127.0.0.1:0", "RUSMES_METRICS_ENABLED", "false"}, local); err != nil || s.ProbeAddr() != nil {
		t.Errorf("switched off: listens on %v, error %v", s.ProbeAddr(), err)
	}
	for want, tc := range map[string]struct {
		env  []string
		opts []prometheus.Option
	}{
		`RUSMES_PROBES_BIND_ADDRESS: "8081" is not allowed: want host:port`: {env: []string{variable, "8081"}},
		`WithProbeAddress: "" is not allowed: want host:port`:               {opts: []prometheus.Option{prometheus.WithProbeAddress("")}},
		"listen on " + taken.Addr().String() + " (RUSMES_PROBES_BIND_ADDRESS): address already in use": {
			env: []string{variable, taken.Addr().String()}},
		// That the metrics' address is taken leaves no listener for the probes behind.
		"listen on " + taken.Addr().String() + " (WithAddress): address already in use": {
			env: []string{variable, "127.0.0.1:0"}, opts: []prometheus.Option{prometheus.WithAddress(taken.Addr().String())}},
	} {
		s, err := open(t, tc.env, append([]prometheus.Option{local}, tc.opts...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
		if s.Addr() != nil || s.ProbeAddr() != nil {
			t.Errorf("listens on %v and %v", s.Addr(), s.ProbeAddr())
		}
	}

	s = prometheus.NewServer(local, prometheus.WithProbeAddress("127.0.0.1:0"))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()), otelmail.WithExporter(s))
	if err != nil {
		t.Fatal(err)
	}
	address := s.ProbeAddr().String()
	idle, err := net.Dial("tcp", address) // never sends a request
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if err := shutdown(tel); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		_ = c.Close()
		t.Error("still listening")
	}
}
