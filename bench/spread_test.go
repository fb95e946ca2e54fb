package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSpread(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   Spread
	}{
		"one value":              {[]float64{3}, Spread{3, 3, 3, 3, 3}},
		"two values":             {[]float64{3, 1}, Spread{2, 1.5, 2.5, 1, 3}},
		"five values, unsorted":  {[]float64{5, 1, 4, 2, 3}, Spread{3, 2, 4, 1, 5}},
		"one disturbed turn":     {[]float64{1, 1, 1, 1, 1, 1, 1, 1, 100}, Spread{1, 1, 1, 1, 1}},
		"between two neighbours": {[]float64{1, 2, 3, 4}, Spread{2.5, 1.75, 3.25, 1, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := spreadOf(c.values); got != c.want {
				t.Errorf("spreadOf(%v) = %+v, want %+v", c.values, got, c.want)
			}
		})
	}
	if got := spreadOf(nil); !math.IsNaN(got.Median) || !math.IsNaN(got.Q1) || !math.IsNaN(got.Q3) {
		t.Errorf("spreadOf(nil) = %+v, want NaN: no values are no figure", got)
	}
}

// The bounds of about 95 in 100 samples contain the true median.
func TestSpreadHoldsTheMedian(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{10, 40, 120} {
		held := 0
		for range 1000 {
			values := make([]float64, n)
			for i := range values {
				values[i] = random.ExpFloat64() // skewed, as times are
			}
			if s := spreadOf(values); s.Low <= math.Ln2 && math.Ln2 <= s.High {
				held++
			}
		}
		if held < 930 || held > 995 {
			t.Errorf("of %d values: %d of 1000 samples hold the median, want about 950", n, held)
		}
	}
}

func TestSpreadLeavesItsValuesInTheirOrder(t *testing.T) {
	values := []float64{3, 1, 2}
	spreadOf(values)
	if values[0] != 3 || values[1] != 1 || values[2] != 2 {
		t.Errorf("spreadOf has sorted its argument: %v; pairs would no longer fit together", values)
	}
}

// The median of the ratios is not the ratio of the medians: what slowed both
// sides of one pair must cancel out.
func TestComparePairByPair(t *testing.T) {
	ours, theirs := []float64{2, 20, 200}, []float64{1, 10, 100}
	r := Row{Goal: Goal{Ratio: 2}}.compare(ours, theirs)
	if want := (Spread{2, 2, 2, 2, 2}); r.Compared != want || r.Turns != 3 || r.Ours != 20 || r.Theirs != 10 {
		t.Errorf("compare = %+v, want ratios of %+v", r, want)
	}
	r = Row{Goal: Goal{More: 3}}.compare([]float64{33, 34}, []float64{30, 31})
	if want := (Spread{3, 3, 3, 3, 3}); r.Compared != want {
		t.Errorf("compare by difference = %+v, want %+v", r.Compared, want)
	}
}

func TestReached(t *testing.T) {
	none, some := 0.0, 1.0
	for name, c := range map[string]struct {
		row  Row
		want bool
	}{
		"at the goal":                   {Row{Compared: Spread{Median: 1.2}, Goal: Goal{Ratio: 1.2}}, true},
		"above it":                      {Row{Compared: Spread{Median: 1.21}, Goal: Goal{Ratio: 1.2}}, false},
		"quick, but it allocates":       {Row{Compared: Spread{Median: 1}, Allocs: &some, Goal: Goal{Ratio: 1.2, NoAllocs: true}}, false},
		"quick, allocations not known":  {Row{Compared: Spread{Median: 1}, Goal: Goal{Ratio: 1.2, NoAllocs: true}}, false},
		"quick and without allocations": {Row{Compared: Spread{Median: 1}, Allocs: &none, Goal: Goal{Ratio: 1.2, NoAllocs: true}}, true},
		"few more":                      {Row{Compared: Spread{Median: 3}, Goal: Goal{More: 3}}, true},
		"too many more":                 {Row{Compared: Spread{Median: 3.1}, Goal: Goal{More: 3}}, false},
		"not a number":                  {Row{Compared: Spread{Median: math.NaN()}, Goal: Goal{Ratio: 1.2}}, false},
	} {
		if got := c.row.reached(); got != c.want {
			t.Errorf("%s: reached = %t, want %t", name, got, c.want)
		}
	}
}
