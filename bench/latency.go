package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// latencyTurns is how much is measured for the row of the latency.
type latencyTurns struct {
	pairs int
	turn  time.Duration
}

const (
	latencySessions = 10
	latencyInterval = 10 * time.Millisecond // of each session: 1,000 messages a second
	scrapeInterval  = time.Second
)

var latencyRow = Row{ID: "latency", What: "p99 latency of a message while /metrics is scraped every second", Against: "without scraping", Unit: Nanoseconds, Goal: Goal{Ratio: 1.05},
	Note: "A wrapped, discarding server; 10 sessions send 1,000 messages a second by the clock; MAIL to the reply after the message."}

// measureLatency compares turns with scraping and turns without.
func measureLatency(ctx context.Context, t latencyTurns) (row Row, err error) {
	server, err := serve(ctx, Unsampled, 0)
	if err != nil {
		return Row{}, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	var with, without []float64
	for i := range t.pairs + 1 {
		for j := range 2 {
			scraping := (i+j)%2 == 0
			p99, err := server.p99(ctx, t.turn, scraping)
			switch {
			case err != nil:
				return Row{}, err
			case i == 0: // warms up
			case scraping:
				with = append(with, p99)
			default:
				without = append(without, p99)
			}
		}
	}
	return latencyRow.compare(with, without), nil
}

// p99 loads the server at a steady pace and returns the latency that one message
// in a hundred exceeds, in nanoseconds.
func (s *served) p99(ctx context.Context, turn time.Duration, scraping bool) (float64, error) {
	var mu sync.Mutex
	var took []float64
	g := goClient{interval: latencyInterval, observe: func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		took = append(took, float64(d))
	}}
	scrapeCtx, stop := context.WithCancel(ctx)
	scraped := make(chan error, 1)
	go func() {
		if !scraping {
			scraped <- nil
			return
		}
		scraped <- scrapeEvery(scrapeCtx, "http://"+s.Metrics+"/metrics", scrapeInterval)
	}()
	err := g.send(ctx, s.SMTP, latencySessions, latencySessions*int(turn/latencyInterval))
	stop()
	if err = errors.Join(err, <-scraped); err != nil {
		return 0, fmt.Errorf("latency: %w", err)
	}
	slices.Sort(took)
	return quantile(took, 0.99), nil
}

// scrapeEvery scrapes as Prometheus does, first at once, until ctx is done.
func scrapeEvery(ctx context.Context, url string, interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		err := scrapeOnce(ctx, url)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func scrapeOnce(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", prometheusAccept)
	r.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("scrape %s: status %d, want 200", url, res.StatusCode)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}
