package settings

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Setting is one row of the table of all settings: what is read, what may stand
// there, and what holds when nothing does. The code reads through it, and
// docs/settings.md is written from it.
type Setting struct {
	Section Section
	Names   []string // the variables, the strongest first
	Kind    Kind
	Values  []string // of a Choice or List
	// NotOffered are values of a Choice or List that OpenTelemetry knows besides, in lower
	// case: who gives one has made no typo, and is told so.
	NotOffered []string
	Low        int64 // of a Number, Size or Duration, with High
	High       int64
	Want       string // what a Text has to be
	Default    string // as the variable would have it
	// Otherwise says what the default is where that is not a fixed value, or
	// more about it.
	Otherwise string
	Options   []string // in code, which win: package.Function
	Meaning   string
	// Guards says that a wrong variable stops start-up rather than being a warning: what
	// protects the served page or names a file that was asked for must not give way to
	// a default.
	Guards bool
	// PerSignal says that each of the names of OTLP also exists for one signal,
	// which wins; see [Setting.For].
	PerSignal bool
	// Secret says that the value may hold a password, a token or a key. Only who can tell
	// that part from the rest shows it.
	Secret bool
}

// Section is a part of the table, and of the page.
type Section string

// The sections.
const (
	Process Section = "process"
	Limits  Section = "limits"
	Pull    Section = "pull"
	Push    Section = "push"
	Log     Section = "log"
)

// Kind is what a value has to be. [Env] has a method for each.
type Kind uint8

// The kinds.
const (
	Text     Kind = iota // what Want says, which the reader checks
	Flag                 // true or false
	Choice               // one of Values
	List                 // some of Values
	Ratio                // a number from 0.0 to 1.0
	Number               // a whole number from Low to High
	Size                 // as Number, in bytes
	Millis               // whole milliseconds
	Timeout              // as Millis, and 0 is no limit
	Duration             // a duration from Low to High, in Go's notation
)

// mostMillis bounds what is given in milliseconds.
const mostMillis = int64(24 * time.Hour / time.Millisecond)

// NoLimit is a timeout that never comes: a hundred years. More would overflow where another
// duration is added.
const NoLimit = 100 * 365 * 24 * time.Hour

var table []*Setting

func define(s Setting) *Setting {
	table = append(table, &s)
	return &s
}

// In returns the settings of a section, in the order of its file.
func In(section Section) []*Setting {
	return slices.DeleteFunc(slices.Clone(table), func(s *Setting) bool { return s.Section != section })
}

// Name is the strongest variable.
func (s *Setting) Name() string { return s.Names[0] }

// otlp begins the names that exist for one signal too.
const otlp = "OTEL_EXPORTER_OTLP_"

// For is s as it is read for one signal (traces, metrics, logs), whose own
// variable wins.
func (s *Setting) For(signal string) *Setting {
	one := *s
	own := strings.Replace(s.Name(), otlp, otlp+strings.ToUpper(signal)+"_", 1)
	one.Names = append([]string{own}, s.Names...)
	return &one
}

// withDefault is s where another default holds.
func (s *Setting) withDefault(def string) *Setting {
	other := *s
	other.Default = def
	return &other
}

func (s *Setting) allows(n int64) bool { return n >= s.Low && n <= s.High }

// Wants says what is allowed, as it stands in errors.
func (s *Setting) Wants() string {
	switch s.Kind {
	case Flag:
		return "true or false"
	case Choice:
		return "one of " + strings.Join(s.Values, ", ")
	case List:
		return "a comma-separated list of " + strings.Join(s.Values, ", ")
	case Ratio:
		return "a number from 0.0 to 1.0"
	case Number:
		return fmt.Sprintf("a whole number from %d to %d", s.Low, s.High)
	case Size:
		return fmt.Sprintf("whole bytes from %d (%s) to %d (%s)", s.Low, Bytes(s.Low), s.High, Bytes(s.High))
	case Millis:
		return fmt.Sprintf("whole milliseconds from 1 to %d", mostMillis)
	case Timeout:
		return fmt.Sprintf("whole milliseconds from 0 to %d, 0 for no limit", mostMillis)
	case Duration:
		wants := fmt.Sprintf("a duration from %s to %s", brief(s.Low), brief(s.High))
		if s.Default != "" {
			wants += ", like " + s.Default
		}
		return wants
	}
	return s.Want
}

// Bytes writes a power of two for people.
func Bytes(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; n%1024 == 0 && n > 0 && i < len(units)-1; i++ {
		n /= 1024
	}
	return fmt.Sprintf("%d %s", n, units[i])
}

// brief is a duration without the zeros behind whole minutes or hours.
func brief(n int64) string {
	text := time.Duration(n).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
