package main

import (
	"math"
	"runtime"
	"sync"
	"testing"
	"time"
)

// loop does something n times. Each side of a duel has its own loop, so that the figures of
// a few nanoseconds do not include a call through a function value.
type loop func(n int)

// duel compares two ways of doing the same thing.
type duel struct {
	row    Row // without figures
	ours   loop
	theirs loop
	// common is what both sides do beside what is compared, such as reading the
	// clock. Its time is measured in each pair too and subtracted from both sides.
	// Nil for none.
	common loop
	// allCores makes every core run the loop at the same time.
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
		// The second finds the caches and the clock rate as the first left them:
		// take turns in that too.
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

// allocRuns is over how many operations the allocations of one are averaged.
const allocRuns = 1000

// allocsOf returns the allocations of one operation, averaged over n. What a loop allocates
// before its first operation is not counted.
func allocsOf(l loop, n int) float64 {
	once := testing.AllocsPerRun(5, func() { l(1) })
	all := testing.AllocsPerRun(5, func() { l(n + 1) })
	return math.Round((all - once) / float64(n))
}
