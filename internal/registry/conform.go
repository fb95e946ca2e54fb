package registry

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Telemetry says whether what is emitted is as the registry has it. Values of attributes are
// strings, int64, float64 and bool.
type Telemetry struct {
	attributes map[string]Attribute
	spans      []spanGroup
	metrics    map[string]Group
	events     map[string]Group
}

// spanGroup is a span with what its name has to look like.
type spanGroup struct {
	Group
	name *regexp.Regexp
	keys []string // of the attributes in the name
}

// Telemetry prepares the registry for looking at what is emitted.
func (r *Registry) Telemetry() *Telemetry {
	t := &Telemetry{attributes: r.attributes(), metrics: map[string]Group{}, events: map[string]Group{}}
	for _, file := range r.Files {
		for _, g := range imported {
			if file.Imports != nil && slices.Contains(file.Imports.Metrics, g.MetricName) {
				t.metrics[g.MetricName] = g
			}
		}
		for _, g := range file.Groups {
			switch g.Type {
			case typeSpan:
				t.spans = append(t.spans, t.newSpanGroup(g))
			case typeMetric:
				t.metrics[g.MetricName] = g
			case typeEvent:
				t.events[g.Name] = g
			}
		}
	}
	return t
}

var inBraces = regexp.MustCompile(` ?\{[^}]*\}`)

// newSpanGroup makes the pattern of the name. A part of the name whose attribute need not be
// there need not be there either.
func (t *Telemetry) newSpanGroup(g Group) spanGroup {
	s := spanGroup{Group: g}
	pattern := inBraces.ReplaceAllStringFunc(g.Annotations.SpanName, func(part string) string {
		key := strings.Trim(part, " {}")
		s.keys = append(s.keys, key)
		i := slices.IndexFunc(g.Attributes, func(a Attribute) bool { return a.Ref == key })
		value := "(" + t.anyValue(g.Attributes[i]) + ")"
		if part[0] == ' ' {
			value = " " + value
		}
		if g.Attributes[i].RequirementLevel.Level != "required" {
			return "(?:" + value + ")?"
		}
		return value
	})
	s.name = regexp.MustCompile("^" + pattern + "$")
	return s
}

// anyValue is a pattern of what an attribute can have.
func (t *Telemetry) anyValue(a Attribute) string {
	var set []string
	if a.Annotations != nil {
		set = a.Annotations.Values
	} else if definition := t.attributes[a.Ref]; definition.Type != nil {
		for _, m := range definition.Type.Members {
			set = append(set, m.Value)
		}
	}
	if set == nil {
		return ".+"
	}
	var quoted []string
	for _, value := range set {
		if a.Ref == string(semconv.HTTPRequestMethodKey) && value == other {
			value = "HTTP" // by OpenTelemetry's conventions
		}
		quoted = append(quoted, regexp.QuoteMeta(value))
	}
	return strings.Join(quoted, "|")
}

// other stands for every value outside of a closed set.
const other = "_OTHER"

// Spans are the ids of the spans of the registry, and the attributes that each may have.
func (t *Telemetry) Spans() map[string][]string {
	all := map[string][]string{}
	for _, s := range t.spans {
		all[s.ID] = []string{}
		for _, a := range s.Attributes {
			all[s.ID] = append(all[s.ID], a.Ref)
		}
	}
	return all
}

// Links reports whether the span of an id may have links.
func (t *Telemetry) Links(id string) bool {
	return slices.ContainsFunc(t.spans, func(s spanGroup) bool { return s.ID == id && s.Annotations.SpanLinks })
}

// Span says what is wrong with a span, and which of the registry's it is: "" for none.
func (t *Telemetry) Span(name, kind string, failed bool, attributes map[string]any) (id string, err error) {
	var named []string
	for _, s := range t.spans {
		values := s.name.FindStringSubmatch(name)
		if values == nil {
			continue
		}
		if s.SpanKind != kind {
			named = append(named, s.SpanKind)
			continue
		}
		errs := []error{t.check(s.Group, attributes)}
		for i, key := range s.keys {
			// Where the number of names is bounded, what stands for the others stands in the name alone.
			if value, ok := attributes[key]; ok && values[i+1] != value && values[i+1] != other && value != other {
				errs = append(errs, fmt.Errorf("the name says %s, but %s is %v", values[i+1], key, value))
			}
		}
		if _, typed := attributes["error.type"]; failed && !typed {
			errs = append(errs, errors.New("the status is Error, and there is no error.type"))
		}
		return s.ID, wrap("span "+name, errs...)
	}
	if named != nil {
		return "", fmt.Errorf("span %s is of the kind %s, want %s", name, kind, strings.Join(named, " or "))
	}
	return "", fmt.Errorf("span %s of the kind %s: not in the registry", name, kind)
}

// Event says what is wrong with an event.
func (t *Telemetry) Event(name string, attributes map[string]any) error {
	g, ok := t.events[name]
	if !ok {
		return fmt.Errorf("event %s: not in the registry", name)
	}
	return wrap("event "+name, t.check(g, attributes))
}

// Metric is what there is to know of a metric beside its points.
type Metric struct {
	Name, Unit string
	Instrument string    // counter, updowncounter, gauge or histogram
	Buckets    []float64 // of a histogram with buckets
}

// Metric says what is wrong with a metric and the attributes of its points.
func (t *Telemetry) Metric(m Metric, points ...map[string]any) error {
	g, ok := t.metrics[m.Name]
	if !ok {
		return fmt.Errorf("metric %s: not in the registry", m.Name)
	}
	var errs []error
	if m.Instrument != g.Instrument || m.Unit != g.Unit {
		errs = append(errs, fmt.Errorf("a %s in %s, want a %s in %s", m.Instrument, m.Unit, g.Instrument, g.Unit))
	}
	if g.Annotations != nil && m.Buckets != nil && !slices.Equal(m.Buckets, g.Annotations.Buckets) {
		errs = append(errs, fmt.Errorf("the buckets are %v, want %v", m.Buckets, g.Annotations.Buckets))
	}
	for _, p := range points {
		errs = append(errs, t.check(g, p))
	}
	return wrap("metric "+m.Name, errs...)
}

// check compares attributes with those of a group.
func (t *Telemetry) check(g Group, attributes map[string]any) error {
	var errs []error
	for _, a := range g.Attributes {
		value, ok := attributes[a.Ref]
		if !ok {
			if a.RequirementLevel.Level == "required" {
				errs = append(errs, fmt.Errorf("%s is missing", a.Ref))
			}
			continue
		}
		errs = append(errs, t.value(a, value))
	}
	for key := range attributes {
		if !slices.ContainsFunc(g.Attributes, func(a Attribute) bool { return a.Ref == key }) {
			errs = append(errs, fmt.Errorf("%s is unknown", key))
		}
	}
	return errors.Join(errs...)
}

func (t *Telemetry) value(a Attribute, value any) error {
	want := t.attributes[a.Ref].Type
	if want == nil {
		standard, _ := standardType(a.Ref)
		want = &Type{Name: standard}
	}
	if got := nameOf(value); got != want.Name {
		return fmt.Errorf("%s is of the type %s, want %s", a.Ref, got, want.Name)
	}
	text, ok := value.(string)
	if !ok {
		return nil
	}
	if !want.has(text) {
		return fmt.Errorf("%s cannot be %q", a.Ref, text)
	}
	if a.Annotations != nil && a.Annotations.Values != nil && !slices.Contains(a.Annotations.Values, text) {
		return fmt.Errorf("%s cannot be %q here: want one of %q", a.Ref, text, a.Annotations.Values)
	}
	return nil
}

// nameOf is the type of a value.
func nameOf(value any) string {
	switch value.(type) {
	case string:
		return typeString
	case int64:
		return typeInt
	case float64:
		return typeDouble
	case bool:
		return typeBoolean
	}
	return fmt.Sprintf("%T", value)
}

func wrap(what string, errs ...error) error {
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
