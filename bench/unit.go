package main

import (
	"fmt"
	"strconv"
	"time"
)

// Unit is the unit of a row's figures.
type Unit string

// The units.
const (
	Nanoseconds Unit = "ns"
	Bytes       Unit = "B"
	Mallocs     Unit = "mallocs"
)

// format writes a figure in its unit, with three significant digits: more would claim a
// precision that no shared machine has.
func (u Unit) format(v float64) string {
	switch u {
	case Nanoseconds:
		return scaled(v, 1000, "ns", "µs", "ms", "s")
	case Bytes:
		return scaled(v, 1024, "B", "KiB", "MiB", "GiB")
	}
	return digits(v) + " " + string(u)
}

func scaled(v, step float64, units ...string) string {
	i := 0
	for v >= step && i < len(units)-1 {
		v /= step
		i++
	}
	return digits(v) + " " + units[i]
}

func digits(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return fmt.Sprintf("%.2f", v)
}

// number converts a figure of the results.
func number(v any) float64 {
	switch n := v.(type) {
	case int:
		return float64(n)
	case uint64:
		return float64(n)
	case time.Duration:
		return float64(n)
	case float64:
		return n
	}
	return 0
}
