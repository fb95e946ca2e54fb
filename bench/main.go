// Command bench measures what otelmail costs, beside other libraries that do the same, and
// writes docs/performance.md with its plots.
//
//	go run ./bench            everything, a quarter of an hour
//	go run ./bench -quick     the same with few and short turns, into a temporary folder
//	go run ./bench -list      the names of the rows
//	go run ./bench -only counter,span
//	go run ./bench -profile server-discard-sampled
//
// Every figure compares two things that are measured in turns within one run. The exit
// status is 0 even if a goal is missed: the table says so.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == childCommand {
		return runChild(ctx, args[1:])
	}
	o, err := parseFlags(args)
	if err != nil {
		return err
	}
	duels, err := allDuels(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.list:
		for _, d := range duels {
			fmt.Println(d.row.ID)
		}
		fmt.Println("memory")
		for _, r := range serverRows() {
			fmt.Println(r.ID)
		}
		fmt.Println(latencyRow.ID)
		return nil
	case o.allocs != "":
		return writeAllocs(o.allocs, duels)
	case o.render:
		return o.renderSaved()
	case o.profile != "":
		return o.writeProfiles(ctx, duels)
	}
	return o.measure(ctx, duels)
}

// allDuels are all rows that are measured in this process.
func allDuels(ctx context.Context) ([]duel, error) {
	var all []duel
	for _, make := range []func(context.Context) ([]duel, error){
		counterDuels, histogramDuels, messageDuels, spanDuels, domainDuels, scrapeDuels,
	} {
		duels, err := make(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, duels...)
	}
	return all, nil
}
