package picture

import (
	"math"
	"strconv"
	"time"

	"gonum.org/v1/plot"
)

// ticks are some round values between low and high. All have the same multiple of the unit.
func (u unit) ticks(low, high float64) []plot.Tick {
	s := u.scaleOf(max(high, -low))
	step := roundStep((high - low) / s.size / 5)
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var all []plot.Tick
	for i := math.Ceil(low / s.size / step); i*step*s.size <= high*1.0001; i++ {
		label := strconv.FormatFloat(i*step, 'f', decimals, 64) + s.suffix
		if i == 0 {
			label = u.text(0)
		}
		all = append(all, plot.Tick{Value: i * step * s.size, Label: label})
	}
	return all
}

// roundStep is 1, 2 or 5 times a power of ten, and no less than v.
func roundStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, factor := range []float64{1, 2, 5} {
		if v <= factor*power*1.0001 {
			return factor * power
		}
	}
	return 10 * power
}

// timeTicks are some five whole minutes, or seconds where there are less.
func timeTicks(from, to time.Time) []plot.Tick {
	steps := []time.Duration{5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute,
		5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}
	step := steps[0]
	for _, step = range steps {
		if to.Sub(from) <= 6*step {
			break
		}
	}
	format := "15:04"
	if step < time.Minute {
		format = "15:04:05"
	}
	var all []plot.Tick
	for at := from.UTC().Truncate(step).Add(step); !at.After(to); at = at.Add(step) {
		all = append(all, plot.Tick{Value: unix(at), Label: at.Format(format)})
	}
	return all
}
