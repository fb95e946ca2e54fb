package main

// Row is one line of the table: ours beside what it is compared with.
type Row struct {
	ID      string `json:"id"`
	What    string `json:"what"`
	Against string `json:"against"`
	// Ours and Theirs are medians, in Unit a piece.
	Ours   float64 `json:"ours"`
	Theirs float64 `json:"theirs"`
	Unit   Unit    `json:"unit"`
	// Compared is ours divided by theirs, of each pair of turns; in a row that
	// compares by difference, ours less theirs.
	Compared Spread `json:"compared"`
	// Turns is how many pairs there were.
	Turns int `json:"turns"`
	// Allocs is what one operation of ours allocates; nil where it was not measured.
	Allocs *float64 `json:"allocs,omitempty"`
	Goal   Goal     `json:"goal,omitzero"`
	// Note says what exactly is measured.
	Note string `json:"note,omitempty"`
}

// Goal is what a row should reach. The zero value is none: the row informs.
type Goal struct {
	Ratio    float64 `json:"ratio,omitempty"`     // at most; 0 is none
	More     float64 `json:"more,omitempty"`      // at most so many more, in a row that compares by difference
	NoAllocs bool    `json:"no_allocs,omitempty"` // besides, no allocations
}

// byDifference reports how the row compares.
func (r Row) byDifference() bool { return r.Goal.More != 0 }

// reached reports whether the median keeps to the goal.
func (r Row) reached() bool {
	if r.Goal.NoAllocs && (r.Allocs == nil || *r.Allocs != 0) {
		return false
	}
	return r.within(r.Compared.Median)
}

// within reports whether a value would keep to the goal.
func (r Row) within(v float64) bool {
	if r.byDifference() {
		return v <= r.Goal.More
	}
	return v <= r.Goal.Ratio
}

// compare makes the row of what was measured in turns.
func (r Row) compare(ours, theirs []float64) Row {
	f := ratio
	if r.byDifference() {
		f = difference
	}
	r.Ours, r.Theirs, r.Turns = median(ours), median(theirs), min(len(ours), len(theirs))
	r.Compared = spreadOf(each(ours, theirs, f))
	return r
}
