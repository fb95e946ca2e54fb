package export

import "context"

// Checker is an [Exporter] that can say beforehand whether it would do its work, see package
// check. One that cannot is not opened by a check, which says so.
type Checker interface {
	// Check reads options and settings as Open does, tries what they name for as long as ctx
	// lasts, and leaves nothing behind: the same exporter may be opened afterwards. What it
	// adds to the pipeline is not used, but a processor says that somebody takes spans.
	// Findings show no secret.
	Check(ctx context.Context, p Pipeline) []Finding
}

// Finding is a line about one thing that a [Checker] has looked at.
type Finding struct {
	Level Level
	Text  string
}

// Level is how much a [Finding] matters.
type Level uint8

// The levels.
const (
	Good   Level = iota // it works
	Unwise              // it works, and is seldom what is wanted
	Wrong               // start-up fails, or telemetry does not arrive
)

// String returns "ok", "warning" or "wrong".
func (l Level) String() string {
	switch l {
	case Good:
		return "ok"
	case Unwise:
		return "warning"
	}
	return "wrong"
}
