package peer_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// recorder stands in for a test that is expected to fail.
type recorder struct {
	testing.TB // of the real test, for its folders and context
	failed     bool
	text       strings.Builder
	cleanups   []func()
}

// record calls run, which would fail a test, and returns what that test would have shown.
func record(t *testing.T, run func(testing.TB)) (failed bool, text string) {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { // Fatal ends a goroutine
		defer close(done)
		run(r)
	}()
	<-done
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
	return r.failed, r.text.String()
}

func (r *recorder) Cleanup(f func())                { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Failed() bool                    { return r.failed }
func (r *recorder) Logf(format string, args ...any) { fmt.Fprintf(&r.text, format+"\n", args...) }

func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }

func (r *recorder) Errorf(format string, args ...any) {
	r.failed = true
	r.Logf(format, args...)
}

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
