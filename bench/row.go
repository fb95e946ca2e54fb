package main

// Row is one line of the table: ours beside what it is compared with.
type Row struct {
	ID      string `json:"id"`
	What    string `json:"what"`
	Against string `json:"against"`
	// Ours and Theirs are the medians for one operation, in Unit.
	Ours   float64 `json:"ours"`
	Theirs float64 `json:"theirs"`
	Unit   Unit    `json:"unit"`
	// Compared is ours divided by theirs for each pair of turns or, in a row that
	// compares by difference, ours minus theirs.
	Compared Spread `json:"compared"`
	// Turns is how many pairs there were.
	Turns int `json:"turns"`
	// Allocs is what one operation of ours allocates; nil where it was not measured.
	Allocs *float64 `json:"allocs,omitempty"`
	Goal   Goal     `json:"goal,omitzero"`
	// Note says what exactly is measured.
	Note string `json:"note,omitempty"`
}

// Goal is what a row should reach. The zero value is no goal.
type Goal struct {
	Ratio    float64 `json:"ratio,omitempty"`     // at most; 0 is none
	More     float64 `json:"more,omitempty"`      // the largest difference, in a row that compares by difference
	NoAllocs bool    `json:"no_allocs,omitempty"` // also that nothing is allocated
}

// byDifference reports whether the row compares by difference and not by ratio.
func (r Row) byDifference() bool { return r.Goal.More != 0 }

// reached reports whether the median is within the goal.
func (r Row) reached() bool {
	if r.Goal.NoAllocs && (r.Allocs == nil || *r.Allocs != 0) {
		return false
	}
	return r.within(r.Compared.Median)
}

// within reports whether a value would be within the goal.
func (r Row) within(v float64) bool {
	if r.byDifference() {
		return v <= r.Goal.More
	}
	return v <= r.Goal.Ratio
}

// compare returns the row with the figures of what was measured in turns.
func (r Row) compare(ours, theirs []float64) Row {
	f := ratio
	if r.byDifference() {
		f = difference
	}
	r.Ours, r.Theirs, r.Turns = median(ours), median(theirs), min(len(ours), len(theirs))
	r.Compared = spreadOf(each(ours, theirs, f))
	return r
}
