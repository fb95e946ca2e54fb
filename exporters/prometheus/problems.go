package prometheus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	prom "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/count"
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

// problem is why something is missing from a page.
type problem struct {
	reason string
	err    error
}

// problems counts every problem, and reports at most one a minute for each reason.
type problems struct {
	counts   map[string]*count.Counter // by reason
	reporter *report.Reporter
	kind     func(problem) string // of which one a minute is reported
}

// newProblems makes the counter with a MeterProvider of the page's own, so that the page
// has it whichever provider its other series come from.
func newProblems(own *prom.Registry, namespace string, handle func(error)) (*problems, error) {
	return newCounted(own, namespace+"_telemetry_scrape_errors_total", "What kept a scrape from being whole, by reason.", reasons, newReporter(handle))
}

func newCounted(own *prom.Registry, name, help string, reasons []string, reporter *report.Reporter) (*problems, error) {
	p := &problems{counts: map[string]*count.Counter{}, reporter: reporter, kind: func(one problem) string { return one.reason }}
	labels := map[string]metric.ObserveOption{}
	for _, reason := range reasons {
		p.counts[reason] = count.NewCounter()
		labels[reason] = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason)))
	}
	exporter, err := newExporter(own)
	if err != nil {
		return nil, err
	}
	view := sdkmetric.NewView(sdkmetric.Instrument{Name: name},
		sdkmetric.Stream{AttributeFilter: attribute.NewAllowKeysFilter("reason")})
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithView(view), sdkmetric.WithResource(resource.Empty()))
	_, err = mp.Meter(otelmail.ScopeName).Int64ObservableCounter(name, metric.WithUnit("{problem}"),
		metric.WithDescription(help),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for reason, c := range p.counts {
				o.Observe(c.Load(), labels[reason])
			}
			return nil
		}))
	if err != nil {
		return nil, fmt.Errorf("create the counter %s: %w", name, err)
	}
	return p, nil
}

func (p *problems) add(all ...problem) {
	for _, one := range all {
		p.counts[one.reason].Add(1)
		p.reporter.Report(p.kind(one), one.err)
	}
}

// newReporter gives handle errors that are short and on one line: client_golang's
// contain the whole series.
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

// seriesProblems splits the error of a client_golang gatherer, which has left out one
// series for each part.
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
		var failed *collectorFailure
		if errors.As(one, &failed) {
			out = append(out, problem{reasonSource, fmt.Errorf("%s: %w", source, failed)})
			continue
		}
		out = append(out, problem{reasonSeries, fmt.Errorf("%s: a series is left out: %w", source, one)})
	}
	return out
}
