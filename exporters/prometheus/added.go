package prometheus

import (
	"context"
	"fmt"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"

	"github.com/rusmes/otelmail/internal/contain"
)

// runtimeRegistry holds process_*, which are read from files, and go_*.
func runtimeRegistry(descriptors *reserve) (*prom.Registry, error) {
	r := prom.NewRegistry()
	if err := r.Register(reading{collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), descriptors}); err != nil {
		return nil, fmt.Errorf("register the process_* series: %w", err)
	}
	if err := r.Register(collectors.NewGoCollector()); err != nil {
		return nil, fmt.Errorf("register the go_* series: %w", err)
	}
	return r, nil
}

// reading is a collector that reads one file after the other.
type reading struct {
	prom.Collector
	descriptors *reserve
}

// Collect implements [prom.Collector].
func (r reading) Collect(out chan<- prom.Metric) {
	r.descriptors.lend(func() { r.Collector.Collect(out) })
}

// recovering turns a collector's panic into an invalid series with a [collectorFailure], so
// that it is reported as such, and the series collected before it are shown. client_golang
// calls a collector in a goroutine of its own: there a panic in Describe would end the
// process, and after runtime.Goexit it would wait for ever.
type recovering struct{ prom.Collector }

type collectorFailure struct {
	collector string
	why       error
}

func (p *collectorFailure) Error() string { return fmt.Sprintf("collector %s: %v", p.collector, p.why) }

func (c recovering) call(fn func()) error {
	if err := contain.Apart(fn); err != nil {
		return &collectorFailure{fmt.Sprintf("%T", c.Collector), err}
	}
	return nil
}

func (c recovering) Collect(out chan<- prom.Metric) {
	if err := c.call(func() { c.Collector.Collect(out) }); err != nil {
		out <- prom.NewInvalidMetric(prom.NewInvalidDesc(err), err)
	}
}

// Describe implements [prom.Collector].
func (c recovering) Describe(out chan<- *prom.Desc) {
	if err := c.call(func() { c.Collector.Describe(out) }); err != nil {
		out <- prom.NewInvalidDesc(err)
	}
}

// register gives an added collector its own registry: in a shared one it would be
// random which of two equal series is shown.
func register(col prom.Collector) (*prom.Registry, error) {
	r := prom.NewRegistry()
	return r, r.Register(recovering{col})
}

// gathered adapts a gatherer. A Registry checks what it returns; what any other
// gatherer returns is checked here, because one wrong family could spoil the page.
func gathered(name string, g prom.Gatherer) gatherFunc {
	registry, checked := g.(*prom.Registry)
	if checked {
		g = registry
	} else {
		g = prom.Gatherers{g}
	}
	return func(context.Context) ([]*dto.MetricFamily, []problem) {
		families, err := g.Gather()
		found := seriesProblems(name, err)
		if checked {
			return families, found
		}
		kept := families[:0]
		for _, mf := range families {
			if why := wrongFamily(mf); why != nil {
				found = append(found, problem{reasonSeries, fmt.Errorf("%s: a family is left out: %w", name, why)})
				continue
			}
			kept = append(kept, mf)
		}
		return kept, found
	}
}

// wrongFamily finds what [prom.Gatherers] does not check.
func wrongFamily(mf *dto.MetricFamily) error {
	if !model.UTF8Validation.IsValidMetricName(mf.GetName()) {
		return fmt.Errorf("the name %q is not valid", mf.GetName())
	}
	if _, known := dto.MetricType_name[int32(mf.GetType())]; !known {
		return fmt.Errorf("%s has the unknown type %d", mf.GetName(), mf.GetType())
	}
	return nil
}
