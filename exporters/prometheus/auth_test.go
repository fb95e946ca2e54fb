package prometheus_test

import (
	"encoding/base64"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail/exporters/prometheus"
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
		"WithWebConfigFile": prometheus.WithWebConfigFile(file),
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

// A flood of guesses waits in a short queue, and credentials that were right once still pass.
func TestBasicAuthUnderAFlood(t *testing.T) {
	tel := start(t, prometheus.WithBasicAuth("scraper", hash(t, "open sesame", 9)))
	right := login("scraper", "open sesame")
	if r := get(t, tel.url+"/metrics", right); r.code != 200 {
		t.Fatal(r.code)
	}
	var refused, denied atomic.Int64
	var wg sync.WaitGroup
	for range 60 {
		wg.Go(func() {
			r, err := try(plainClient, http.MethodGet, tel.url+"/metrics", login("scraper", "guess"))
			switch {
			case err != nil:
				t.Error(err)
			case r.code == 401:
				denied.Add(1)
			case r.code == 503 && r.header.Get("Retry-After") != "":
				refused.Add(1)
			default:
				t.Errorf("status %d", r.code)
			}
		})
	}
	for range 5 {
		if r := get(t, tel.url+"/metrics", right); r.code != 200 {
			t.Errorf("the scraper in the flood: %d", r.code)
		}
	}
	wg.Wait()
	if refused.Load() == 0 || denied.Load() == 0 {
		t.Errorf("%d refused at once, %d denied", refused.Load(), denied.Load())
	}
}
