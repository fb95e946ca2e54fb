package prometheus_test

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
)

func hash(t testing.TB, password string, cost int) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func login(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// Both ways to ask for a password cover the metrics and never the probes.
func TestBasicAuth(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.yml")
	write(t, file, "basic_auth_users:\n  scraper: "+hash(t, "open sesame", bcrypt.MinCost)+"\n")
	page := prometheus.WithPage("/debug/", http.NotFoundHandler())
	for name, opt := range map[string]prometheus.Option{
		"WithBasicAuth":     prometheus.WithBasicAuth("scraper", hash(t, "open sesame", bcrypt.MinCost)),
		"WithWebConfigFile": prometheus.WithWebConfigFile(file, webconfig.Read),
	} {
		t.Run(name, func(t *testing.T) {
			tel := start(t, opt, page)
			for range 2 { // the second time without a comparison
				for header, code := range map[string]int{
					login("scraper", "open sesame"):  200,
					login("scraper", "open sesame "): 401,
					login("scraper", ""):             401,
					login("Scraper", "open sesame"):  401,
					login("", "open sesame"):         401,
					"Authorization: Basic ???":       401,
					"Authorization: Bearer x":        401,
					"X-Nothing: x":                   401,
				} {
					r := get(t, tel.url+"/metrics", header)
					if r.code != code {
						t.Errorf("%s: %d, want %d", header, r.code, code)
					}
					if code == 401 && (r.header.Get("WWW-Authenticate") == "" || len(r.body) > 50) {
						t.Errorf("%s: WWW-Authenticate %q, %q", header, r.header.Get("WWW-Authenticate"), r.body)
					}
				}
			}
			for _, probe := range []string{"/health", "/ready", "/live"} {
				if r := get(t, tel.url+probe); r.code != 200 {
					t.Errorf("%s without a password: %d", probe, r.code)
				}
			}
			for _, method := range []string{http.MethodHead, http.MethodPost} {
				if r := ask(t, plainClient, method, tel.url+"/metrics"); r.code != 401 {
					t.Errorf("%s without a password: %d", method, r.code)
				}
			}
			if r := get(t, tel.url+"/debug/"); r.code != 401 {
				t.Errorf("added page without a password: %d", r.code)
			}
			// No way of writing the path gets around it.
			for _, path := range []string{"/./metrics", "//metrics", "/health/../metrics", "/metrics?x=/live", "/%6detrics"} {
				if r := get(t, tel.url+path); r.code != 401 && r.code != 404 {
					t.Errorf("%s without a password: %d", path, r.code)
				}
			}
		})
	}
}

// clientFrom comes from an address of its own on loopback.
func clientFrom(t *testing.T, address string) *http.Client {
	t.Helper()
	l, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Skipf("this machine has no address %s: %v", address, err)
	}
	_ = l.Close()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	c := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: dialer.DialContext}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// Under a flood of guesses few are verified and the others refused at once; credentials that
// were right once still pass, from the attackers' address too, and a scraper that comes late
// from another does not stand behind them.
func TestLoginsUnderAFlood(t *testing.T) {
	const cost = 5
	file := filepath.Join(t.TempDir(), "web.yml")
	write(t, file, "basic_auth_users:\n  scraper: "+hash(t, "open sesame", cost)+"\n  late: "+hash(t, "late", cost)+"\n")
	for name, tc := range map[string]struct {
		opt         prometheus.Option
		early, late string // credentials
	}{
		"WithBasicAuth":     {prometheus.WithBasicAuth("scraper", hash(t, "open sesame", cost)), login("scraper", "open sesame"), ""},
		"WithWebConfigFile": {prometheus.WithWebConfigFile(file, webconfig.Read), login("scraper", "open sesame"), login("late", "late")},
	} {
		t.Run(name, func(t *testing.T) {
			late := clientFrom(t, "127.0.0.2")
			tel := start(t, tc.opt)
			if r := get(t, tel.url+"/metrics", tc.early); r.code != 200 {
				t.Fatal(r.code)
			}
			var refused, denied, guesses atomic.Int64
			ended := make(chan struct{})
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for {
						select {
						case <-ended:
							return
						default:
						}
						r, err := try(plainClient, http.MethodGet, tel.url+"/metrics", login("scraper", fmt.Sprint("guess ", guesses.Add(1))))
						switch {
						case err != nil:
							t.Error(err)
						case r.code == 401:
							denied.Add(1)
						case r.code == 429 && r.header.Get("Retry-After") != "":
							refused.Add(1)
						default:
							t.Errorf("status %d", r.code)
						}
					}
				})
			}
			eventually(t, "a thousand guesses are answered", func() bool { return refused.Load()+denied.Load() > 1000 })
			if denied.Load() > 500 {
				t.Errorf("%d of %d guesses were verified", denied.Load(), guesses.Load())
			}
			for range 20 {
				if r := get(t, tel.url+"/metrics", tc.early); r.code != 200 {
					t.Errorf("the scraper in the flood: %d", r.code)
				}
			}
			if tc.late != "" {
				if r := ask(t, late, http.MethodGet, tel.url+"/metrics", tc.late); r.code != 200 {
					t.Errorf("the scraper that comes late: %d", r.code)
				}
			}
			for _, probe := range []string{"/health", "/ready", "/live"} {
				if r := get(t, tel.url+probe); r.code != 200 {
					t.Errorf("%s in the flood: %d", probe, r.code)
				}
			}
			close(ended)
			wg.Wait()
			all := families(t, get(t, tel.url+"/metrics", tc.early))
			if got := serverProblems(t, all, "login"); got != float64(refused.Load()) {
				t.Errorf("%v refusals counted, want %d", got, refused.Load())
			}
			if got := serverProblems(t, all, "password"); got != float64(denied.Load()) {
				t.Errorf("%v wrong passwords counted, want %d", got, denied.Load())
			}
			eventually(t, "each is reported once", func() bool { return len(tel.errs.texts()) == 2 })
		})
	}
}

// A client that gives up does not have to begin anew: the next time it passes at once.
func TestLoginOfAClientThatLeft(t *testing.T) {
	tel := start(t, prometheus.WithBasicAuth("scraper", hash(t, "open sesame", 11))) // which takes a tenth of a second or more
	hasty := &http.Client{Timeout: 20 * time.Millisecond}
	right := login("scraper", "open sesame")
	if r, err := try(hasty, http.MethodGet, tel.url+"/metrics", right); err == nil {
		t.Fatalf("verified within 20 ms: %d", r.code)
	}
	if r := get(t, tel.url+"/metrics", right); r.code != 200 {
		t.Errorf("the second time: %d", r.code)
	}
}

// Guesses that wait do not hold up the shutdown, and leave nothing behind.
func TestShutdownWhileLoginsWait(t *testing.T) {
	before := runtime.NumGoroutine()
	s := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"), prometheus.WithBasicAuth("scraper", hash(t, "x", 8)))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()),
		otelmail.WithErrorHandler(func(error) {}), otelmail.WithExporter(s))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 20 { // far more than the budget
				_, _ = try(client, http.MethodGet, "http://"+s.Addr().String()+"/metrics", login("scraper", fmt.Sprint(i)))
			}
		})
	}
	eventually(t, "a guess is on its way", func() bool { return runtime.NumGoroutine() > before+8 })
	if err := shutdown(tel); err != nil {
		t.Error(err)
	}
	wg.Wait()
	client.CloseIdleConnections()
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}
