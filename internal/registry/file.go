// Package registry writes, reads and checks registry/: the conventions of this project in
// the format of OpenTelemetry Weaver, which is described in
// https://github.com/open-telemetry/weaver/blob/main/schemas/semconv-syntax.md. It also says
// whether telemetry is as the registry has it.
package registry

import (
	"fmt"
	"slices"
)

// Manifest is manifest.yaml.
type Manifest struct {
	SchemaURL    string       `yaml:"schema_url"`
	Description  string       `yaml:"description"`
	Stability    string       `yaml:"stability"`
	Dependencies []Dependency `yaml:"dependencies"`
}

// Dependency is another registry, whose attributes are referred to.
type Dependency struct {
	SchemaURL    string `yaml:"schema_url"`
	RegistryPath string `yaml:"registry_path"`
}

// File is each of the other files.
type File struct {
	Groups  []Group  `yaml:"groups"`
	Imports *Imports `yaml:"imports,omitempty"`
}

// Group is a group of attributes, a span, a metric or an event.
type Group struct {
	ID          string       `yaml:"id"`
	Type        string       `yaml:"type"`
	MetricName  string       `yaml:"metric_name,omitempty"`
	Instrument  string       `yaml:"instrument,omitempty"`
	Unit        string       `yaml:"unit,omitempty"`
	SpanKind    string       `yaml:"span_kind,omitempty"`
	Name        string       `yaml:"name,omitempty"` // of an event
	Stability   string       `yaml:"stability"`
	Brief       string       `yaml:"brief"`
	Note        string       `yaml:"note,omitempty"`
	Annotations *Annotations `yaml:"annotations,omitempty"`
	Attributes  []Attribute  `yaml:"attributes,omitempty"`
}

// Attribute is the definition of an attribute, which has an id, or the use of one, which
// has a ref.
type Attribute struct {
	ID               string       `yaml:"id,omitempty"`
	Ref              string       `yaml:"ref,omitempty"`
	Type             *Type        `yaml:"type,omitempty"`
	Stability        string       `yaml:"stability,omitempty"`
	Brief            string       `yaml:"brief,omitempty"`
	Note             string       `yaml:"note,omitempty"`
	Examples         []any        `yaml:"examples,omitempty,flow"`
	RequirementLevel *Requirement `yaml:"requirement_level,omitempty"`
	Annotations      *Annotations `yaml:"annotations,omitempty"`
}

// Annotations are what the format has no words for. Weaver hands them on to templates and
// policies.
type Annotations struct {
	// SpanName is the pattern of a span's name: for each attribute in braces its value.
	SpanName string `yaml:"span_name,omitempty"`
	// SpanLinks says that a span may have links: its note says to what.
	SpanLinks bool `yaml:"span_links,omitempty"`
	// Since is the version that first had a series.
	Since string `yaml:"since,omitempty"`
	// Buckets are the upper bounds of a histogram's buckets, in its unit.
	Buckets []float64 `yaml:"bucket_boundaries,omitempty,flow"`
	// Values are all that an attribute may have where it is used.
	Values []string `yaml:"allowed_values,omitempty,flow"`
}

// Type is "string", "int", "double" or "boolean", or has members, which are strings.
type Type struct {
	Name    string
	Members []Member
}

// Member is one value of a closed set.
type Member struct {
	ID        string `yaml:"id"`
	Value     string `yaml:"value"`
	Stability string `yaml:"stability"`
}

type membersOf struct {
	Members []Member `yaml:"members"`
}

// MarshalYAML writes the name, or the members.
func (t Type) MarshalYAML() (any, error) {
	if t.Members == nil {
		return t.Name, nil
	}
	return membersOf{t.Members}, nil
}

// UnmarshalYAML reads either.
func (t *Type) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&t.Name) == nil {
		return nil
	}
	var m membersOf
	if err := unmarshal(&m); err != nil {
		return fmt.Errorf("the type: %w", err)
	}
	t.Name, t.Members = typeString, m.Members
	return nil
}

// The names of types.
const (
	typeString  = "string"
	typeInt     = "int"
	typeDouble  = "double"
	typeBoolean = "boolean"
)

// has says whether a value is one of a closed set; of an open one all are.
func (t *Type) has(value string) bool {
	return t.Members == nil || slices.ContainsFunc(t.Members, func(m Member) bool { return m.Value == value })
}

// Requirement is a requirement level, with its condition if it has one.
type Requirement struct{ Level, Condition string }

// MarshalYAML writes the level, or an object of it and the condition.
func (r Requirement) MarshalYAML() (any, error) {
	if r.Condition == "" {
		return r.Level, nil
	}
	return map[string]string{r.Level: r.Condition}, nil
}

// UnmarshalYAML reads either.
func (r *Requirement) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&r.Level) == nil {
		return nil
	}
	var m map[string]string
	if err := unmarshal(&m); err != nil || len(m) != 1 {
		return fmt.Errorf("the requirement level: want a level, or one level with its condition, not %v", m)
	}
	for r.Level, r.Condition = range m {
	}
	return nil
}
