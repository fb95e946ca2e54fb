package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// options are the flags of the command line.
type options struct {
	quick   bool
	list    bool
	render  bool
	only    string
	out     string
	allocs  string
	profile string
}

func parseFlags(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&o.quick, "quick", false, "few and short turns: to see that everything runs, not for figures")
	flags.BoolVar(&o.list, "list", false, "list the names of the rows")
	flags.BoolVar(&o.render, "render", false, "write the page again from the results of the last run")
	flags.StringVar(&o.only, "only", "", "measure only rows whose names begin with one of these, separated by commas, and write no page")
	flags.StringVar(&o.out, "out", "", "the folder of the docs; default docs, and with -quick a temporary one")
	flags.StringVar(&o.allocs, "allocs", "", "write the allocations of each operation to this file, - for standard output")
	flags.StringVar(&o.profile, "profile", "", "write CPU profiles of both sides of the row with this name")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q: see -help", flags.Arg(0))
	}
	if o.out == "" && !o.quick {
		o.out = "docs"
	}
	return o, nil
}

// wants reports whether a row was asked for.
func (o options) wants(id string) bool {
	return o.only == "" || slices.ContainsFunc(strings.Split(o.only, ","), func(p string) bool {
		return p != "" && strings.HasPrefix(id, p)
	})
}

// stores are the stores of the server rows that were asked for.
func (o options) stores() []store {
	var out []store
	for _, s := range []store{spool, discard} {
		wanted := s == discard && o.wants(mallocsRow)
		for _, m := range modes[1:] {
			wanted = wanted || o.wants(serverRow(s, m))
		}
		if wanted {
			out = append(out, s)
		}
	}
	return out
}

// effort is how much is measured.
type effort struct {
	duels   runner
	servers serverTurns
	latency latencyTurns
	memory  int // turns
	growth  growthSteps
}

func (o options) effort() effort {
	if o.quick {
		return effort{
			duels:   runner{pairs: 8, turn: 4 * time.Millisecond},
			servers: serverTurns{starts: 1, rounds: 2, messages: map[store]int{spool: 100, discard: 1000}},
			latency: latencyTurns{pairs: 1, turn: time.Second},
			memory:  1,
			growth: growthSteps{domains: []int{50, 500, 5_000}, sessions: []int{1, 10, 100, 500}, procs: []int{1, 2},
				turns: 1, messages: 500},
		}
	}
	return effort{
		duels:   runner{pairs: 60, turn: 20 * time.Millisecond},
		servers: serverTurns{starts: 15, rounds: 8, messages: map[store]int{spool: 400, discard: 3000}},
		latency: latencyTurns{pairs: 20, turn: 5 * time.Second},
		memory:  5,
		growth: growthSteps{domains: []int{50, 500, 5_000, 10_000, 20_000, 100_000}, sessions: []int{1, 5, 10, 50, 100, 200, 500},
			procs: []int{1, 2}, turns: 3, messages: 5000},
	}
}

// progress reports on standard error what is being measured.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// renderSaved writes the page again from the results of the last run.
func (o options) renderSaved() error {
	r, err := readResults(o.out)
	if err != nil {
		return err
	}
	return r.write(o.out)
}

// measure runs everything that is asked for and writes it down.
func (o options) measure(ctx context.Context, duels []duel) error {
	g := findGenerator()
	out := Results{Machine: thisMachine(g)}
	out.Machine.Quick = o.quick
	e := o.effort()
	for _, d := range duels {
		if o.wants(d.row.ID) && ctx.Err() == nil {
			progress("%s", d.row.ID)
			out.Rows = append(out.Rows, e.duels.run(d))
		}
	}
	if err := o.measureProcesses(ctx, g, e, &out); err != nil {
		return err
	}
	fmt.Print(table(out.Rows))
	if o.only != "" {
		return ctx.Err()
	}
	var err error
	if out.Growth, err = measureGrowth(ctx, g, e.growth); err != nil {
		return err
	}
	if o.out == "" {
		if o.out, err = os.MkdirTemp("", "otelmail-performance-"); err != nil {
			return fmt.Errorf("make a folder for the page: %w", err)
		}
	}
	progress("writing %s", o.out)
	return out.write(o.out)
}

// measureProcesses adds the rows that need processes of their own.
func (o options) measureProcesses(ctx context.Context, g generator, e effort, out *Results) error {
	if o.wants("memory") {
		progress("memory")
		row, err := memoryRow(ctx, 10_000, e.memory)
		if err != nil {
			return err
		}
		out.Rows = append(out.Rows, row)
	}
	rows, err := measureServers(ctx, g, e.servers, o.stores())
	if err != nil {
		return err
	}
	for _, r := range rows {
		if o.wants(r.ID) {
			out.Rows = append(out.Rows, r)
		}
	}
	if o.wants("latency") {
		progress("latency")
		row, err := measureLatency(ctx, e.latency)
		if err != nil {
			return err
		}
		out.Rows = append(out.Rows, row)
	}
	return nil
}
