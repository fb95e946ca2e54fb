// Package flags reads and shows the flags of otelmail's commands, all in the same way.
package flags

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/rusmes/otelmail/internal/settings"
)

// New returns an empty set that prints nothing itself: the caller prints errors and usage.
func New(command string) *flag.FlagSet {
	set := flag.NewFlagSet("otelmail "+command, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	return set
}

// Parse reads a command line of flags alone. The error names the flag, its value and what is
// allowed; it is [flag.ErrHelp] when help is asked for.
func Parse(set *flag.FlagSet, args []string) error {
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("%q is not allowed: want flags only", set.Arg(0))
	}
	return nil
}

// Print writes the flags with their defaults.
func Print(w io.Writer, set *flag.FlagSet) {
	set.VisitAll(func(f *flag.Flag) {
		kind, text := flag.UnquoteUsage(f)
		if kind != "" {
			kind = " " + kind
		}
		fmt.Fprintf(w, "  --%s%s\n        %s (default %q)\n", f.Name, kind, text, f.DefValue)
	})
}

// Namespace is the value of --namespace.
type Namespace string

// String returns the namespace.
func (n *Namespace) String() string { return string(*n) }

// Set refuses what cannot stand in front of a series' name.
func (n *Namespace) Set(s string) error {
	if settings.CheckNamespace("--namespace", s) != nil {
		return errors.New("want 1 to 63 letters, digits and underscores, the first a letter")
	}
	*n = Namespace(s)
	return nil
}
