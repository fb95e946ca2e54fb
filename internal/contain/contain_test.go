package contain_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rusmes/otelmail/internal/contain"
)

func TestEnds(t *testing.T) {
	within := func(fn func()) error { return new(contain.Calls).Within(time.Minute, fn) }
	for _, tc := range []struct {
		name string
		call func(func()) error
		fn   func()
		want string
	}{
		{"Call, returns", contain.Call, func() {}, ""},
		{"Call, panics", contain.Call, func() { panic("bob@example.org") }, "panicked with a string"},
		{"Apart, returns", contain.Apart, func() {}, ""},
		{"Apart, panics", contain.Apart, func() { panic("bob@example.org") }, "panicked with a string"},
		{"Apart, ends its goroutine", contain.Apart, runtime.Goexit, "runtime.Goexit"},
		{"Within, returns", within, func() {}, ""},
		{"Within, panics", within, func() { panic("bob@example.org") }, "panicked with a string"},
		{"Within, ends its goroutine", within, runtime.Goexit, "runtime.Goexit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.call(tc.fn)
			if tc.want == "" && err != nil {
				t.Error(err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "bob@")) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// A call that hangs is waited for once, and the function is not called again before it
// has returned.
func TestHangs(t *testing.T) {
	var calls contain.Calls
	var begun atomic.Int32
	release := make(chan struct{})
	hang := func() { begun.Add(1); <-release }
	if err := calls.Within(time.Millisecond, hang); !errors.Is(err, contain.ErrLate) {
		t.Errorf("first call: %v", err)
	}
	for range 3 {
		if err := calls.Within(time.Hour, hang); !errors.Is(err, contain.ErrHangs) {
			t.Errorf("further call: %v", err)
		}
	}
	close(release)
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		err := calls.Within(time.Minute, func() {})
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not called again after it had returned: %v", err)
		}
	}
	if n := begun.Load(); n > 1 {
		t.Errorf("begun %d times", n)
	}
}

// Whoever reports an error is not harmed by the handler, and waits for it once.
func TestHandler(t *testing.T) {
	for name, end := range map[string]func(context.Context){
		"panics":             func(context.Context) { panic("bob@example.org") },
		"ends its goroutine": func(context.Context) { runtime.Goexit() },
		"hangs":              func(ctx context.Context) { <-ctx.Done() },
	} {
		synctest.Test(t, func(t *testing.T) {
			var got atomic.Int32
			handle := contain.Handler(func(error) { got.Add(1); end(t.Context()) })
			for range 100 {
				handle(errors.New("no disk"))
			}
			if n := got.Load(); name != "hangs" && n != 100 || name == "hangs" && n != 1 {
				t.Errorf("%s: called %d times", name, n)
			}
		})
	}
}
