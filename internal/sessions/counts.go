package sessions

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Counts are what happened: series as they are called on /metrics, without the namespace
// (tls_sessions_total{tls="no"}), histograms by their _count and _sum, and spans of sessions
// and of commands by name and reply ("span SMTP RCPT 250", "span POP3 RETR ok").
type Counts map[string]int64

func (c Counts) add(name string) { c[name]++ }

// Name is what a series is called, given the keys and the values of its labels, in the order
// of the keys.
func Name(series string, labels ...string) string {
	if len(labels) == 0 {
		return series
	}
	var b strings.Builder
	for i := 0; i < len(labels); i += 2 {
		fmt.Fprintf(&b, ",%s=%q", labels[i], labels[i+1])
	}
	return series + "{" + b.String()[1:] + "}"
}

// since is what has happened between an earlier moment and c.
func (c Counts) since(before Counts) Counts {
	moved := Counts{}
	for name, n := range c {
		if n != before[name] {
			moved[name] = n - before[name]
		}
	}
	return moved
}

// plus adds other to c.
func (c Counts) plus(other Counts) {
	for name, n := range other {
		c[name] += n
	}
}

// Wrong is a series that was not counted as it happened.
type Wrong struct {
	Series            string
	Counted, Happened int64
}

// String shows both numbers.
func (w Wrong) String() string {
	return fmt.Sprintf("%s: %d counted, %d happened", w.Series, w.Counted, w.Happened)
}

// like reports whether w is wrong in the same way as other.
func (w Wrong) like(other Wrong) bool {
	return w.Series == other.Series && (w.Counted > w.Happened) == (other.Counted > other.Happened)
}

// differences says where got is not what it must be.
func (c Counts) differences(got Counts) (all []Wrong) {
	names := maps.Clone(c)
	maps.Copy(names, got)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if c[name] != got[name] {
			all = append(all, Wrong{name, got[name], c[name]})
		}
	}
	return all
}
