package count_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/rusmes/otelmail/internal/count"
)

func TestGrid(t *testing.T) {
	newGrid := func() *count.Grid[string] {
		return count.NewGrid(func(at []int) *string { s := fmt.Sprint(at); return &s }, 2, 3)
	}
	for _, tc := range []struct {
		at   []int
		want string
	}{
		{[]int{0, 0}, "[0 0]"},
		{[]int{1, 2}, "[1 2]"},
		{[]int{5, 1}, "[1 1]"},  // the last stands for all others
		{[]int{0, -1}, "[0 2]"}, // likewise
		{[]int{1}, "[1 0]"},
		{nil, "[0 0]"},
		{[]int{1, 1, 7}, "[1 1]"},
	} {
		g := newGrid()
		if g.Made(tc.at...) != nil {
			t.Errorf("%v is there before it was asked for", tc.at)
		}
		v := g.At(tc.at...)
		if *v != tc.want {
			t.Errorf("at %v: %s, want %s", tc.at, *v, tc.want)
		}
		if g.At(tc.at...) != v || g.Made(tc.at...) != v {
			t.Errorf("at %v: another value at the second call", tc.at)
		}
		if all := each(g); !slices.Equal(all, []string{tc.want}) {
			t.Errorf("made %v, want %s alone", all, tc.want)
		}
	}
	g := newGrid()
	g.Fill()
	if all, want := each(g), []string{"[0 0]", "[0 1]", "[0 2]", "[1 0]", "[1 1]", "[1 2]"}; !slices.Equal(all, want) {
		t.Errorf("filled with %v, want %v", all, want)
	}
}

func each(g *count.Grid[string]) (all []string) {
	g.Each(func(s *string) { all = append(all, *s) })
	return all
}

// TestGridIsExact: many goroutines that ask for a new value at once get the same one.
func TestGridIsExact(t *testing.T) {
	g := count.NewGrid(func([]int) *count.Counter { return count.NewCounter() }, 4, 4)
	var wg sync.WaitGroup
	const goroutines, rounds = 16, 1000
	for range goroutines {
		wg.Go(func() {
			for i := range rounds {
				g.At(i%4, i/4%4).Add(1)
			}
		})
	}
	wg.Wait()
	var sum int64
	g.Each(func(c *count.Counter) { sum += c.Load() })
	if sum != goroutines*rounds {
		t.Errorf("counted %d of %d", sum, goroutines*rounds)
	}
}

func TestGridAllocatesNothingOnceMade(t *testing.T) {
	g := count.NewGrid(func([]int) *count.Counter { return count.NewCounter() }, 4, 4)
	g.At(1, 2)
	if n := testing.AllocsPerRun(100, func() { g.At(1, 2).Add(1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
