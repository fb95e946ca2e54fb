package prometheus_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
)

// rewrite writes a file as if that had been a minute ago: one that was written just now may
// be half of what it will be.
func rewrite(t *testing.T, file, content string) {
	t.Helper()
	write(t, file, content)
	if err := os.Chtimes(file, time.Time{}, time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
}

// A file that cannot be used, or that opens what was closed, takes nothing down and opens
// nothing: the last good one holds on, and the next good one takes effect.
func TestWebConfigFileThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	const access = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: [scraper]\n"
	user := func(password string) string {
		return "basic_auth_users:\n  scraper: " + hash(t, password, bcrypt.MinCost) + "\n"
	}
	before, after := user("before"), user("after")
	for name, tc := range map[string]struct {
		file, content string
		want          string // in the report
	}{
		"no YAML":             {"web.yml", "nonsense: [", "yaml"},
		"empty":               {"web.yml", "", "TLS is switched"},
		"without users":       {"web.yml", serverTLS + access, "basic_auth_users are taken away"},
		"users cut":           {"web.yml", serverTLS + access + "basic_auth_users:\n", "basic_auth_users are taken away"},
		"hash cut":            {"web.yml", serverTLS + access + after[:len(after)-9], "bcrypt"},
		"a word misplaced":    {"web.yml", serverTLS + access + "basic_auth_users: s3cret", "a value"},
		"cost 31":             {"web.yml", serverTLS + access + strings.Replace(after, "$04$", "$31$", 1), "cost 31 is not allowed: want 4 to 15"},
		"TLS cut":             {"web.yml", after, "TLS is switched"},
		"key cut":             {"web.yml", after + "tls_server_config:\n  cert_file: server.pem\n", "missing one of key"},
		"clients cut":         {"web.yml", after + serverTLS, "client_auth_type is made weaker"},
		"clients weaker":      {"web.yml", after + serverTLS + strings.Replace(access, "RequireAndVerify", "Request", 1), "client_auth_type is made weaker"},
		"names cut":           {"web.yml", after + serverTLS + access[:strings.Index(access, "  client_allowed")], "client_allowed_sans are taken away"},
		"unknown header":      {"web.yml", after + serverTLS + access + "http_server_config:\n  headers:\n    X-Mine: x\n", "X-Mine"},
		"certificate cut":     {"server.pem", "half of it", "PEM"},
		"certificate empty":   {"server.pem", "", "PEM"},
		"key of another":      {"server.key", "other.key", "private key does not match"},
		"no certificates":     {"ca.pem", "nothing", "client_ca_file"},
		"certificate missing": {"server.pem", "-", "no such file"},
		"file missing":        {"web.yml", "-", "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			a.issue("server")
			a.issue("other")
			client := a.client(a.issue("scraper"))
			read := func(name string) string {
				content, err := os.ReadFile(filepath.Join(a.dir, name))
				if err != nil {
					t.Fatal(err)
				}
				return string(content)
			}
			url, errs := a.startTLS(before + serverTLS + access)
			file := filepath.Join(a.dir, tc.file)
			whole := read(tc.file)
			switch tc.content {
			case "-":
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			case "half of it":
				rewrite(t, file, whole[:len(whole)/2])
			case "other.key":
				rewrite(t, file, read("other.key"))
			default:
				rewrite(t, file, tc.content)
			}
			client.CloseIdleConnections()
			report := func() bool { return strings.Contains(strings.Join(errs.texts(), "\n"), "web.yml\" cannot be used") }
			eventually(t, "it is reported", func() bool {
				time.Sleep(300 * time.Millisecond) // handshakes of one address are bounded
				for _, path := range []string{"/health", "/ready", "/live", "/metrics"} {
					client.CloseIdleConnections() // for a new handshake
					r := ask(t, client, http.MethodGet, url+path, login("scraper", "before"))
					if r.code != 200 {
						t.Errorf("%s: %d", path, r.code)
					}
					if path == "/metrics" && report() && serverProblems(t, families(t, r), "config") == 0 {
						t.Error("it is not counted")
					}
				}
				return report()
			})
			if texts := strings.Join(errs.texts(), "\n"); !strings.Contains(texts, tc.want) || strings.Contains(texts, "s3cret") {
				t.Errorf("reports %s, want %q", texts, tc.want)
			}
			for _, header := range []string{"X-Nothing: x", login("scraper", "after")} {
				if r := ask(t, client, http.MethodGet, url+"/metrics", header); r.code != 401 {
					t.Errorf("/metrics with %s: %d", header, r.code)
				}
			}
			if r, err := try(a.client(), http.MethodGet, url+"/metrics", login("scraper", "before")); err == nil {
				t.Errorf("without a certificate: %d", r.code)
			}
			rewrite(t, file, whole)
			rewrite(t, filepath.Join(a.dir, "web.yml"), after+serverTLS+access)
			eventually(t, "the next good one takes effect", func() bool {
				return ask(t, client, http.MethodGet, url+"/metrics", login("scraper", "after")).code == 200
			})
			if r := ask(t, client, http.MethodGet, url+"/metrics", login("scraper", "before")); r.code != 401 {
				t.Errorf("the old password: %d", r.code)
			}
		})
	}
}

// What has just been written may be half of it, although it is valid: it takes effect when it
// has stayed the same for a second.
func TestWebConfigFileThatIsBeingWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "web.yml")
	one := "basic_auth_users:\n  one: " + hash(t, "1", bcrypt.MinCost) + "\n"
	two := "  two: " + hash(t, "2", bcrypt.MinCost) + "\n"
	write(t, file, one+two)
	tel := start(t, prometheus.WithWebConfigFile(file, webconfig.Read))
	for ends := time.Now().Add(3 * time.Second); time.Now().Before(ends); time.Sleep(50 * time.Millisecond) {
		written := time.Now()
		write(t, file, one) // and the rest is late
		if r := get(t, tel.url+"/metrics", login("two", "2")); r.code != 200 {
			if took := time.Since(written); took >= time.Second {
				t.Logf("the machine is busy: nobody wrote for %v, so the file took effect", took)
				break
			}
			t.Fatalf("half a file takes effect: %d", r.code)
		}
	}
	eventually(t, "a file that nobody writes any more takes effect", func() bool {
		return get(t, tel.url+"/metrics", login("two", "2")).code == 401
	})
	if texts := tel.errs.texts(); len(texts) > 1 { // the wrong login
		t.Errorf("reports %q", texts)
	}
}

// A report that anybody can cause does not hide that of the file.
func TestReportsDoNotHideEachOther(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.issue("server")
	url, errs := a.startTLS(serverTLS)
	has := func(text string) func() bool {
		return func() bool { return strings.Contains(strings.Join(errs.texts(), "\n"), text) }
	}
	_, _ = try(plainClient, http.MethodGet, strings.Replace(url, "https", "http", 1)+"/metrics")
	eventually(t, "plain HTTP is reported", has("HTTP request to an HTTPS server"))
	client := a.client()
	for _, step := range []struct{ content, want string }{
		{"nonsense: [", "did not find expected node content"},
		{serverTLS + "basic_auth_users:\n  a: x\n", "hashedSecret too short"},
	} {
		rewrite(t, filepath.Join(a.dir, "web.yml"), step.content)
		eventually(t, step.want, func() bool {
			ask(t, client, http.MethodGet, url+"/live")
			ask(t, client, http.MethodGet, url+"/metrics")
			return has(step.want)()
		})
	}
}

// A file that becomes invalid while Start runs is like one that becomes so later.
func TestWebConfigFileBreaksDuringStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.yml")
	write(t, file, "")
	s := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"), prometheus.WithWebConfigFile(file, webconfig.Read))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()),
		otelmail.WithErrorHandler(func(error) {}), otelmail.WithExporter(s),
		otelmail.WithExporter(export.Func(func(context.Context, export.Pipeline) error {
			rewrite(t, file, "nonsense: [")
			return nil
		})))
	if err != nil {
		t.Fatal(err)
	}
	defer shutdown(tel)
	for _, path := range []string{"/live", "/metrics"} {
		if r := get(t, "http://"+s.Addr().String()+path); r.code != 200 {
			t.Errorf("%s: %d", path, r.code)
		}
	}
}

// The file's headers, rate limit and HTTP version are heeded, and take effect when they change.
func TestWebConfigFileRateLimit(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "web.yml")
	write(t, file, "rate_limit:\n  interval: 1h\n  burst: 2\n")
	tel := start(t, prometheus.WithWebConfigFile(file, webconfig.Read))
	for i, want := range []int{200, 200, 429, 429} {
		if r := get(t, tel.url+"/metrics"); r.code != want {
			t.Errorf("request %d: %d, want %d", i+1, r.code, want)
		}
	}
	if r := get(t, tel.url+"/live"); r.code != 200 {
		t.Errorf("/live: %d", r.code)
	}
	rewrite(t, file, "http_server_config:\n  headers:\n    X-Frame-Options: deny\n")
	eventually(t, "the limit is gone and the header there", func() bool {
		r := get(t, tel.url+"/metrics")
		return r.code == 200 && r.header.Get("X-Frame-Options") == "deny" && serverProblems(t, families(t, r), "rate") >= 2
	})
}
