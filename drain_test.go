package otelmail_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
)

// drained is what a drain did, and when.
type drained struct {
	begun time.Time

	mu  sync.Mutex
	did []string
}

func (d *drained) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.did = append(d.did, time.Since(d.begun).Round(100*time.Millisecond).String()+" "+what)
}

// draining starts a Telemetry whose flush is noted.
func draining(t *testing.T) (*otelmail.Telemetry, *drained) {
	t.Helper()
	d := &drained{}
	tel, err := otelmail.Start(t.Context(), lookup(), otelmail.WithoutGlobals(),
		otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
			p.OnShutdown("flush", func(ctx context.Context) error {
				d.note("flush")
				return ctx.Err()
			})
			return nil
		})))
	if err != nil {
		t.Fatal(err)
	}
	d.begun = time.Now()
	return tel, d
}

// isReady says what /ready answers.
func isReady(tel *otelmail.Telemetry) bool {
	w := httptest.NewRecorder()
	tel.Health.ReadyHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/ready", nil))
	return w.Code == 200
}

func TestDrain(t *testing.T) {
	hangs := func(context.Context) error {
		time.Sleep(time.Hour)
		return nil
	}
	for name, test := range map[string]struct {
		grace     time.Duration // 0 is without a deadline
		accepting time.Duration
		end       func(context.Context) error
		did       []string
		err       []string // parts of it; none is no error
	}{
		"in order":             {30 * time.Second, 5 * time.Second, nil, []string{"5s end", "6s flush"}, nil},
		"at once":              {30 * time.Second, 0, nil, []string{"0s end", "1s flush"}, nil},
		"without a deadline":   {0, 5 * time.Second, nil, []string{"5s end", "6s flush"}, nil},
		"a negative time":      {30 * time.Second, -time.Second, nil, []string{"0s end", "1s flush"}, []string{"drain: accepting for -1s: must be 0 or more"}},
		"a time too long":      {30 * time.Second, time.Hour, nil, []string{"12.5s end", "13.5s flush"}, []string{"accepting for 1h0m0s: cut to 12.5s", "ctx must last longer"}},
		"little time":          {3 * time.Second, time.Second, nil, []string{"1s end", "1.9s flush"}, []string{"server 1"}},
		"an end that fails":    {30 * time.Second, 0, func(context.Context) error { return errors.New("broken") }, []string{"0s flush"}, []string{"drain: shut down server 1: broken"}},
		"an end that panics":   {30 * time.Second, 0, func(context.Context) error { panic("broken") }, []string{"0s flush"}, []string{"shut down server 1: ", "panicked"}},
		"an end that hangs":    {30 * time.Second, 5 * time.Second, hangs, []string{"25s flush"}, []string{"shut down server 1: did not stop in time"}},
		"hangs, no deadline":   {0, 5 * time.Second, hangs, []string{"20s flush"}, []string{"shut down server 1: did not stop in time"}},
		"a function not there": {30 * time.Second, 0, nil, []string{"0s flush"}, []string{"shut down server 1: its function is nil"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tel, d := draining(t)
				if !isReady(tel) {
					t.Fatal("not ready before")
				}
				end := test.end
				if end == nil && name != "a function not there" {
					end = func(ctx context.Context) error {
						d.note("end")
						if isReady(tel) {
							t.Error("ready while the sessions end")
						}
						select {
						case <-time.After(time.Second):
							return nil
						case <-ctx.Done():
							return ctx.Err()
						}
					}
				}
				ctx, cancel := context.Background(), func() {}
				if test.grace > 0 {
					ctx, cancel = context.WithTimeout(ctx, test.grace)
				}
				defer cancel()
				soon := time.AfterFunc(time.Millisecond, func() {
					if isReady(tel) {
						t.Error("ready after Drain was called")
					}
				})
				defer soon.Stop()
				err := tel.Drain(ctx, test.accepting, end)
				time.Sleep(2 * time.Hour) // what hangs has returned
				d.mu.Lock()
				defer d.mu.Unlock()
				if !slices.Equal(d.did, test.did) {
					t.Errorf("it did %q, want %q", d.did, test.did)
				}
				if len(test.err) == 0 && err != nil {
					t.Errorf("%v", err)
				}
				for _, part := range test.err {
					if err == nil || !strings.Contains(err.Error(), part) {
						t.Errorf("the error is %v, want %q", err, part)
					}
				}
			})
		})
	}
}

// TestDrainWithADeadCollector: what hangs at the end takes the time that is kept for it, and
// not the rest of the grace period.
func TestDrainWithADeadCollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, err := otelmail.Start(t.Context(), lookup(), otelmail.WithoutGlobals(), otelmail.WithShutdownTimeout(3*time.Second),
			otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
				p.OnShutdown("flush", func(ctx context.Context) error {
					<-ctx.Done()
					return ctx.Err()
				})
				return nil
			})))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		begun := time.Now()
		if err := tel.Drain(ctx, time.Second); err == nil || !strings.Contains(err.Error(), "flush") {
			t.Errorf("the error is %v", err)
		}
		if took := time.Since(begun); took > 4*time.Second || took < 3*time.Second {
			t.Errorf("it took %v, want up to 4s", took)
		}
	})
}
