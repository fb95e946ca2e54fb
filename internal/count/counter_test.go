package count_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rusmes/otelmail/internal/count"
)

func TestCounterLosesNothing(t *testing.T) {
	c := count.NewCounter()
	const workers, each = 32, 10_000
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				c.Add(int64(w%3) - 1) // up, down and not at all
			}
		})
	}
	var want int64
	for w := range workers {
		want += each * (int64(w%3) - 1)
	}
	wg.Wait()
	if got := c.Load(); got != want {
		t.Errorf("counted %d, want %d", got, want)
	}
}

// BenchmarkCounter compares an event with a bare atomic add.
func BenchmarkCounter(b *testing.B) {
	var bare atomic.Int64
	c := count.NewCounter()
	for _, side := range []struct {
		name string
		add  func(int64)
	}{{"atomic", func(n int64) { bare.Add(n) }}, {"counter", c.Add}} {
		b.Run(side.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				side.add(1)
			}
		})
		b.Run(side.name+"/all cores", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					side.add(1)
				}
			})
		})
	}
}
