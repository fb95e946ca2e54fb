package mailconv

import "strings"

// other stands for every name that is not known (OpenTelemetry's convention for
// values outside a closed set).
const other = "_OTHER"

// names are those of a closed set; the first stands for all others.
type names []string

// at returns other for an index that is out of range.
func (n names) at(i int) string {
	if i >= len(n) {
		i = 0
	}
	return n[i]
}

// find returns the index of a name in any case, 0 for an unknown one. It looks at
// no more bytes than the longest name has, and allocates nothing.
func (n names) find(name string) int {
	for i := 1; i < len(n); i++ {
		if v := n[i]; len(name) == len(v) && name[0]|' ' == v[0]|' ' && strings.EqualFold(name, v) {
			return i
		}
	}
	return 0
}

// known returns the name of a value that counts from 1, "" for one without a name.
func known[V ~uint8](v V, names ...string) string {
	if v == 0 || int(v) > len(names) {
		return ""
	}
	return names[v-1]
}
