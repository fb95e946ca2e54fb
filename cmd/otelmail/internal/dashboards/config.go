package dashboards

// A series that was renamed has its Go name first.
//go:generate go generate ../series
//go:generate go run ../.. dashboard --out ../../../../dashboards

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/flags"
	"github.com/rusmes/otelmail/internal/settings"
)

// Config is what the flags say.
type Config struct {
	Namespace  string // what the names of the series begin with
	Job        string // of the servers in Prometheus, chosen at first; "" is all
	DataSource string // name or uid of the data source in Grafana, chosen at first; "" is its default one
	// NativeHistograms is for servers with otelmail.WithExponentialHistograms.
	NativeHistograms bool
	Out              string // the directory to write to; "" is standard output
	Name             string // of one dashboard; "" is all of them
}

// Default is the configuration without flags; begin with it to make another.
func Default() Config { return Config{Namespace: settings.Namespace} }

// ParseFlags reads the command line. The error names the flag, its value and what is
// allowed; it is [flag.ErrHelp] when help is asked for.
func ParseFlags(args []string) (Config, error) {
	c := Default()
	set := newFlagSet(&c)
	for rest := args; ; rest = set.Args()[1:] { // flags may stand behind the name
		if err := set.Parse(rest); err != nil {
			return c, err
		}
		if set.NArg() == 0 {
			break
		}
		name := set.Arg(0)
		switch {
		case !slices.Contains(Names(), name):
			return c, fmt.Errorf("%q is not a dashboard: want %s", name, allowedNames())
		case c.Name != "":
			return c, fmt.Errorf("%q is one name too many: want one, or none and --out for all", name)
		}
		c.Name = name
	}
	if c.Name == "" && c.Out == "" {
		return c, fmt.Errorf("no dashboard is named: want %s, or --out with a directory for all", allowedNames())
	}
	return c, nil
}

func allowedNames() string {
	names := Names()
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// Usage writes the flags with their defaults.
func Usage(w io.Writer) {
	c := Default()
	fmt.Fprintf(w, "Usage: otelmail dashboard [flags] [NAME]\n\n"+
		"Prints a dashboard for Grafana 10 and later, ready to import: %s.\n"+
		"With --out it is written there, and without a name all of them are.\n\n", allowedNames())
	flags.Print(w, newFlagSet(&c))
}

func newFlagSet(c *Config) *flag.FlagSet {
	set := flags.New("dashboard")
	set.Var((*flags.Namespace)(&c.Namespace), "namespace", "`prefix` of the series, chosen at first if there are several")
	set.Var((*word)(&c.Job), "job", "`name` of the servers' job in Prometheus, chosen at first; empty for all")
	set.Var((*word)(&c.DataSource), "datasource", "`name` or uid of the data source in Grafana, chosen at first; empty for its default one")
	set.BoolVar(&c.NativeHistograms, "native-histograms", false, "for servers with otelmail.WithExponentialHistograms, whose histograms Prometheus keeps as native ones")
	set.StringVar(&c.Out, "out", "", "`directory` to write to, as NAME.json; empty for standard output")
	return set
}

// Run prints or writes what the configuration says.
func Run(c Config, stdout io.Writer) error {
	names := Names()
	if c.Name != "" {
		names = []string{c.Name}
	}
	for _, name := range names {
		text, err := JSON(name, c)
		if err != nil {
			return err
		}
		if err := write(c.Out, name, text, stdout); err != nil {
			return err
		}
	}
	return nil
}

func write(dir, name string, text []byte, stdout io.Writer) error {
	if dir == "" {
		if _, err := stdout.Write(text); err != nil {
			return fmt.Errorf("print the dashboard %s: %w", name, err)
		}
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory of --out: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".json"), text, 0o644); err != nil {
		return fmt.Errorf("write the dashboard %s: %w", name, err)
	}
	return nil
}

// The types of the flags refuse what is wrong and say what is allowed; package flag adds
// the flag's name and the value.
type (
	word string
)

func (w *word) String() string { return string(*w) }

func (w *word) Set(s string) error {
	if len(s) > 256 || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("want up to 256 bytes of text without control characters")
	}
	*w = word(s)
	return nil
}
