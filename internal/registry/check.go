package registry

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Check says what Weaver's `registry check` would object to.
func (r *Registry) Check() error {
	c := checker{attributes: r.attributes(), groups: map[string]bool{}, names: map[string]bool{}}
	c.manifest(r.Manifest)
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		c.where = name
		if imports := r.Files[name].Imports; imports != nil {
			for _, metric := range imports.Metrics {
				c.wants(slices.ContainsFunc(imported, func(g Group) bool { return g.MetricName == metric }), "imports the metric %s, which OpenTelemetry does not have", metric)
			}
		}
		for _, g := range r.Files[name].Groups {
			c.where = name + ": " + g.ID
			c.group(g)
		}
	}
	return errors.Join(c.errs...)
}

// attributes are the definitions, by their ids.
func (r *Registry) attributes() map[string]Attribute {
	all := map[string]Attribute{}
	for _, file := range r.Files {
		for _, g := range file.Groups {
			for _, a := range g.Attributes {
				if a.ID != "" {
					all[a.ID] = a
				}
			}
		}
	}
	return all
}

type checker struct {
	attributes map[string]Attribute
	groups     map[string]bool // by id
	names      map[string]bool // of metrics, events and attributes, which are one each
	where      string
	errs       []error
}

func (c *checker) wants(ok bool, format string, args ...any) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf("%s: %s", c.where, fmt.Sprintf(format, args...)))
	}
}

var (
	schemaURL = regexp.MustCompile(`^https://\S+/\d+\.\d+\.\d+$`)
	semver    = regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	wellKnown = regexp.MustCompile(`^[a-z][a-z0-9]*([._][a-z0-9]+)*$`) // a name
	memberIDs = regexp.MustCompile(`^[a-z0-9_]+$`)
	stability = []string{"stable", development, "alpha", "beta", "release_candidate"}
	kinds     = []string{"client", "server", "producer", "consumer", "internal"}
	levels    = []string{"required", "conditionally_required", "recommended", "opt_in"}
	units     = regexp.MustCompile(`^(s|By|1|\{[a-z_]+\})$`)
)

func (c *checker) manifest(m Manifest) {
	c.where = manifestFile
	c.wants(schemaURL.MatchString(m.SchemaURL), "schema_url %q: want a URL that ends in a version", m.SchemaURL)
	c.wants(slices.Contains(stability, m.Stability), "stability %q", m.Stability)
	c.wants(len(m.Dependencies) > 0, "no dependency has OpenTelemetry's attributes")
	for _, d := range m.Dependencies {
		c.wants(schemaURL.MatchString(d.SchemaURL), "the dependency's schema_url %q: want a URL that ends in a version", d.SchemaURL)
		c.wants(strings.Contains(d.RegistryPath, "@v"+version(d.SchemaURL)+"["), "the dependency's registry_path %q is not that of %s", d.RegistryPath, d.SchemaURL)
	}
}

func (c *checker) group(g Group) {
	c.wants(g.ID != "" && !c.groups[g.ID], "the id is missing, or another group's")
	c.groups[g.ID] = true
	c.wants(g.Brief != "", "no brief")
	c.wants(slices.Contains(stability, g.Stability), "stability %q", g.Stability)
	c.wants((g.Type == typeSpan) == (g.SpanKind != ""), "span_kind is for spans, which have one")
	c.wants((g.Type == typeEvent) == (g.Name != ""), "name is for events, which have one")
	metric := g.Type == typeMetric
	c.wants(metric == (g.MetricName != "") && metric == (g.Instrument != "") && metric == (g.Unit != ""),
		"metric_name, instrument and unit are for metrics, which have all three")
	switch g.Type {
	case typeAttributes:
	case typeSpan:
		c.wants(strings.HasPrefix(g.ID, "span."), "want an id span.…")
		c.wants(slices.Contains(kinds, g.SpanKind), "span_kind %q: want one of %q", g.SpanKind, kinds)
		c.wants(g.Annotations != nil && g.Annotations.SpanName != "", "no span_name")
	case typeEvent:
		c.wants(g.ID == "event."+g.Name, "want the id event.%s", g.Name)
		c.name(g.Name)
	case typeMetric:
		c.wants(g.ID == "metric."+g.MetricName, "want the id metric.%s", g.MetricName)
		c.wants(slices.Contains([]string{"counter", "gauge", "histogram", "updowncounter"}, g.Instrument), "instrument %q", g.Instrument)
		c.wants(units.MatchString(g.Unit), "unit %q", g.Unit)
		c.wants(g.Annotations != nil && semver.MatchString(g.Annotations.Since), "since: want a version")
		c.name(g.MetricName)
	default:
		c.wants(false, "type %q: want %s, %s, %s or %s", g.Type, typeAttributes, typeSpan, typeMetric, typeEvent)
	}
	c.wants(len(g.Attributes) > 0 || g.Type == typeMetric || g.Type == typeEvent, "no attributes")
	seen := map[string]bool{}
	for _, a := range g.Attributes {
		key := a.ID + a.Ref
		c.wants(!seen[key], "%s is there twice", key)
		seen[key] = true
		if g.Type == typeAttributes {
			c.definition(a)
		} else {
			c.use(a)
		}
	}
}

// name is that of something that there is once.
func (c *checker) name(name string) {
	c.wants(wellKnown.MatchString(name), "the name %q: want words of lower-case letters and digits with dots or underscores between them", name)
	c.wants(!c.names[name], "the name %q is taken", name)
	c.names[name] = true
}

func (c *checker) definition(a Attribute) {
	c.wants(a.Ref == "" && a.ID != "", "%s%s: want a definition", a.ID, a.Ref)
	c.name(a.ID)
	_, taken := standardType(a.ID)
	c.wants(!taken, "%s is OpenTelemetry's", a.ID)
	c.wants(a.Brief != "", "%s: no brief", a.ID)
	c.wants(slices.Contains(stability, a.Stability), "%s: stability %q", a.ID, a.Stability)
	c.wants(a.RequirementLevel == nil, "%s: the requirement level depends on what has the attribute", a.ID)
	if a.Type == nil {
		c.wants(false, "%s: no type", a.ID)
		return
	}
	c.wants(slices.Contains([]string{typeString, typeInt, typeDouble, typeBoolean}, a.Type.Name), "%s: type %q", a.ID, a.Type.Name)
	c.wants(a.Type.Name != typeString || a.Type.Members != nil || len(a.Examples) > 0, "%s: a string wants examples", a.ID)
	ids, values := map[string]bool{}, map[string]bool{}
	for _, m := range a.Type.Members {
		c.wants(memberIDs.MatchString(m.ID) && !ids[m.ID], "%s: the member's id %q is taken, or none", a.ID, m.ID)
		c.wants(m.Value != "" && !values[m.Value], "%s: the member's value %q is taken, or none", a.ID, m.Value)
		c.wants(slices.Contains(stability, m.Stability), "%s: %s: stability %q", a.ID, m.ID, m.Stability)
		ids[m.ID], values[m.Value] = true, true
	}
	c.examples(a.ID, a.Type, a.Examples)
}

func (c *checker) use(a Attribute) {
	c.wants(a.ID == "" && a.Ref != "", "%s%s: want a reference", a.ID, a.Ref)
	definition, found := c.attributes[a.Ref]
	if !found {
		var standard string
		if standard, found = standardType(a.Ref); found {
			definition.Type = &Type{Name: standard}
		}
	}
	c.wants(found, "%s is defined neither here nor by OpenTelemetry", a.Ref)
	c.wants(a.Type == nil, "%s: a reference has the type of the definition", a.Ref)
	if a.RequirementLevel == nil {
		c.wants(false, "%s: no requirement level", a.Ref)
		return
	}
	level, condition := a.RequirementLevel.Level, a.RequirementLevel.Condition
	c.wants(slices.Contains(levels, level), "%s: requirement level %q: want one of %q", a.Ref, level, levels)
	c.wants((level != "conditionally_required" || condition != "") && (condition == "" || level != "required" && level != "opt_in"),
		"%s: %s, with the condition %q", a.Ref, level, condition)
	if found && definition.Type != nil {
		c.examples(a.Ref, definition.Type, a.Examples)
		if a.Annotations != nil {
			for _, value := range a.Annotations.Values {
				c.wants(definition.Type.Name == typeString && definition.Type.has(value), "%s cannot be %q", a.Ref, value)
			}
		}
	}
}

func (c *checker) examples(id string, t *Type, all []any) {
	for _, example := range all {
		var ok bool
		switch value := example.(type) {
		case string:
			ok = t.Name == typeString && value != "" && t.has(value)
		case int:
			ok = t.Name == typeInt || t.Name == typeDouble
		case float64:
			ok = t.Name == typeDouble
		case bool:
			ok = t.Name == typeBoolean
		}
		c.wants(ok, "%s: the example %v is no %s", id, example, t.Name)
	}
}

// standardType is the type of an attribute of OpenTelemetry's.
func standardType(key string) (string, bool) {
	for _, s := range standard {
		if string(s.Key) == key {
			return typeOf(s.Value), true
		}
	}
	return "", false
}
