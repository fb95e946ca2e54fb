package otelmailtest

import (
	"cmp"
	"slices"
)

// nearest are up to three names that name may have been meant to be.
func nearest(name string, all []string) []string {
	type candidate struct {
		name string
		far  int
	}
	var near []candidate
	for _, other := range all {
		if far := distance(name, other); far <= len(name)/3 {
			near = append(near, candidate{other, far})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.far, b.far) })
	var names []string
	for _, c := range near[:min(len(near), 3)] {
		names = append(names, c.name)
	}
	return names
}

// distance is Levenshtein's: how many bytes have to be added, removed or replaced.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
