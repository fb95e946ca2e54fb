package otelmail_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

// gauge is one of the three of Storage.
type gauge struct {
	series string
	*otelmail.Gauge
}

func gauges(s *otelmail.Storage) []gauge {
	return []gauge{{"mailboxes_total", s.Mailboxes}, {"messages_total", s.Messages}, {"storage_bytes", s.Bytes}}
}

// TestStorageGauges: changes and whole numbers may be mixed, and a function overrides both.
func TestStorageGauges(t *testing.T) {
	tel, _ := start(t)
	for _, g := range gauges(tel.Storage) {
		check := func(want int64) {
			t.Helper()
			checkValue(t, tel, want, g.series)
		}
		check(0)
		g.Add(5)
		check(5)
		g.Set(100)
		check(100)
		g.Add(-30)
		check(70)
		g.Set(math.MaxInt64)
		check(math.MaxInt64)
		g.Set(0)
		g.Add(-1) // what was there before this process began
		check(-1)
		g.Observe(func(context.Context) (int64, error) { return 7, nil })
		check(7)
		g.Observe(nil)
		g.Add(1)
		check(8)
	}
	for _, g := range gauges(tel.Storage) {
		checkValue(t, tel, 8, g.series) // each moved itself alone
	}
}

// TestStorageFunctionsGetATimeLimit, so that one that heeds its context never hangs.
func TestStorageFunctionsGetATimeLimit(t *testing.T) {
	tel, reader := start(t)
	for _, g := range gauges(tel.Storage) {
		g.Observe(func(ctx context.Context) (int64, error) {
			deadline, ok := ctx.Deadline()
			if left := time.Until(deadline); !ok || left > time.Second {
				t.Errorf("%s: a limit of %v, %t", g.series, left, ok)
			}
			return 1, nil
		})
	}
	collect(t, reader)
	for _, g := range gauges(tel.Storage) {
		checkValue(t, tel, 1, g.series)
	}
}

// TestStorageFunctionsFail: the last value stands, the failure is reported with the series'
// name, and a panic's value is nobody's business.
func TestStorageFunctionsFail(t *testing.T) {
	var mu sync.Mutex
	var reported []error
	tel, _ := start(t, otelmail.WithErrorHandler(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		reported = append(reported, err)
	}))
	away := errors.New("the database is away")
	for _, g := range gauges(tel.Storage) {
		g.Set(42)
		g.Observe(func(context.Context) (int64, error) { return 0, away })
		checkValue(t, tel, 42, g.series)
		g.Observe(func(context.Context) (int64, error) { panic("bob@example.org") })
		checkValue(t, tel, 42, g.series)
		mu.Lock()
		if len(reported) != 2 || !errors.Is(reported[0], away) || !containsAll(reported[1].Error(), "rusmes_"+g.series, "panicked with a string") ||
			containsAll(reported[1].Error(), "bob@") {
			t.Errorf("%s: reported %q", g.series, reported)
		}
		reported = nil
		mu.Unlock()
	}
}

// TestHungStorageFunctionIsStartedOnce: a collection waits a bounded time for it, and the
// next ones do not start it again.
func TestHungStorageFunctionIsStartedOnce(t *testing.T) {
	var reported atomic.Int32
	tel, reader := start(t, otelmail.WithErrorHandler(func(error) { reported.Add(1) }))
	release, ended := make(chan struct{}), make(chan struct{})
	starts := 0
	tel.Storage.Bytes.Set(1)
	tel.Storage.Bytes.Observe(func(context.Context) (int64, error) {
		starts++
		defer close(ended)
		<-release
		return 2, nil
	})
	begun := time.Now()
	for range 3 {
		if got := values(t, reader)["storage_bytes"]; got != 1 {
			t.Errorf("shown are %d bytes, want the last value", got)
		}
	}
	if took := time.Since(begun); took > patience {
		t.Errorf("three collections took %v", took)
	}
	close(release)
	<-ended
	tel.Storage.Bytes.Observe(nil)
	waitFor(t, func() error { // what came late shows afterwards
		if got, _ := tel.Value("storage_bytes"); got != 2 {
			return errors.New("the late value does not show")
		}
		return nil
	})
	if n := reported.Load(); starts != 1 || n != 1 {
		t.Errorf("started %d times, reported %d times", starts, n)
	}
}

// TestStorageChangesAreExact under load.
func TestStorageChangesAreExact(t *testing.T) {
	tel, reader := start(t)
	const workers, each = 8, 2000
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range each {
				for _, g := range gauges(tel.Storage) {
					g.Add(3)
					g.Add(-1)
				}
				if i%500 == 0 {
					collect(t, reader)
				}
			}
		})
	}
	wg.Wait()
	for _, g := range gauges(tel.Storage) {
		checkValue(t, tel, 2*workers*each, g.series)
	}
}
