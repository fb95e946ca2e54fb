package main

import (
	"math"
	"slices"
)

// Spread sums up many measurements of the same thing. It has the median and the
// quartiles because a shared machine disturbs some of the rounds, which would distort a
// mean. Low and High hold the true median with
// 95 % confidence.
type Spread struct {
	Median float64 `json:"median"`
	Q1     float64 `json:"q1"`
	Q3     float64 `json:"q3"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// spreadOf returns the median, the bounds between which the true one lies, and the
// quartiles; NaN for no values. The bounds are the values whose ranks lie 1.96
// standard deviations of a binomial distribution from the middle, which needs no
// assumption about how the values are distributed; of few values they are the
// least and the greatest.
func spreadOf(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	s := Spread{Median: quantile(sorted, 0.5), Q1: quantile(sorted, 0.25), Q3: quantile(sorted, 0.75), Low: math.NaN(), High: math.NaN()}
	if n := len(sorted); n > 0 {
		low := max(int(math.Floor((float64(n)-1.96*math.Sqrt(float64(n)))/2)), 0)
		s.Low, s.High = sorted[low], sorted[n-1-low]
	}
	return s
}

// quantile interpolates between the two values around rank q*(n-1).
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	rank := q * float64(len(sorted)-1)
	below := int(rank)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (rank-float64(below))*(sorted[above]-sorted[below])
}

func median(values []float64) float64 { return spreadOf(values).Median }

// each applies f to the values of a and b pair by pair: what was measured in the
// same turn belongs together.
func each(a, b []float64, f func(a, b float64) float64) []float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = f(a[i], b[i])
	}
	return out
}

func ratio(ours, theirs float64) float64      { return ours / theirs }
func difference(ours, theirs float64) float64 { return ours - theirs }
