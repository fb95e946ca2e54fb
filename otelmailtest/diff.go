package otelmailtest

import (
	"maps"
	"slices"
	"strings"
)

// differ shows where got's lines are not those that are wanted, "" if nowhere: "-" is before
// a line that is missing, "+" before one too many.
func differ(want, got []string, same func(want, got string) bool) string {
	// common[i][j] is the length of the longest common sequence of want[i:] and got[j:].
	common := make([][]int, len(want)+1)
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if same(want[i], got[j]) {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	if common[0][0] == max(len(want), len(got)) {
		return ""
	}
	var out strings.Builder
	line := func(sign, text string) { out.WriteString("\n" + sign + " " + text) }
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && same(want[i], got[j]):
			line(" ", got[j])
			i, j = i+1, j+1
		case i < len(want) && (j == len(got) || common[i+1][j] >= common[i][j+1]):
			line("-", want[i])
			i++
		default:
			line("+", got[j])
			j++
		}
	}
	return out.String()
}

func equal(want, got string) bool { return want == got }

// differByKey shows which keys do not have the value that is wanted, "" if all have.
func differByKey(want, got map[string]string) string {
	if maps.Equal(want, got) {
		return ""
	}
	all := maps.Clone(want)
	maps.Copy(all, got)
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(all)) {
		w, wanted := want[key]
		g, there := got[key]
		switch same := wanted && there && w == g; {
		case same:
			out.WriteString("\n  " + key + ": " + w + ",")
		case wanted:
			out.WriteString("\n- " + key + ": " + w + ",")
		}
		if there && w != g {
			out.WriteString("\n+ " + key + ": " + g + ",")
		}
	}
	return out.String()
}
