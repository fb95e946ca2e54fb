package main

import (
	"math"
	"runtime"
	"sync"
	"testing"
	"time"
)

// loop does something n times. Both sides of a duel bring their own loop, so
// that no call through a function value is measured with a few nanoseconds.
type loop func(n int)

// duel sets two ways of doing the same beside each other.
type duel struct {
	row    Row // without figures
	ours   loop
	theirs loop
	// common is what both sides do beside what is compared, such as reading the
	// clock. Its time is taken in each pair too, and off both sides. Nil for none.
	common loop
	// allCores has every core run the loop at the same time.
	allCores bool
}

// runner measures duels in turns: ours, theirs, theirs, ours … Each turn is
// short, so that what disturbs the machine disturbs both sides of a pair alike.
type runner struct {
	pairs int
	turn  time.Duration
}

func (r runner) run(d duel) Row {
	ours, theirs := d.timed(d.ours), d.timed(d.theirs)
	n, m := r.calibrate(ours), r.calibrate(theirs)
	common, k := func(int) float64 { return 0 }, 0
	if d.common != nil {
		common = d.timed(d.common)
		k = r.calibrate(common)
	}
	a, b := make([]float64, r.pairs), make([]float64, r.pairs)
	for i := range r.pairs {
		// Whoever comes second finds the caches and the clock as the first left
		// them: take turns in that too.
		if i%2 == 0 {
			a[i], b[i] = ours(n), theirs(m)
		} else {
			b[i], a[i] = theirs(m), ours(n)
		}
		c := common(k)
		a[i], b[i] = a[i]-c, b[i]-c
	}
	row := d.row.compare(a, b)
	row.Unit = Nanoseconds
	if !d.allCores {
		allocs := allocsOf(d.ours, min(n, allocRuns))
		row.Allocs = &allocs
	}
	return row
}

// calibrate returns how many operations fill a turn.
func (r runner) calibrate(timed func(int) float64) int {
	n := 1
	for {
		took := timed(n) * float64(n)
		if took >= float64(r.turn)/4 {
			return max(1, int(float64(n)*float64(r.turn)/took))
		}
		n *= 2
	}
}

// timed returns how long one operation takes, in nanoseconds; with all cores
// busy, how long one core spends on each of its own.
func (d duel) timed(l loop) func(n int) float64 {
	if !d.allCores {
		return func(n int) float64 {
			begun := time.Now()
			l(n)
			return float64(time.Since(begun)) / float64(n)
		}
	}
	return func(n int) float64 {
		var wg sync.WaitGroup
		begun := time.Now()
		for range runtime.GOMAXPROCS(0) {
			wg.Go(func() { l(n) })
		}
		wg.Wait()
		return float64(time.Since(begun)) / float64(n)
	}
}

// allocRuns is how many operations the allocations of one are taken from.
const allocRuns = 1000

// allocsOf returns the allocations of one operation out of n. What a loop
// prepares before its first is not the operation's.
func allocsOf(l loop, n int) float64 {
	once := testing.AllocsPerRun(5, func() { l(1) })
	all := testing.AllocsPerRun(5, func() { l(n + 1) })
	return math.Round((all - once) / float64(n))
}
