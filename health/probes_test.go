package health_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/health"
)

var update = flag.Bool("update", false, "write what the probes answer into testdata")

// The files in testdata are the contract: what a dashboard reads.
func TestHealthShapes(t *testing.T) {
	tests := []struct {
		golden string
		status int
		opts   []health.Option
		given  func(t *testing.T, r *health.Registry)
		query  string
	}{
		{"not_started", 503, nil, func(t *testing.T, r *health.Registry) {
			register(t, r, "storage", holds)
		}, ""},
		{"not_started_no_checks", 503, nil, func(*testing.T, *health.Registry) {}, ""},
		{"no_checks", 200, nil, start, ""},
		{"first_run", 503, nil, func(t *testing.T, r *health.Registry) {
			register(t, r, "storage", func(ctx context.Context) error { <-ctx.Done(); return nil })
			register(t, r, "queue", holds)
			start(t, r)
		}, ""},
		{"healthy", 200, nil, func(t *testing.T, r *health.Registry) {
			register(t, r, "storage", holds, health.Decides(health.Readiness))
			register(t, r, "queue", func(context.Context) error { time.Sleep(time.Second); return nil },
				health.Decides(health.Readiness, health.Liveness))
			start(t, r)
			later(1500 * time.Millisecond)
		}, ""},
		{"unhealthy", 503, nil, func(t *testing.T, r *health.Registry) {
			register(t, r, "storage", holds)
			register(t, r, "queue", fails, health.Decides(health.Readiness))
			register(t, r, "dns", panics)
			register(t, r, "relay", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			start(t, r)
			later(5 * time.Second)
		}, ""},
		{"error_detail", 503, []health.Option{health.WithErrorDetail(true)}, func(t *testing.T, r *health.Registry) {
			register(t, r, "queue", fails)
			register(t, r, "dns", panics)
			start(t, r)
		}, ""},
		{"stopped", 503, nil, func(t *testing.T, r *health.Registry) {
			register(t, r, "storage", holds)
			start(t, r)
			stop(t, r)
			later(15 * time.Second)
		}, ""},
		{"verbose", 503, []health.Option{health.WithErrorDetail(true)}, mixed, "?verbose"},
		{"verbose_to_strangers", 503, nil, mixed, "?verbose=true"},
		{"verbose_not_started", 503, nil, func(t *testing.T, r *health.Registry) { register(t, r, "storage", holds) }, "?verbose=1"},
		{"group", 200, nil, mixed, "?group=storage"},
		{"groups", 503, nil, mixed, "?group=storage&group=mail&verbose=false"},
		{"group_verbose", 503, nil, mixed, "?verbose&group=mail"},
		{"unknown_group", 404, nil, mixed, "?group=storage&group=disk%0a%22%3c"},
		{"no_groups", 404, nil, start, "?group="},
		{"wrong_verbose", 400, nil, start, "?verbose=please"},
	}
	for _, tt := range tests {
		t.Run(tt.golden, func(t *testing.T) {
			in(t, func(t *testing.T) {
				r := health.New(tt.opts...)
				tt.given(t, r)
				code, body := get(t, r.HealthHandler(), "/health"+tt.query)
				if code != tt.status {
					t.Errorf("status %d, want %d", code, tt.status)
				}
				compareGolden(t, filepath.Join("testdata", "health_"+tt.golden+".json"), body)
			})
		})
	}
}

// mixed is a registry of which every part is in another state.
func mixed(t *testing.T, r *health.Registry) {
	flows, asks := 0, 0
	register(t, r, "disk", holds, health.Groups("storage"))
	register(t, r, "flow", func(context.Context) error {
		if flows++; flows < 3 {
			return errors.New("554 go away, mallory@example.org")
		}
		return nil
	}, health.Groups("mail"), health.RecoverAfter(2, 0))
	register(t, r, "queue", func(ctx context.Context) error {
		if asks++; asks > 2 {
			return fails(ctx)
		}
		return nil
	}, health.Groups("mail", "storage", "mail"), health.FailAfter(3, 0), health.Decides(health.Readiness), health.Interval(9*time.Second))
	start(t, r)
	later(25 * time.Second)
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\ngot  %swant %s", file, got, want)
	}
}

func TestErrorsAreNotShownByDefault(t *testing.T) {
	in(t, func(t *testing.T) {
		r := health.New()
		register(t, r, "queue", fails, health.Decides(health.Readiness|health.Liveness))
		register(t, r, "dns", panics, health.Decides(health.Readiness|health.Liveness))
		start(t, r)
		for _, path := range []string{"/health", "/ready", "/live"} {
			if _, body := get(t, r.Handler(), path); strings.Contains(body, "example.org") {
				t.Errorf("%s shows an address: %s", path, body)
			}
		}
		for _, res := range r.Snapshot() {
			if res.Error != "" {
				t.Errorf("snapshot shows %q", res.Error)
			}
		}
	})
}

// With this clock a probe that waited for the hung check would never return.
func TestProbesDoNotWaitForAHungCheck(t *testing.T) {
	in(t, func(t *testing.T) {
		release := make(chan struct{})
		r := health.New()
		register(t, r, "storage", hangs(release), health.Decides(health.Readiness))
		start(t, r)
		later(time.Minute)
		before := time.Now()
		wantReady(t, r, `{"ready":false,"reason":"check","failing":["storage"]}`)
		wantAlive(t, r, true)
		if code, body := get(t, r.Handler(), "/health"); code != 503 || !strings.Contains(body, `{"status":"unhealthy","checks":{"storage":"timeout"}`) {
			t.Errorf("/health: %d %s", code, body)
		}
		if waited := time.Since(before); waited != 0 {
			t.Errorf("the probes waited %v", waited)
		}
		close(release)
	})
}

func TestProbesOverTheWire(t *testing.T) {
	r := health.New()
	mux := http.NewServeMux()
	if err := r.Mount(mux); err != nil {
		t.Fatal(err)
	}
	for name, handler := range map[string]http.Handler{"Handler": r.Handler(), "Mount": mux} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			tests := []struct {
				method, path string
				status       int
				allow, body  string
			}{
				{"GET", "/health", 503, "", `{"status":"unhealthy","checks":{},"reason":"starting"}` + "\n"},
				{"GET", "/ready", 503, "", `{"ready":false,"reason":"starting"}` + "\n"},
				{"GET", "/live?verbose=1", 200, "", `{"alive":true}` + "\n"},
				{"HEAD", "/health", 503, "", ""},
				{"HEAD", "/ready", 503, "", ""},
				{"HEAD", "/live", 200, "", ""},
				{"POST", "/health", 405, "GET, HEAD", `{"error":"method not allowed"}` + "\n"},
				{"DELETE", "/ready", 405, "GET, HEAD", `{"error":"method not allowed"}` + "\n"},
				{"OPTIONS", "/live", 405, "GET, HEAD", `{"error":"method not allowed"}` + "\n"},
			}
			for _, tt := range tests {
				req, err := http.NewRequestWithContext(t.Context(), tt.method, server.URL+tt.path, nil)
				if err != nil {
					t.Fatal(err)
				}
				res, err := server.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode != tt.status || string(body) != tt.body {
					t.Errorf("%s %s: %d %q, want %d %q", tt.method, tt.path, res.StatusCode, body, tt.status, tt.body)
				}
				header := map[string]string{
					"Content-Type":  "application/json",
					"Cache-Control": "no-store",
					"Allow":         tt.allow,
				}
				if tt.method != "HEAD" {
					header["Content-Length"] = strconv.Itoa(len(tt.body))
				}
				for key, want := range header {
					if got := res.Header.Get(key); got != want {
						t.Errorf("%s %s: %s is %q, want %q", tt.method, tt.path, key, got, want)
					}
				}
			}
			res, err := server.Client().Get(server.URL + "/healthz")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusNotFound {
				t.Errorf("/healthz: %d, want 404", res.StatusCode)
			}
		})
	}
}

// A mux that has a page at "/", by whatever pattern, takes the probes before and after it.
func TestMountBesideARoot(t *testing.T) {
	for _, root := range []string{"/", "GET /", "OPTIONS /"} {
		for _, first := range []bool{true, false} {
			mux := http.NewServeMux()
			if first {
				mux.Handle(root, http.NotFoundHandler())
			}
			if err := health.New().Mount(mux); err != nil {
				t.Fatalf("%s first %t: %v", root, first, err)
			}
			if !first {
				mux.Handle(root, http.NotFoundHandler())
			}
			for method, want := range map[string]int{http.MethodGet: 503, http.MethodHead: 503, http.MethodOptions: 405, http.MethodPost: 405} {
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, httptest.NewRequest(method, "/ready", nil))
				if w.Code != want {
					t.Errorf("%s /ready beside %s, first %t: %d, want %d", method, root, first, w.Code, want)
				}
			}
		}
	}
}

func TestMountRefused(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/ready", http.NotFoundHandler())
	if err := health.New().Mount(mux); err == nil || !strings.Contains(err.Error(), "/ready") {
		t.Errorf("Mount over a taken path: %v", err)
	}
	if err := health.New().Mount(nil); err == nil {
		t.Error("Mount took a nil mux")
	}
}
