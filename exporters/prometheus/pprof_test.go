package prometheus_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
)

const profilesPath = "/debug/pprof/"

func TestProfiles(t *testing.T) {
	tel := start(t)
	for _, path := range []string{"", "heap", "profile?seconds=1"} {
		if r := get(t, tel.url+profilesPath+path); r.code != 404 {
			t.Errorf("by default: %s: %d", path, r.code)
		}
	}

	tel = start(t, prometheus.WithPprof(), prometheus.WithProbeAddress("127.0.0.1:0"))
	if r := get(t, tel.url+"/"); !strings.Contains(r.body, `<a href="/debug/pprof/">`) {
		t.Error("no link to the profiles")
	}
	const gzipped = "\x1f\x8b"
	for path, want := range map[string]struct {
		code  int
		begin string
	}{
		"":                      {200, "profile?seconds=30\ntrace?seconds=1\nallocs\n"},
		"heap":                  {200, gzipped},
		"heap?gc=1&debug=1":     {200, "heap profile: "},
		"goroutine?debug=2":     {200, "goroutine "},
		"profile?seconds=0.1":   {200, gzipped},
		"trace?seconds=0.01":    {200, "go 1."},
		"profile?seconds=0":     {400, `seconds: "0" is not allowed: want a number above 0, and 300 at most`},
		"profile?seconds=301":   {400, `seconds: "301" is not allowed`},
		"profile?seconds=1e300": {400, "seconds: "},
		"trace?seconds=NaN":     {400, "seconds: "},
		"heap?seconds=5":        {400, "seconds is for profile and trace"},
		"cmdline":               {404, ""}, // may hold a password
		"nonesuch":              {404, ""},
	} {
		if r := get(t, tel.url+profilesPath+path); r.code != want.code || !strings.HasPrefix(r.body, want.begin) {
			t.Errorf("%s: %d %.60q, want %v", path, r.code, r.body, want)
		}
	}
	if r := get(t, "http://"+tel.server.ProbeAddr().String()+profilesPath); r.code != 404 {
		t.Errorf("on the probes' address: %d", r.code)
	}
	for _, method := range []string{http.MethodPost, http.MethodHead} {
		if r := ask(t, plainClient, method, tel.url+profilesPath+"profile?seconds=1"); r.code != 405 || r.header.Get("Allow") != "GET" {
			t.Errorf("%s: %d", method, r.code)
		}
	}
	// Nobody has put them where an application may serve them to the world.
	if _, pattern := http.DefaultServeMux.Handler(httptest.NewRequest(http.MethodGet, profilesPath, nil)); pattern != "" {
		t.Errorf("http.DefaultServeMux has %s", pattern)
	}
}

func TestProfilesAreNotForStrangers(t *testing.T) {
	a := newAuthority(t)
	a.issue("server")
	scraper := a.issue("scraper")
	file := filepath.Join(a.dir, "web.yml")
	write(t, file, serverTLS+"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n")
	tlsAlone := filepath.Join(a.dir, "tls.yml")
	write(t, tlsAlone, serverTLS)
	pprof, password := prometheus.WithPprof(), prometheus.WithBasicAuth("a", hash(t, "b", bcrypt.MinCost))
	everywhere := prometheus.WithAddress("0.0.0.0:0")

	for name, opts := range map[string][]prometheus.Option{
		"all interfaces":  {pprof, everywhere},
		"IPv6":            {pprof, prometheus.WithAddress("[::]:0")},
		"with TLS alone":  {pprof, everywhere, prometheus.WithWebConfigFile(tlsAlone, webconfig.Read)},
		"with the probes": {pprof, everywhere, prometheus.WithProbeAddress("127.0.0.1:0")},
	} {
		s, err := open(t, nil, opts...)
		if err == nil || s.Addr() != nil || s.ProbeAddr() != nil {
			t.Errorf("%s: error %v, listens on %v and %v", name, err, s.Addr(), s.ProbeAddr())
			continue
		}
		for _, want := range []string{"prometheus: WithPprof or RUSMES_PPROF_ENABLED: ", ":0", "WithBasicAuth", "WithWebConfigFile", "127.0.0.1:9090", "RUSMES_METRICS_BIND_ADDRESS"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v lacks %q", name, err, want)
			}
		}
	}
	if _, err := open(t, []string{"RUSMES_PPROF_ENABLED", "true"}, everywhere); err == nil {
		t.Error("asked for by the variable: no error")
	}
	if _, err := open(t, []string{"RUSMES_PPROF_ENABLED", "true", "OTEL_SDK_DISABLED", "true"}, everywhere); err != nil {
		t.Errorf("disabled: %v", err)
	}
	if _, err := open(t, nil, pprof, prometheus.WithAddress("127.0.0.1:0"), prometheus.WithPage(profilesPath, http.NotFoundHandler())); err == nil || !strings.Contains(err.Error(), "the profiles are there") {
		t.Errorf("another page there: %v", err)
	}

	s, err := open(t, []string{"RUSMES_PPROF_ENABLED", "true"}, everywhere, password)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(s.Addr().String())
	url := "http://127.0.0.1:" + port + profilesPath
	if r := get(t, url); r.code != 401 {
		t.Errorf("without the password: %d", r.code)
	}
	if r := get(t, url, login("a", "b")); r.code != 200 {
		t.Errorf("with the password: %d", r.code)
	}
	if s, err = open(t, nil, pprof, prometheus.WithAddress("127.0.0.1:0"), prometheus.WithWebConfigFile(file, webconfig.Read)); err != nil {
		t.Fatal(err)
	}
	if r := ask(t, a.client(scraper), http.MethodGet, "https://"+s.Addr().String()+profilesPath); r.code != 200 {
		t.Errorf("with a certificate: %d", r.code)
	}

	// Without a login they are for this machine alone, and so for the names that it has itself.
	tel := start(t, pprof)
	if r := get(t, tel.url+profilesPath); r.code != 200 {
		t.Errorf("on loopback: %d", r.code)
	}
	req, err := http.NewRequest(http.MethodGet, tel.url+profilesPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "rebound.example"
	res, err := plainClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("by another's name: %d", res.StatusCode)
	}
	if l, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		_ = l.Close()
		for _, address := range []string{"[::1]:0", "[::ffff:127.0.0.1]:0"} {
			if s, err = open(t, nil, pprof, prometheus.WithAddress(address)); err != nil {
				t.Errorf("%s: %v", address, err)
			} else if r := get(t, "http://"+s.Addr().String()+profilesPath); r.code != 200 {
				t.Errorf("%s: %d", address, r.code)
			}
		}
	}
	path := filepath.Join(socketDir(t), "s")
	if _, err = open(t, nil, pprof, prometheus.WithAddress("unix:"+path)); err != nil {
		t.Fatal(err)
	}
	if r := ask(t, socketClient(path), http.MethodGet, "http://localhost"+profilesPath); r.code != 200 {
		t.Errorf("over a socket: %d", r.code)
	}
}

// Profiles are few at a time, and a shutdown does not wait for them: they end whole.
func TestProfilesAreBounded(t *testing.T) {
	s := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"), prometheus.WithPprof())
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()),
		otelmail.WithErrorHandler(func(err error) { t.Error(err) }), otelmail.WithExporter(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shutdown(tel) })
	url := "http://" + s.Addr().String() + profilesPath
	answers := make(chan response, 2)
	for _, path := range []string{"profile?seconds=300", "trace?seconds=300"} {
		go func() {
			for {
				r, err := try(&http.Client{}, http.MethodGet, url+path)
				if err != nil {
					t.Errorf("%s: %v", path, err)
				}
				if r.code != http.StatusServiceUnavailable { // the heap's, below, takes a place too
					answers <- r
					return
				}
			}
		}()
	}
	eventually(t, "two profiles are being made", func() bool { return get(t, url+"heap").code == 503 })
	if r := get(t, url+"heap"); r.header.Get("Retry-After") == "" || !strings.Contains(r.body, "2 profiles are being made") {
		t.Errorf("%d %v %s", r.code, r.header, r.body)
	}
	for _, path := range []string{profilesPath, "/metrics", "/live"} {
		if r := get(t, "http://"+s.Addr().String()+path); r.code != 200 {
			t.Errorf("%s meanwhile: %d", path, r.code)
		}
	}
	begun := time.Now()
	if err := shutdown(tel); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	for range 2 {
		if r := <-answers; r.code != 200 || len(r.body) < 100 {
			t.Errorf("%d with %d bytes after %v", r.code, len(r.body), time.Since(begun))
		}
	}
}

func TestWrongPprofVariable(t *testing.T) {
	errs := &errorLog{}
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithErrorHandler(errs.handle),
		otelmail.WithLookupEnv(environment("RUSMES_PPROF_ENABLED", "yes", "RUSMES_METRICS_BIND_ADDRESS", "0.0.0.0:0")), prometheus.Serve())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shutdown(tel) })
	if got := errs.texts(); len(got) != 1 || !strings.Contains(got[0], `RUSMES_PPROF_ENABLED: "yes" is not allowed: want true or false; used instead: false`) {
		t.Errorf("reports %q", got)
	}
}
