package prometheus

import (
	"context"
	"fmt"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
)

// runtimeRegistry holds process_* and go_*.
func runtimeRegistry() (*prom.Registry, error) {
	r := prom.NewRegistry()
	if err := r.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})); err != nil {
		return nil, fmt.Errorf("register the process_* series: %w", err)
	}
	if err := r.Register(collectors.NewGoCollector()); err != nil {
		return nil, fmt.Errorf("register the go_* series: %w", err)
	}
	return r, nil
}

// recovering turns a collector's panic into an invalid series with a [collectorPanic], so
// that a panic is reported as such, and the series collected before it are shown.
type recovering struct{ prom.Collector }

type collectorPanic struct{ collector, value string }

func (p *collectorPanic) Error() string {
	return fmt.Sprintf("collector %s panicked with a %s", p.collector, p.value)
}

func (c recovering) panicked(v any) error {
	return &collectorPanic{fmt.Sprintf("%T", c.Collector), fmt.Sprintf("%T", v)}
}

func (c recovering) Collect(out chan<- prom.Metric) {
	defer func() {
		if v := recover(); v != nil {
			err := c.panicked(v)
			out <- prom.NewInvalidMetric(prom.NewInvalidDesc(err), err)
		}
	}()
	c.Collector.Collect(out)
}

// Describe is called by a goroutine of the registry's, where a panic would end
// the process.
func (c recovering) Describe(out chan<- *prom.Desc) {
	defer func() {
		if v := recover(); v != nil {
			out <- prom.NewInvalidDesc(c.panicked(v))
		}
	}()
	c.Collector.Describe(out)
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
