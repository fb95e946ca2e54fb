package otelmailtest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/otelmailtest"
)

var updateReports = flag.Bool("update.reports", false, "write anew what Conformance reports")

// watched is a testing.TB whose failures are kept.
type watched struct {
	testing.TB
	failures []string
}

func (w *watched) Helper()             {}
func (w *watched) Logf(string, ...any) {}
func (w *watched) Error(args ...any) {
	w.failures = append(w.failures, strings.TrimSuffix(fmt.Sprintln(args...), "\n"))
}
func (w *watched) Fatal(args ...any)            { w.Error(args...); runtime.Goexit() }
func (w *watched) Errorf(f string, args ...any) { w.Error(fmt.Sprintf(f, args...)) }
func (w *watched) Fatalf(f string, args ...any) { w.Fatal(fmt.Sprintf(f, args...)) }

// failuresOf are those of a test.
func failuresOf(t *testing.T, test func(testing.TB)) []string {
	w := &watched{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(w)
	}()
	<-done
	return w.failures
}

// A server whose author has instrumented it by hand, and rightly.
func TestConformanceOfAHandmadeServer(t *testing.T) {
	t.Parallel()
	r := newRecorded(t)
	otelmailtest.Conformance(t, otelmailtest.Server{
		SMTP:    otelmailtest.DialTCP(serveHandmade(t, r, none)),
		Metrics: otelmailtest.MetricsFrom(r.reader), Spans: r.spans.Ended, Sessions: 40,
	})
}

// Each fault is found, with the session that shows it and its bytes.
func TestConformanceFindsFaults(t *testing.T) {
	t.Parallel()
	for file, f := range map[string]fault{
		"twice": countedTwice, "forgotten": errorForgotten, "never-closed": neverClosed, "auth": authReversed,
		"early": countedEarly, "domain": firstDomain, "protocol": otherProtocol, "size": sizeWithDot, "lost": lostForgotten, "noop": secondNoop,
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			r := newRecorded(t)
			failures := failuresOf(t, func(t testing.TB) {
				otelmailtest.Conformance(t, otelmailtest.Server{
					SMTP: otelmailtest.DialTCP(serveHandmade(t, r, f)), Metrics: otelmailtest.MetricsFrom(r.reader), Sessions: 20, Patience: 5 * time.Second,
				})
			})
			if len(failures) == 0 {
				t.Fatalf("not found: %s", f)
			}
			golden(t, file, string(f)+"\n\n"+failures[0]+"\n")
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "conformance", name+".txt")
	if *updateReports {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: go test -update.reports writes what is now\n%s", path, got)
	}
}
