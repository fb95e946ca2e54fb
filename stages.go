package otelmail

import (
	"sync"

	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail/internal/clean"
)

// stageNames keeps span names and label values of stages low in number even where an
// application names a stage after what it works on.
type stageNames struct {
	duration histogram
	rest     stageName // of all others

	mu    sync.RWMutex
	names map[string]stageName
}

// stageName is what one stage is shown as.
type stageName struct {
	span   string
	labels []metric.RecordOption
}

const (
	maxStageNames  = 100 // of spans
	maxStageLabels = 20
)

func newStageName(stage string) stageName {
	return stageName{"mailet " + stage, recordOptions(stageDuration, stage)}
}

// known returns what a stage is shown as.
func (s *stageNames) known(stage string) stageName {
	s.mu.RLock()
	name, ok := s.names[stage]
	s.mu.RUnlock()
	if ok {
		return name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, ok = s.names[stage]; ok {
		return name
	}
	if len(s.names) >= maxStageNames || stage == "" {
		return s.rest
	}
	if s.names == nil {
		s.names = map[string]stageName{}
	}
	name = newStageName(clean.Text(stage, maxText))
	if len(s.names) >= maxStageLabels {
		name.labels = s.rest.labels
	}
	s.names[stage] = name
	return name
}
