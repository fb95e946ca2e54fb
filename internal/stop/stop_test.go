package stop_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rusmes/otelmail/internal/stop"
)

func TestOrder(t *testing.T) {
	var mu sync.Mutex
	var order []string
	part := func(name string) stop.Part {
		return stop.Part{Name: name, Run: func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
			return nil
		}}
	}
	s := stop.Stopper{Timeout: time.Minute, Final: []stop.Part{part("final")},
		Last: []stop.Part{part("last")}, Parallel: []stop.Part{part("parallel")}}
	for range 2 {
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"parallel", "last", "final"}; !slices.Equal(order, want) {
		t.Errorf("stopped %v, want %v, each once", order, want)
	}
}

// A part that keeps its deadline ends before the caller stops waiting, and so can still
// report what it lost. One that does not is named.
func TestDeadline(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	s := stop.Stopper{Timeout: 300 * time.Millisecond, Parallel: []stop.Part{
		{Name: "deaf", Run: func(context.Context) error { <-release; return nil }},
		{Name: "slow", Run: func(ctx context.Context) error { <-ctx.Done(); return errors.New("3 lost") }},
		{Name: "broken", Run: func(context.Context) error { panic("secret") }},
	}}
	//nolint:staticcheck // a nil context is what is tested: it gets the timeout
	err := s.Stop(nil)
	const want = "shut down deaf: did not stop in time\nshut down slow: 3 lost\nshut down broken: panicked with a string"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Error("the value of a panic is shown")
	}
}
