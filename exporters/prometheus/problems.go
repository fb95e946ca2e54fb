package prometheus

import (
	"errors"
	"fmt"
	"strings"

	prom "github.com/prometheus/client_golang/prometheus"

	"github.com/rusmes/otelmail/internal/report"
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

// problems counts every problem and reports some of them, each reason for itself.
type problems struct {
	counter  *prom.CounterVec
	reporter *report.Reporter
}

func newProblems(namespace string, handle func(error)) *problems {
	p := &problems{
		counter: prom.NewCounterVec(prom.CounterOpts{
			Name: namespace + "_telemetry_scrape_errors_total",
			Help: "What kept a scrape from being whole, by reason.",
		}, []string{"reason"}),
		reporter: newReporter(handle),
	}
	for _, reason := range reasons {
		p.counter.WithLabelValues(reason)
	}
	return p
}

func (p *problems) add(all ...problem) {
	for _, one := range all {
		p.counter.WithLabelValues(one.reason).Inc()
		p.reporter.Report(one.reason, one.err)
	}
}

// newReporter gives handle errors that are short, for client_golang's hold the
// whole series, and on one line.
func newReporter(handle func(error)) *report.Reporter {
	return report.New(handle, func(err error) string {
		const most = 300
		text := strings.ToValidUTF8(err.Error(), "\uFFFD")
		text = strings.Join(strings.Fields(text), " ")
		if runes := []rune(text); len(runes) > most {
			text = string(runes[:most]) + "…"
		}
		return "prometheus: " + text
	})
}

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
