package main

import (
	"context"
	"errors"
	"fmt"
)

// Growth is how things change with the number of series and of sessions.
type Growth struct {
	Ours   []Exposed    `json:"ours"`   // by number of domains
	Theirs []Exposed    `json:"theirs"` // client_golang with the same lines
	Wide   Exposed      `json:"wide"`   // only the catalogue, with a GOMAXPROCS of wideProcs
	Rates  []Throughput `json:"rates"`
}

// Throughput is how much mail a discarding server takes.
type Throughput struct {
	Mode     Mode    `json:"mode"`
	Procs    int     `json:"procs"` // GOMAXPROCS of the server
	Sessions int     `json:"sessions"`
	Rate     float64 `json:"rate"` // messages a second, median of the turns
}

// wideProcs is a large server's number of cores.
const wideProcs = 64

// growthSteps is what is measured for the plots.
type growthSteps struct {
	domains  []int
	sessions []int
	procs    []int
	turns    int
	messages int // in a turn
}

func measureGrowth(ctx context.Context, g generator, steps growthSteps) (Growth, error) {
	var out Growth
	for _, n := range steps.domains {
		progress("%d series", n)
		ours, err := exposed(ctx, "ours", n, 0)
		if err != nil {
			return out, err
		}
		theirs, err := exposed(ctx, "theirs", n, 0)
		if err != nil {
			return out, err
		}
		out.Ours, out.Theirs = append(out.Ours, ours), append(out.Theirs, theirs)
	}
	var err error
	if out.Wide, err = exposed(ctx, "ours", 0, wideProcs); err != nil {
		return out, err
	}
	for _, procs := range steps.procs {
		rates, err := steps.rates(ctx, g, procs)
		if err != nil {
			return out, fmt.Errorf("sessions at GOMAXPROCS=%d: %w", procs, err)
		}
		out.Rates = append(out.Rates, rates...)
	}
	return out, nil
}

// rates loads an unwrapped and a wrapped server in turns with more and more sessions.
func (steps growthSteps) rates(ctx context.Context, g generator, procs int) (out []Throughput, err error) {
	both := []Mode{Unwrapped, Unsampled}
	servers := make([]*served, 0, len(both))
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
		}
	}()
	for _, m := range both {
		s, err := serve(ctx, m, procs)
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
	}
	for _, sessions := range steps.sessions {
		progress("%d sessions at GOMAXPROCS=%d", sessions, procs)
		rates := make([][]float64, len(both))
		for range steps.turns {
			for i, s := range servers {
				cost, err := s.spend(ctx, g, sessions, max(steps.messages, 2*sessions))
				if err != nil {
					return nil, err
				}
				rates[i] = append(rates[i], cost.rate)
			}
		}
		for i, m := range both {
			out = append(out, Throughput{Mode: m, Procs: procs, Sessions: sessions, Rate: median(rates[i])})
		}
	}
	return out, nil
}
