package otelmail

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/contain"
	"github.com/rusmes/otelmail/internal/report"
)

// sourceEvery is how often a certificate, a disk or the file of local domains is looked at.
const sourceEvery = time.Minute

// sources asks what may take its time, or hang, in the background: a collection shows what
// is known, and a source that hangs holds up no other.
type sources struct {
	life     context.Context // until shutdown
	end      context.CancelFunc
	reporter *report.Reporter

	mu  sync.Mutex
	all map[sourceName]*polled
}

type sourceName struct {
	series *catalog.Metric
	name   string
}

// polled is what is asked in the background.
type polled struct {
	cancel context.CancelFunc
	since  time.Time // when it was last answered, or else when it was first asked
}

func newSources(b *binder, handle func(error)) *sources {
	s := &sources{all: map[sourceName]*polled{}, reporter: report.New(handle, error.Error)}
	s.life, s.end = context.WithCancel(context.Background())
	for _, m := range []*catalog.Metric{certificateNotAfter, diskFree, dnsblListed, messagesPerDomain} {
		labels := newLabelSet(attribute.String(sourceAge.Labels[0].Key, m.Name))
		b.sources = append(b.sources, func(observe func(float64, labelSet)) {
			if age, ok := s.age(m, time.Now()); ok {
				observe(age.Seconds(), labels)
			}
		})
	}
	return s
}

// age is the longest of the sources of a series.
func (s *sources) age(series *catalog.Metric, now time.Time) (age time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, p := range s.all {
		if name.series == series {
			age, ok = max(age, now.Sub(p.since)), true
		}
	}
	return age, ok
}

// poll calls ask at once and then at each interval, until shutdown or until the same source
// is given again. What ask returns an error for keeps its last value.
func (s *sources) poll(series *catalog.Metric, name string, every time.Duration, ask func(context.Context) error) {
	ctx, cancel := context.WithCancel(s.life)
	p := &polled{cancel, time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil { // shut down
		cancel()
		return
	}
	if earlier := s.all[sourceName{series, name}]; earlier != nil {
		earlier.cancel()
	}
	s.all[sourceName{series, name}] = p
	go func() {
		defer cancel()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for ctx.Err() == nil {
			s.ask(ctx, series, name, p, ask)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
}

func (s *sources) ask(ctx context.Context, series *catalog.Metric, name string, p *polled, ask func(context.Context) error) {
	err := contain.Error(func() error { return ask(ctx) })
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.reporter.Report(series.Name+" "+name, fmt.Errorf("%s of %s: the last value is shown: %w", series.Name, name, err))
	default:
		s.mu.Lock()
		p.since = time.Now()
		s.mu.Unlock()
	}
}

// stop ends the asking. It does not wait for what hangs: nothing of it is kept or told
// any more.
func (s *sources) stop(context.Context) error {
	s.mu.Lock() // nothing begins from here on
	defer s.mu.Unlock()
	s.end()
	return nil
}

// named are values by a name that the application gives, in the order of the names'
// first use. The number of names is bounded: they are labels.
type named[T any] struct {
	what   string
	mu     sync.Mutex
	names  []string
	labels []labelSet
	values map[string]T
}

const maxNamed = 50

// add makes room for a name; it is no error to give one again.
func (n *named[T]) add(key, name string) error {
	if name == "" || !clean.IsText(name) || len(name) > 100 {
		return fmt.Errorf("%s %q is not allowed: want a name of 1 to 100 bytes of text", n.what, clean.Text(name, 100))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if slices.Contains(n.names, name) {
		return nil
	}
	if len(n.names) >= maxNamed {
		return fmt.Errorf("%s %q is not allowed: there are %d already, and no more are shown", n.what, name, maxNamed)
	}
	n.names = append(n.names, name)
	n.labels = append(n.labels, newLabelSet(attribute.String(key, name)))
	return nil
}

func (n *named[T]) set(name string, value T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.values == nil {
		n.values = map[string]T{}
	}
	n.values[name] = value
}

func (n *named[T]) get(name string) (value T, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	value, ok = n.values[name]
	return value, ok
}

// each calls observe for each name whose value is known.
func (n *named[T]) each(observe func(value T, labels labelSet)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, name := range n.names {
		if value, ok := n.values[name]; ok {
			observe(value, n.labels[i])
		}
	}
}
