package prometheus

import (
	"context"
	"fmt"
	"slices"

	dto "github.com/prometheus/client_model/go"

	"github.com/rusmes/otelmail/internal/contain"
)

// source is one independent part of the page. What goes wrong in it affects no other.
type source struct {
	name   string
	gather gatherFunc
	// slots bounds how many gatherings of this source run at once, including
	// those for which no scrape waits any more: a collector that hangs holds at
	// most as many goroutines as there are slots, however often it is scraped.
	slots chan struct{}
}

// gatherFunc returns what can be shown, and what went wrong with the rest.
type gatherFunc func(context.Context) ([]*dto.MetricFamily, []problem)

// part is what one source gave to one page.
type part struct {
	families []*dto.MetricFamily
	problems []problem
	late     bool
}

func newSource(name string, slots int, gather gatherFunc) *source {
	return &source{name: name, gather: gather, slots: make(chan struct{}, slots)}
}

// begin starts gathering. The channel gets exactly one part.
func (s *source) begin(ctx context.Context) <-chan part {
	out := make(chan part, 1)
	select {
	case s.slots <- struct{}{}:
	default:
		out <- s.tooLate("earlier collections still hang")
		return out
	}
	go func() {
		var p part
		if err := contain.Apart(func() { p = s.collect(ctx) }); err != nil {
			p = part{problems: []problem{{reasonSource, fmt.Errorf("%s: collecting %w", s.name, err)}}}
		}
		<-s.slots // before the part is there: the next scrape may come at once
		out <- p
	}()
	return out
}

// await waits for the part, but not longer than ctx.
func (s *source) await(ctx context.Context, in <-chan part) part {
	select {
	case p := <-in:
		return p
	case <-ctx.Done():
	}
	select { // both may have been ready
	case p := <-in:
		return p
	default:
		return s.tooLate("not collected in time")
	}
}

func (s *source) tooLate(why string) part {
	return part{late: true, problems: []problem{{reasonTimeout, fmt.Errorf("%s: %s", s.name, why)}}}
}

func (s *source) collect(ctx context.Context) (p part) {
	p.families, p.problems = s.gather(ctx)
	p.late = slices.ContainsFunc(p.problems, func(f problem) bool { return f.reason == reasonTimeout })
	return p
}
