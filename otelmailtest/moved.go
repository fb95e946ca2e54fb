package otelmailtest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Moved asserts that the series have moved by so much since the last mark, and that no other
// counter and no other gauge of the catalogue has. Not looked at are series that are [Any],
// and unless they are named the histograms, and what moves by itself: gauges of times, ages and
// ratios, and what a push has sent or has waiting. A gauge that is back at what it was has not moved.
//
// It waits until that is so, and does not see what moves afterwards: end the sessions first,
// or want their gauge, rusmes_active_connections, to be back.
func (r *record) Moved(want Series) {
	r.t.Helper()
	r.compare("have moved since the mark", want, func() []sample {
		all := r.samples()
		for i := range all {
			all[i].value -= r.mark.series[all[i].String()]
		}
		return all
	}, steady(r.namespace()))
}

// Has asserts that each of the series has this value now, and says nothing of others. One that
// has not been recorded yet is 0.
func (r *record) Has(want Series) {
	r.t.Helper()
	r.compare("are now", want, r.samples, nil)
}

// compare waits for samples to be as wanted; those of the names in closed that are not wanted
// have to be 0.
func (r *record) compare(what string, want Series, samples func() []sample, closed map[string]bool) {
	r.t.Helper()
	selectors, names, err := want.parse(r.namespace())
	if err != nil {
		r.t.Errorf("otelmailtest: %v", err)
		return
	}
	r.holds(func() string {
		r.t.Helper()
		all := samples()
		wanted, got := map[string]string{}, map[string]string{}
		for i, name := range names {
			if isAny(want[name]) {
				continue
			}
			sum := sumOf(selectors[i], all)
			if near(want[name], sum) {
				sum = want[name]
			}
			wanted[quote(name)] = number(want[name])
			got[quote(name)] = number(sum)
		}
		for _, s := range all {
			named := slices.ContainsFunc(selectors, func(want selector) bool { return want.matches(s) })
			if s.value != 0 && closed[s.name] && !named {
				got[quote(s.String())] = number(s.value)
			}
		}
		if diff := differByKey(wanted, got); diff != "" {
			return fmt.Sprintf("series %s (- wanted, + there):%s", what, diff)
		}
		return ""
	})
}

func sumOf(s selector, all []sample) (sum float64) {
	for _, p := range all {
		if s.matches(p) {
			sum += p.value
		}
	}
	return sum
}

// near allows for what is lost when floating point numbers are added in another order.
func near(a, b float64) bool {
	return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b))
}

// quote is a name as it stands in Go.
func quote(name string) string {
	if strings.Contains(name, `"`) && strconv.CanBackquote(name) {
		return "`" + name + "`"
	}
	return strconv.Quote(name)
}

func number(value float64) string { return strconv.FormatFloat(value, 'g', -1, 64) }
