package otelmailtest_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// failing is a testing.TB that keeps what a failing test says.
type failing struct {
	testing.TB
	mu       sync.Mutex
	said     strings.Builder
	failed   bool
	cleanups []func()
}

func (f *failing) say(text string, failed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said.WriteString(text + "\n")
	f.failed = f.failed || failed
}

func (f *failing) Helper()                        {}
func (f *failing) Log(all ...any)                 { f.say(fmt.Sprint(all...), false) }
func (f *failing) Logf(format string, all ...any) { f.say(fmt.Sprintf(format, all...), false) }
func (f *failing) Error(all ...any)               { f.say(fmt.Sprint(all...), true) }
func (f *failing) Errorf(format string, a ...any) { f.say(fmt.Sprintf(format, a...), true) }
func (f *failing) Output() io.Writer              { return &f.said }
func (f *failing) Cleanup(do func())              { f.cleanups = append(f.cleanups, do) }

func (f *failing) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

func (f *failing) Fatal(all ...any) {
	f.say(fmt.Sprint(all...)+"\n(the test ends)", true)
	runtime.Goexit()
}

func (f *failing) Fatalf(format string, all ...any) { f.Fatal(fmt.Sprintf(format, all...)) }

// fails is what a test says, "" if it passes.
func fails(t testing.TB, test func(t testing.TB)) string {
	f := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(f.cleanups) - 1; i >= 0; i-- {
				f.cleanups[i]()
			}
		}()
		test(f)
	}()
	<-done
	if !f.failed && f.said.Len() > 0 {
		t.Errorf("a test that passes says %q", f.said.String())
	}
	return f.said.String()
}
