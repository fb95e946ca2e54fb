package health_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rusmes/otelmail/health"
)

// in runs f on a clock that moves only when everybody waits, and fails when f leaves
// a goroutine behind.
func in(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// later lets d pass, with everything that is due in that time.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func holds(context.Context) error { return nil }

func fails(context.Context) error { return errors.New("550 no such user: eve@example.org") }

func panics(context.Context) error { panic("mallory@example.org") }

// hangs ignores its context until release is closed.
func hangs(release <-chan struct{}) func(context.Context) error {
	return func(context.Context) error {
		<-release
		return nil
	}
}

func register(t *testing.T, r *health.Registry, name string, check func(context.Context) error, opts ...health.CheckOption) {
	t.Helper()
	if err := r.Register(name, check, opts...); err != nil {
		t.Fatal(err)
	}
}

// start starts r, lets first runs happen, and stops r when the test ends.
func start(t *testing.T, r *health.Registry) {
	t.Helper()
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, r) })
	synctest.Wait()
}

func stop(t *testing.T, r *health.Registry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// get asks h for path and returns the status and the body.
func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	return rec.Code, rec.Body.String()
}

func wantAnswer(t *testing.T, r *health.Registry, path string, status int, body string) {
	t.Helper()
	code, got := get(t, r.Handler(), path)
	if code != status || got != body+"\n" {
		t.Errorf("%s: %d %q, want %d %q", path, code, got, status, body+"\n")
	}
}

func wantReady(t *testing.T, r *health.Registry, body string) {
	t.Helper()
	status := http.StatusServiceUnavailable
	if strings.HasPrefix(body, `{"ready":true`) {
		status = http.StatusOK
	}
	wantAnswer(t, r, "/ready", status, body)
}

func wantAlive(t *testing.T, r *health.Registry, alive bool) {
	t.Helper()
	if alive {
		wantAnswer(t, r, "/live", http.StatusOK, `{"alive":true}`)
	} else {
		wantAnswer(t, r, "/live", http.StatusServiceUnavailable, `{"alive":false}`)
	}
}

// result returns what r knows about the named check.
func result(t *testing.T, r *health.Registry, name string) health.Result {
	t.Helper()
	for _, res := range r.Snapshot() {
		if res.Name == name {
			return res
		}
	}
	t.Fatalf("no check %q in the snapshot", name)
	return health.Result{}
}

func wantState(t *testing.T, r *health.Registry, name string, want health.State) {
	t.Helper()
	got := result(t, r, name)
	if got.State != want {
		t.Errorf("%s is %q, want %q", name, got.State, want)
	}
	if got.Healthy != (want == health.StateHealthy) {
		t.Errorf("%s: Healthy is %v with state %q", name, got.Healthy, got.State)
	}
}
