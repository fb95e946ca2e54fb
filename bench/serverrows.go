package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
)

// store is what a server does with a message.
type store string

const (
	discard store = "discard"
	spool   store = "spool"
)

// sessionsInTurn is how many clients load a server at the same time.
const sessionsInTurn = 10

// serverRows are the rows that need a server, without figures.
func serverRows() []Row {
	onDisk := "CPU a message, server that spools each message to disk with fsync, "
	discards := "CPU a message, discarding server, reused connections, "
	row := func(s store, m Mode, what, note string, goal float64) Row {
		return Row{ID: serverRow(s, m), What: what, Against: "the same server unwrapped", Unit: Nanoseconds, Goal: Goal{Ratio: goal}, Note: note}
	}
	const (
		metrics   = "go-smtp with `otelsmtp.NewServer`, 10 sessions, messages of 1 KiB; user and system time of the server's process by its own count of messages. `otelmail.Start` with `prometheus.Serve` and nothing for traces."
		unsampled = "The same with a batch processor for spans and a sample ratio of 0."
		sampled   = "The same with a sample ratio of 1; spans go through OpenTelemetry's batch processor to an exporter that does nothing: encoding and network are not in it."
	)
	control := func(s store, what string) Row {
		return Row{ID: serverRow(s, Control), What: what + "unwrapped too", Against: "the same server unwrapped", Unit: Nanoseconds,
			Note: "Two processes of the same program: how far this is from 1 is what the measurement cannot tell."}
	}
	return []Row{
		control(spool, onDisk),
		control(discard, discards),
		row(spool, Metrics, onDisk+"metrics on", metrics, 1.01),
		row(spool, Unsampled, onDisk+"traces unsampled", unsampled, 1.02),
		row(spool, Sampled, onDisk+"all sampled", sampled, 1.06),
		row(discard, Metrics, discards+"metrics on", metrics, 1.05),
		row(discard, Unsampled, discards+"traces unsampled", unsampled, 1.06),
		row(discard, Sampled, discards+"all sampled", sampled, 1.18),
		{ID: mallocsRow, What: "mallocs a message, discarding server, unsampled", Against: "the same server unwrapped", Unit: Mallocs, Goal: Goal{More: 3},
			Note: "By runtime.MemStats in the server's process."},
	}
}

// serverTurns is how much is measured for the server rows.
type serverTurns struct {
	starts   int           // of each server: one process may be faster than another of the same program
	rounds   int           // with each of these processes
	messages map[store]int // in a turn
}

// measureServers loads five servers in turns, for each of the stores, and
// returns their rows.
func measureServers(ctx context.Context, g generator, t serverTurns, stores []store) ([]Row, error) {
	costs := map[store]map[Mode][]spent{}
	for _, s := range stores {
		progress("servers, %s", s)
		var err error
		if costs[s], err = t.compete(ctx, g, s); err != nil {
			return nil, fmt.Errorf("servers, %s: %w", s, err)
		}
	}
	var rows []Row
	for _, r := range serverRows() {
		if r.ID == mallocsRow && costs[discard] != nil {
			rows = append(rows, r.compare(mallocs(costs[discard][Unsampled]), mallocs(costs[discard][Unwrapped])))
		}
		for s, byMode := range costs {
			for m, c := range byMode {
				if r.ID == serverRow(s, m) {
					rows = append(rows, r.compare(cpu(c), cpu(byMode[Unwrapped])))
				}
			}
		}
	}
	return rows, nil
}

// mallocsRow and serverRow are ids of rows.
const mallocsRow = "server-mallocs"

func serverRow(s store, m Mode) string { return fmt.Sprintf("server-%s-%s", s, m) }

// compete starts a server for each mode and loads one after the other, and does so
// again with new processes.
func (t serverTurns) compete(ctx context.Context, g generator, s store) (map[Mode][]spent, error) {
	costs := map[Mode][]spent{}
	for range t.starts {
		if err := t.round(ctx, g, s, costs); err != nil {
			return nil, err
		}
	}
	return costs, nil
}

// round loads the servers in an order that is random in each turn: otherwise the
// after-effects of one server's turn would always affect the same other server.
func (t serverTurns) round(ctx context.Context, g generator, s store, costs map[Mode][]spent) (err error) {
	servers := map[Mode]*served{}
	defer func() {
		for _, server := range servers {
			err = errors.Join(err, server.stop())
		}
	}()
	for _, m := range modes {
		if servers[m], err = serve(ctx, m, 0, s.arguments()...); err != nil {
			delete(servers, m)
			return err
		}
	}
	for turn := range t.rounds + 1 {
		for _, i := range rand.Perm(len(modes)) {
			m := modes[i]
			cost, err := servers[m].spend(ctx, g, sessionsInTurn, t.messages[s])
			if err != nil {
				return fmt.Errorf("%s: %w", m, err)
			}
			if turn > 0 { // the first warms up
				costs[m] = append(costs[m], cost)
			}
		}
	}
	return nil
}

// arguments are the flags of a server child.
func (s store) arguments() []string {
	if s == spool {
		return []string{"-spool"}
	}
	return nil
}

func cpu(costs []spent) []float64     { return pick(costs, func(s spent) float64 { return s.cpu }) }
func mallocs(costs []spent) []float64 { return pick(costs, func(s spent) float64 { return s.mallocs }) }

func pick(costs []spent, f func(spent) float64) []float64 {
	out := make([]float64, len(costs))
	for i, c := range costs {
		out[i] = f(c)
	}
	return out
}
