package prometheus

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
)

// The reasons under which scrape errors are counted, see the package comment.
const (
	reasonSource  = "source"
	reasonSeries  = "series"
	reasonEncode  = "encode"
	reasonTimeout = "timeout"
	reasonBusy    = "busy"
)

var reasons = []string{reasonSource, reasonSeries, reasonEncode, reasonTimeout, reasonBusy}

// problem is one thing that kept something off a page.
type problem struct {
	reason string
	err    error
}

// reportEvery is how often the error handler hears of one reason.
const reportEvery = time.Minute

// problems counts every problem and reports some of them.
type problems struct {
	counter *prom.CounterVec
	handle  func(error)

	mu      sync.Mutex
	quiet   map[string]time.Time // by reason: no report before then
	swallow map[string]int       // by reason: not reported since the last report
}

func newProblems(namespace string, handle func(error)) *problems {
	p := &problems{
		counter: prom.NewCounterVec(prom.CounterOpts{
			Name: namespace + "_telemetry_scrape_errors_total",
			Help: "What kept a scrape from being whole, by reason.",
		}, []string{"reason"}),
		handle:  handle,
		quiet:   make(map[string]time.Time),
		swallow: make(map[string]int),
	}
	for _, reason := range reasons {
		p.counter.WithLabelValues(reason)
	}
	return p
}

func (p *problems) add(all ...problem) {
	for _, one := range all {
		p.counter.WithLabelValues(one.reason).Inc()
		if before, report := p.due(one.reason, time.Now()); report {
			p.handle(&reported{err: one.err, before: before})
		}
	}
}

// due tells whether to report now, and how many were kept back before.
func (p *problems) due(reason string, now time.Time) (before int, report bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.quiet[reason]) {
		p.swallow[reason]++
		return 0, false
	}
	before = p.swallow[reason]
	p.swallow[reason] = 0
	p.quiet[reason] = now.Add(reportEvery)
	return before, true
}

// reported is an error as the handler gets it: short, for client_golang's
// errors hold the whole series, and on one line.
type reported struct {
	err    error
	before int
}

func (r *reported) Error() string {
	const most = 300
	text := strings.ToValidUTF8(r.err.Error(), "\uFFFD")
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	if r.before > 0 {
		text += fmt.Sprintf(" (%d more of this kind were not reported)", r.before)
	}
	return "prometheus: " + text
}

func (r *reported) Unwrap() error { return r.err }

// seriesProblems takes apart what a client_golang gatherer returns: it has left
// out one series for each error.
func seriesProblems(source string, err error) []problem {
	if err == nil {
		return nil
	}
	var all prom.MultiError
	if !errors.As(err, &all) {
		all = prom.MultiError{err}
	}
	out := make([]problem, 0, len(all))
	for _, one := range all {
		var panicked *collectorPanic
		if errors.As(one, &panicked) {
			out = append(out, problem{reasonSource, fmt.Errorf("%s: %w", source, panicked)})
			continue
		}
		out = append(out, problem{reasonSeries, fmt.Errorf("%s: a series is left out: %w", source, one)})
	}
	return out
}
