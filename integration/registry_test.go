package integration

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/internal/registry"
)

// notOfTheDemo are the spans that need a server of another kind: the demo speaks JMAP over
// HTTP.
var notOfTheDemo = []string{"span.jmap.request"}

// TestTheDemoHoldsTheConventions: every span, event and metric of ours that a Collector gets
// from the demo is as the committed registry has it, and what the registry has the demo emits.
func TestTheDemoHoldsTheConventions(t *testing.T) {
	t.Parallel()
	committed, err := registry.Read(os.DirFS("../registry"))
	if err != nil {
		t.Fatal(err)
	}
	c := peer.StartCollector(t)
	d := startDemo(t, launch{rate: 5, env: append(pushTo(c, "http/protobuf"), "OTEL_METRIC_EXPORT_INTERVAL=2000")})
	if err := d.submit(own, "always-defer-"+marker+"@slow.example"); err != nil { // it expires
		t.Fatal(err)
	}
	held := &conventions{telemetry: committed.Telemetry(), url: committed.Manifest.SchemaURL, seen: map[string]bool{}, wrong: map[string]bool{}}
	peer.Eventually(t, 4*patience, func() error {
		time.Sleep(time.Second) // all log records are read each time
		held.spans(c.NewTraces())
		held.logs(c.Logs())
		if len(held.wrong) > 0 {
			return nil // there is nothing to wait for
		}
		return held.missing(committed)
	})
	d.stop()
	held.spans(c.NewTraces())
	held.logs(c.Logs())
	held.metrics(c.Metrics())
	for wrong := range held.wrong {
		t.Error(wrong)
	}
	for _, file := range committed.Files {
		for _, g := range file.Groups {
			if g.MetricName != "" && !held.seen[g.ID] && len(held.wrong) == 0 {
				t.Errorf("the demo does not push %s", g.MetricName)
			}
		}
	}
}

// conventions holds what is emitted against a registry.
type conventions struct {
	telemetry *registry.Telemetry
	url       string          // of its schema
	seen      map[string]bool // groups of the registry
	wrong     map[string]bool // each once
}

// ours says whether a scope is one of ours, and what is wrong with it or with the resource.
func (h *conventions) ours(scope peer.Scope, resource string) bool {
	if scope.Name != otelmail.ScopeName && scope.Name != oteljmap.ScopeName {
		return false
	}
	if scope.SchemaURL != h.url || resource != semconv.SchemaURL {
		h.note(fmt.Errorf("the scope %s has the schema %q, its resource %q: want %q and %q", scope.Name, scope.SchemaURL, resource, h.url, semconv.SchemaURL))
	}
	return true
}

func (h *conventions) note(err error) {
	if err != nil {
		h.wrong[err.Error()] = true
	}
}

func (h *conventions) spans(all []peer.Span) {
	for _, s := range all {
		if !h.ours(s.Scope, s.SchemaURL) {
			continue
		}
		id, err := h.telemetry.Span(s.Name, s.Kind, s.Status == "error", s.Attributes)
		h.seen[id] = true
		h.note(err)
	}
}

func (h *conventions) logs(all []peer.Log) {
	for _, l := range all {
		if h.ours(l.Scope, l.SchemaURL) && l.EventName != "" {
			h.seen["event."+l.EventName] = true
			h.note(h.telemetry.Event(l.EventName, l.Attributes))
		}
	}
}

func (h *conventions) metrics(all []peer.Metric) {
	for _, m := range all {
		if !h.ours(m.Scope, m.SchemaURL) {
			continue
		}
		about := registry.Metric{Name: m.Name, Unit: m.Unit, Instrument: m.Kind}
		if m.Kind == "sum" {
			about.Instrument = map[bool]string{true: "counter", false: "updowncounter"}[m.Monotonic]
		}
		var points []map[string]any
		for _, p := range m.Points {
			points = append(points, p.Attributes)
			about.Buckets = p.Bounds
		}
		h.seen["metric."+m.Name] = true
		h.note(h.telemetry.Metric(about, points...))
	}
}

// missing are the spans and events of the registry that have not been seen.
func (h *conventions) missing(r *registry.Registry) error {
	var errs []error
	for _, file := range r.Files {
		for _, g := range file.Groups {
			if (strings.HasPrefix(g.ID, "span.") || strings.HasPrefix(g.ID, "event.")) && !h.seen[g.ID] && !slices.Contains(notOfTheDemo, g.ID) {
				errs = append(errs, fmt.Errorf("no %s yet", g.ID))
			}
		}
	}
	return errors.Join(errs...)
}
