package integration

import (
	"fmt"
	"math"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// increaseOf is what increase() makes of a counter's samples within (start, end], and whether
// it says anything, by Prometheus' own formula (extrapolatedRate in promql/functions.go).
//
// increase() does not say by how much a counter grew from the first sample to the last: it
// says how much it would have grown from start to end at the same rate. So no
// percentage can be told by which it may be wrong; what can be told is the number itself,
// from the samples as they are stored:
//   - the growth is that from the first sample to the last;
//   - it is stretched to the start and to the end, if the first and the last sample are less than
//     1.1 intervals away from these, else by half an interval;
//   - to the left never further than to where the counter would have been 0, so that a counter that
//     begins at 0 is not stretched to the left at all.
//
// How far a counter is from 0 is told for a native histogram by its count.
func increaseOf(samples []peer.Sample, start, end time.Time, value func(peer.Sample) float64) (increase float64, said bool) {
	if len(samples) < 2 {
		return 0, false
	}
	first, last := samples[0], samples[len(samples)-1]
	begun, growth := first.Value, last.Value-first.Value
	if first.Histogram != nil {
		begun, growth = first.Histogram.Count, last.Histogram.Count-first.Histogram.Count
	}
	sampled := seconds(last.Time.Sub(first.Time))
	interval := sampled / float64(len(samples)-1)
	toStart, toEnd := seconds(first.Time.Sub(start)), seconds(end.Sub(last.Time))
	if toStart >= 1.1*interval {
		toStart = interval / 2
	}
	if growth > 0 {
		toStart = min(toStart, sampled*begun/growth)
	}
	if toEnd >= 1.1*interval {
		toEnd = interval / 2
	}
	return (value(last) - value(first)) * (sampled + toStart + toEnd) / sampled, true
}

// seconds are whole milliseconds, as in Prometheus.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// nearly allows for the last digits, which depend on the order of a multiplication.
func nearly(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }

// wantNoFall wants a counter never to fall: increase() would add what it had before.
func wantNoFall(samples []peer.Sample, value func(peer.Sample) float64) error {
	for i := 1; i < len(samples); i++ {
		if before, after := value(samples[i-1]), value(samples[i]); after < before {
			return fmt.Errorf("it fell from %v to %v", before, after)
		}
	}
	return nil
}
