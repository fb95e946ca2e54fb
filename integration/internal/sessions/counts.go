package sessions

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Counts are what happened: series by their names without namespace, with the values
// of their labels behind slashes ("tls_sessions_total/no"), histograms by their
// count, and spans of commands by name and reply ("span SMTP RCPT 250", "span POP3
// RETR ok").
type Counts map[string]int64

func (c Counts) add(name string) { c[name]++ }

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

// differences says where got is not what it must be.
func (c Counts) differences(got Counts) (all []string) {
	names := maps.Clone(c)
	maps.Copy(names, got)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if c[name] != got[name] {
			all = append(all, fmt.Sprintf("%s: %d counted, %d happened", strings.TrimSpace(name), got[name], c[name]))
		}
	}
	return all
}
