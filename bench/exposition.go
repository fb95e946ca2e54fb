package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// Exposed is what was measured of a process with a number of domain series.
type Exposed struct {
	Domains  int           `json:"domains"`
	Base     uint64        `json:"base"` // bytes of live heap after start and one scrape
	Heap     uint64        `json:"heap"` // bytes that the domains added, one scrape included
	Fill     time.Duration `json:"fill"` // for counting a message for each domain
	Scrape   time.Duration `json:"scrape"`
	PageSize int           `json:"page_size"` // bytes
	Zipped   int           `json:"zipped"`    // bytes
}

// perSeries is the memory of one series, in bytes.
func (e Exposed) perSeries() float64 { return float64(e.Heap) / float64(e.Domains) }

// exposed measures an Exposed in a child process. side is "ours" or "theirs".
func exposed(ctx context.Context, side string, domains, procs int) (Exposed, error) {
	var e Exposed
	err := ask(ctx, &e, procs, "exposition", "-side", side, "-domains", strconv.Itoa(domains))
	return e, err
}

func expositionChild(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("exposition", flag.ContinueOnError)
	side := flags.String("side", "ours", "ours or theirs")
	domains := flags.Int("domains", 0, "how many")
	if err := flags.Parse(args); err != nil {
		return err
	}
	empty := liveHeap()
	var e *exposition
	var err error
	if *side == "ours" {
		e, err = newExposition(ctx, *domains)
	} else {
		e, err = newPromExposition(ctx)
	}
	if err != nil {
		return err
	}
	out, err := e.grow(ctx, *domains, empty)
	if err != nil {
		return fmt.Errorf("%s with %d domains: %w", *side, *domains, err)
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func (e *exposition) grow(ctx context.Context, domains int, empty uint64) (Exposed, error) {
	out := Exposed{Domains: domains}
	if _, err := e.scrape(ctx, "gzip"); err != nil {
		return out, err
	}
	before := liveHeap()
	out.Base = before - empty
	begun := time.Now()
	e.fillDomains(domains)
	out.Fill = time.Since(begun)
	var err error
	if out.Zipped, err = e.scrape(ctx, "gzip"); err != nil {
		return out, err
	}
	out.Heap = max(liveHeap(), before) - before
	if out.PageSize, err = e.scrape(ctx, "identity"); err != nil {
		return out, err
	}
	out.Scrape, err = e.scrapeTime(ctx, "gzip", 9)
	runtime.KeepAlive(e)
	return out, err
}

// liveHeap returns how many bytes are reachable. The second garbage collection frees what
// pools have kept through the first.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// memoryRow compares the memory of a series.
func memoryRow(ctx context.Context, domains, turns int) (Row, error) {
	var ours, theirs []float64
	for range turns {
		a, err := exposed(ctx, "ours", domains, 0)
		if err != nil {
			return Row{}, err
		}
		b, err := exposed(ctx, "theirs", domains, 0)
		if err != nil {
			return Row{}, err
		}
		ours, theirs = append(ours, a.perSeries()), append(theirs, b.perSeries())
	}
	row := Row{ID: "memory", What: "memory per series", Against: "client_golang CounterVec", Unit: Bytes, Goal: Goal{Ratio: 1.0},
		Note: fmt.Sprintf("Live heap that %d domains add, one scrape included, after garbage collection; each in a process of its own.", domains)}
	return row.compare(ours, theirs), nil
}
