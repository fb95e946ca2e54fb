package rules

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"unicode/utf8"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/flags"
	"github.com/rusmes/otelmail/internal/settings"
)

// Config is what the flags say.
type Config struct {
	Namespace string  // in front of each name
	Job       string  // the job of the scrape configuration; "" looks at every job
	SLO       float64 // how much of the mail is to be accepted, and of the logins answered, in percent
	Out       string  // a file; "" is standard output
}

// Default is the configuration without flags.
func Default() Config { return Config{Namespace: settings.Namespace, SLO: 99.9} }

// The bounds of --slo. Below the lower one the fastest burn rate, 14.4 times what is allowed,
// would be more than everything, and its alert could never fire.
const (
	lowestSLO  = 95
	highestSLO = 99.999
)

// ParseFlags reads the command line. The error names the flag, its value and what is allowed;
// it is [flag.ErrHelp] when help is asked for.
func ParseFlags(args []string) (Config, error) {
	c := Default()
	err := flags.Parse(newFlagSet(&c), args)
	return c, err
}

// Usage writes the flags with their defaults.
func Usage(w io.Writer) {
	c := Default()
	fmt.Fprint(w, "Usage: otelmail rules [flags]\n\n"+
		"Prints a file of recording and alerting rules for Prometheus, VictoriaMetrics or Mimir.\n\n")
	flags.Print(w, newFlagSet(&c))
}

func newFlagSet(c *Config) *flag.FlagSet {
	set := flags.New("rules")
	set.Var((*flags.Namespace)(&c.Namespace), "namespace", "`prefix` of the series, as the server's WithNamespace has it")
	set.Var((*job)(&c.Job), "job", "`name` of the job that scrapes the servers; empty looks at every job")
	set.Var((*slo)(&c.SLO), "slo", "`percent` of the mail that is to be accepted, and of the logins that are to be answered")
	set.StringVar(&c.Out, "out", c.Out, "`file` to write; empty is standard output")
	return set
}

// The types of the flags refuse what is wrong and say what is allowed; package flag adds the
// flag's name and the value.
type (
	job string
	slo float64
)

func (j *job) String() string { return string(*j) }

var control = regexp.MustCompile(`\pC`)

func (j *job) Set(s string) error {
	if !utf8.ValidString(s) || control.MatchString(s) {
		return errors.New("want the name of one job, UTF-8 without control characters, or nothing for every job")
	}
	*j = job(s)
	return nil
}

func (o *slo) String() string { return strconv.FormatFloat(float64(*o), 'g', -1, 64) }

func (o *slo) Set(s string) error {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || v < lowestSLO || v > highestSLO {
		return fmt.Errorf("want a percentage from %v to %v", lowestSLO, highestSLO)
	}
	*o = slo(v)
	return nil
}
