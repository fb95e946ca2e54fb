package registry

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"unicode"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/convention"
	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/internal/mailspan"
	"github.com/rusmes/otelmail/internal/schema"
	"github.com/rusmes/otelmail/internal/seriesname"
	"github.com/rusmes/otelmail/internal/settings"
)

// Registry is the manifest and the other files by their names.
type Registry struct {
	Manifest Manifest
	Files    map[string]File
}

// The names of the files.
const (
	manifestFile   = "manifest.yaml"
	attributesFile = "attributes.yaml"
	spansFile      = "spans.yaml"
	metricsFile    = "metrics.yaml"
	eventsFile     = "events.yaml"
)

// The types of groups.
const (
	typeAttributes = "attribute_group"
	typeSpan       = "span"
	typeMetric     = "metric"
	typeEvent      = "event"
)

// development is how stable everything here is: no convention of OpenTelemetry's is behind
// it.
const development = "development"

// Build makes the registry of the tables of the code. root is the repository.
func Build(root fs.FS) (*Registry, error) {
	all, err := Meanings(root)
	if err != nil {
		return nil, err
	}
	names, err := seriesname.Read(root)
	if err != nil {
		return nil, err
	}
	labels := labelsOf(otelmail.Catalog())
	r := &Registry{
		Manifest: Manifest{
			SchemaURL:   schema.URL,
			Description: "Mail servers: SMTP, LMTP, submission, IMAP, JMAP, POP3, the queue and deliveries.",
			Stability:   development,
			Dependencies: []Dependency{{
				SchemaURL:    semconv.SchemaURL,
				RegistryPath: "https://github.com/open-telemetry/semantic-conventions@v" + version(semconv.SchemaURL) + "[model]",
			}},
		},
		Files: map[string]File{
			attributesFile: {Groups: append(attributeGroups(all), labels.group(names))},
			metricsFile:    {Groups: labels.metrics(otelmail.Catalog(), settings.Namespace), Imports: &Imports{}},
		},
	}
	for _, m := range imported {
		imports := r.Files[metricsFile].Imports
		imports.Metrics = append(imports.Metrics, m.MetricName)
	}
	spans, events := File{}, File{}
	for _, s := range mailspan.All() {
		note := "**Span name:** `" + s.Name + "`.\n\n**Parent:** " + plain(s.Parent) + "."
		if s.Links != "" {
			note += "\n\n**Links:** " + s.Links + "."
		}
		spans.Groups = append(spans.Groups, Group{
			ID: "span." + s.ID, Type: typeSpan, SpanKind: s.Kind.String(), Stability: development,
			Brief:       s.Brief + ".",
			Note:        note,
			Annotations: &Annotations{SpanName: s.Name, SpanLinks: s.Links != ""},
			Attributes:  uses(s.Uses),
		})
	}
	for _, e := range mailevent.All() {
		when, err := names.Fill(e.When)
		if err != nil {
			return nil, err
		}
		events.Groups = append(events.Groups, Group{
			ID: "event." + e.Name, Type: typeEvent, Name: e.Name, Stability: development,
			Brief:      "Emitted when " + when + ".",
			Attributes: uses(e.Uses),
		})
	}
	r.Files[spansFile], r.Files[eventsFile] = spans, events
	return r, nil
}

// version is what follows the last slash of a schema URL.
func version(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

// attributeGroups define the attributes of ours, by their first word.
func attributeGroups(all []Meaning) []Group {
	var groups []Group
	for _, m := range all {
		if m.Constant == "" {
			continue
		}
		space, _, _ := strings.Cut(string(m.Key), ".")
		i := slices.IndexFunc(groups, func(g Group) bool { return g.ID == "registry."+space })
		if i < 0 {
			i = len(groups)
			groups = append(groups, Group{ID: "registry." + space, Type: typeAttributes, Stability: development,
				Brief: fmt.Sprintf("Attributes `%s.*`, for which OpenTelemetry has no conventions.", space)})
		}
		brief, note, more := strings.Cut(upper(m.Says), ". ")
		if !more {
			brief, note, _ = strings.Cut(brief, ": ")
		}
		a := Attribute{ID: string(m.Key), Type: newType(m.Type, m.Set), Stability: development, Brief: brief + ".", Examples: m.Examples}
		if note != "" {
			a.Note = upper(note) + "."
		}
		groups[i].Attributes = append(groups[i].Attributes, a)
	}
	return groups
}

func newType(name string, set []string) *Type {
	t := &Type{Name: name}
	for _, value := range set {
		t.Members = append(t.Members, Member{ID: memberID(value), Value: value, Stability: development})
	}
	return t
}

// memberID is a value as an identifier: lower-case letters, digits and underscores.
func memberID(value string) string {
	id := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return '_'
	}, value)
	if id[0] >= '0' && id[0] <= '9' {
		return "_" + id
	}
	return id
}

// uses are the attributes of a span or an event.
func uses(all []convention.Use) []Attribute {
	var list []Attribute
	for _, u := range all {
		a := Attribute{Ref: string(u.Key), RequirementLevel: &Requirement{u.Level.String(), plain(u.When)}}
		if u.When != "" {
			a.RequirementLevel.Condition += "."
		}
		for _, s := range standard {
			if s.Key == u.Key && s.Set != nil {
				a.Annotations = &Annotations{Values: s.Set}
			}
		}
		list = append(list, a)
	}
	return list
}

var link = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// plain is text without the links of a page that is elsewhere.
func plain(text string) string {
	return strings.TrimSuffix(link.ReplaceAllString(text, "$1"), ", see below")
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
