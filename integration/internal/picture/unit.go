package picture

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// scale is a multiple of a unit, and what stands behind the number.
type scale struct {
	size   float64
	suffix string
}

// unit is the multiples of one of Grafana's units, ascending.
type unit []scale

// units are those that the dashboards use, by Grafana's names, written as Grafana writes them.
var units = map[string]unit{
	"short": {{1, ""}, {1e3, " K"}, {1e6, " Mil"}, {1e9, " Bil"}},
	"s": {{1e-9, " ns"}, {1e-6, " µs"}, {1e-3, " ms"}, {1, " s"}, {60, " min"}, {60 * 60, " hours"},
		{24 * 60 * 60, " days"}, {7 * 24 * 60 * 60, " weeks"}, {365 * 24 * 60 * 60, " years"}},
	"percentunit": {{0.01, "%"}},
	"bytes":       {{1, " B"}, {1 << 10, " KiB"}, {1 << 20, " MiB"}, {1 << 30, " GiB"}, {1 << 40, " TiB"}},
	"binBps":      {{1, " B/s"}, {1 << 10, " KiB/s"}, {1 << 20, " MiB/s"}, {1 << 30, " GiB/s"}},
	"cps":         perSecond("c/s"),
	"mps":         perSecond("msg/s"),
	"reqps":       perSecond("req/s"),
}

func perSecond(what string) unit {
	return unit{{1, " " + what}, {1e3, "K " + what}, {1e6, "M " + what}, {1e9, "B " + what}}
}

func unitNamed(name string) (unit, error) {
	u, ok := units[name]
	if !ok {
		return nil, fmt.Errorf("its unit is %q: want one of %q", name, slices.Sorted(maps.Keys(units)))
	}
	return u, nil
}

// scaleOf is the multiple that suits a value.
func (u unit) scaleOf(v float64) scale {
	best := u[0]
	for _, s := range u {
		if s.size <= math.Abs(v) || v == 0 && s.size <= 1 {
			best = s
		}
	}
	return best
}

// text is a value with three digits that matter, and its unit.
func (u unit) text(v float64) string {
	s := u.scaleOf(v)
	x := v / s.size
	decimals := 2 - int(math.Floor(math.Log10(max(math.Abs(x), 1))))
	number := strconv.FormatFloat(x, 'f', max(decimals, 0), 64)
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	if number == "-0" {
		number = "0"
	}
	return number + s.suffix
}
