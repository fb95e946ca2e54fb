package registry_test

import (
	"bytes"
	"encoding/gob"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rusmes/otelmail/internal/registry"
)

func built(t *testing.T) *registry.Registry {
	t.Helper()
	r, err := registry.Build(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// group is the group of that id.
func group(t *testing.T, r *registry.Registry, id string) *registry.Group {
	t.Helper()
	for _, file := range r.Files {
		for i := range file.Groups {
			if file.Groups[i].ID == id {
				return &file.Groups[i]
			}
		}
	}
	t.Fatalf("no group %s", id)
	return nil
}

// attribute is a definition or a use in a group.
func attribute(t *testing.T, g *registry.Group, key string) *registry.Attribute {
	t.Helper()
	for i, a := range g.Attributes {
		if a.ID+a.Ref == key {
			return &g.Attributes[i]
		}
	}
	t.Fatalf("%s has no %s", g.ID, key)
	return nil
}

// TestWhatWeaverWouldRefuse breaks one rule after the other.
func TestWhatWeaverWouldRefuse(t *testing.T) {
	const (
		email, command, connections = "registry.email", "span.smtp.command", "metric.rusmes_smtp_connections_total"
	)
	sound := built(t)
	if err := sound.Check(); err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer // of which each case gets a copy
	if err := gob.NewEncoder(&whole).Encode(sound); err != nil {
		t.Fatal(err)
	}
	in := func(id string, change func(*registry.Group)) func(*testing.T, *registry.Registry) {
		return func(t *testing.T, r *registry.Registry) { change(group(t, r, id)) }
	}
	of := func(id, key string, change func(*registry.Attribute)) func(*testing.T, *registry.Registry) {
		return func(t *testing.T, r *registry.Registry) { change(attribute(t, group(t, r, id), key)) }
	}
	manifest := func(change func(*registry.Manifest)) func(*testing.T, *registry.Registry) {
		return func(_ *testing.T, r *registry.Registry) { change(&r.Manifest) }
	}
	for want, spoil := range map[string]func(*testing.T, *registry.Registry){
		`manifest.yaml: schema_url "https://example.org"`:          manifest(func(m *registry.Manifest) { m.SchemaURL = "https://example.org" }),
		`manifest.yaml: stability "new"`:                           manifest(func(m *registry.Manifest) { m.Stability = "new" }),
		`no dependency has OpenTelemetry's`:                        manifest(func(m *registry.Manifest) { m.Dependencies = nil }),
		`the dependency's schema_url ""`:                           manifest(func(m *registry.Manifest) { m.Dependencies[0].SchemaURL = "" }),
		`registry_path "x" is not that of`:                         manifest(func(m *registry.Manifest) { m.Dependencies[0].RegistryPath = "x" }),
		`span.smtp.session: the id is missing, or another`:         in(command, func(g *registry.Group) { g.ID = "span.smtp.session" }),
		`the id is missing`:                                        in(command, func(g *registry.Group) { g.ID = "" }),
		`span.smtp.command: no brief`:                              in(command, func(g *registry.Group) { g.Brief = "" }),
		`span.smtp.command: stability ""`:                          in(command, func(g *registry.Group) { g.Stability = "" }),
		`span_kind is for spans`:                                   in(command, func(g *registry.Group) { g.SpanKind = "" }),
		`span_kind "serve"`:                                        in(command, func(g *registry.Group) { g.SpanKind = "serve" }),
		`span.smtp.command: no span_name`:                          in(command, func(g *registry.Group) { g.Annotations = nil }),
		`smtp.command: want an id span.…`:                          in(command, func(g *registry.Group) { g.ID = "smtp.command" }),
		`type "spam"`:                                              in(command, func(g *registry.Group) { g.Type = "spam" }),
		`span.smtp.command: no attributes`:                         in(command, func(g *registry.Group) { g.Attributes = nil }),
		`smtp.command is there twice`:                              in(command, func(g *registry.Group) { g.Attributes = append(g.Attributes, g.Attributes[0]) }),
		`name is for events`:                                       in("event.email.queued", func(g *registry.Group) { g.Name = "" }),
		`want the id event.Email`:                                  in("event.email.queued", func(g *registry.Group) { g.Name = "Email" }),
		`the name "email..queued": want words`:                     in("event.email.queued", func(g *registry.Group) { g.Name = "email..queued" }),
		`the name "email.queued" is taken`:                         in("event.email.attempt", func(g *registry.Group) { g.Name = "email.queued" }),
		`metric_name, instrument and unit are for metrics`:         in(connections, func(g *registry.Group) { g.Unit = "" }),
		`instrument "count"`:                                       in(connections, func(g *registry.Group) { g.Instrument = "count" }),
		`unit "connections"`:                                       in(connections, func(g *registry.Group) { g.Unit = "connections" }),
		`connections_total: since: want a version`:                 in(connections, func(g *registry.Group) { g.Annotations.Since = "" }),
		`want the id metric.x`:                                     in(connections, func(g *registry.Group) { g.MetricName = "x" }),
		`server.address: want a definition`:                        of(email, "email.fate", func(a *registry.Attribute) { a.ID, a.Ref = "", "server.address" }),
		`server.address is OpenTelemetry's`:                        of(email, "email.fate", func(a *registry.Attribute) { a.ID = "server.address" }),
		`the name "email.direction" is taken`:                      of("registry.imap", "imap.state", func(a *registry.Attribute) { a.ID = "email.direction" }),
		`email.fate: no brief`:                                     of(email, "email.fate", func(a *registry.Attribute) { a.Brief = "" }),
		`email.fate: stability ""`:                                 of(email, "email.fate", func(a *registry.Attribute) { a.Stability = "" }),
		`email.fate: the requirement level depends`:                of(email, "email.fate", func(a *registry.Attribute) { a.RequirementLevel = &registry.Requirement{Level: "required"} }),
		`email.fate: no type`:                                      of(email, "email.fate", func(a *registry.Attribute) { a.Type = nil }),
		`email.fate: type "text"`:                                  of(email, "email.fate", func(a *registry.Attribute) { a.Type.Name = "text" }),
		`email.stage.name: a string wants examples`:                of(email, "email.stage.name", func(a *registry.Attribute) { a.Examples = nil }),
		`email.stage.name: the example 3 is no string`:             of(email, "email.stage.name", func(a *registry.Attribute) { a.Examples = []any{3} }),
		`email.stage.name: the example  is no string`:              of(email, "email.stage.name", func(a *registry.Attribute) { a.Examples = []any{""} }),
		`email.fate: the example lost is no string`:                of(email, "email.fate", func(a *registry.Attribute) { a.Examples = []any{"lost"} }),
		`email.fate: the member's id "" is taken`:                  of(email, "email.fate", func(a *registry.Attribute) { a.Type.Members[0].ID = "" }),
		`email.fate: the member's id "dropped" is taken`:           of(email, "email.fate", func(a *registry.Attribute) { a.Type.Members[0].ID = "dropped" }),
		`email.fate: the member's value "dropped" is taken`:        of(email, "email.fate", func(a *registry.Attribute) { a.Type.Members[0].Value = "dropped" }),
		`email.fate: dropped: stability ""`:                        of(email, "email.fate", func(a *registry.Attribute) { a.Type.Members[2].Stability = "" }),
		`smtp.helo: want a reference`:                              of(command, "smtp.helo", func(a *registry.Attribute) { a.ID, a.Ref = "smtp.helo", "" }),
		`smtp.hello is defined neither here`:                       of(command, "smtp.helo", func(a *registry.Attribute) { a.Ref = "smtp.hello" }),
		`smtp.helo: a reference has the type`:                      of(command, "smtp.helo", func(a *registry.Attribute) { a.Type = &registry.Type{Name: "int"} }),
		`smtp.helo: no requirement level`:                          of(command, "smtp.helo", func(a *registry.Attribute) { a.RequirementLevel = nil }),
		`smtp.helo: requirement level "must"`:                      of(command, "smtp.helo", func(a *registry.Attribute) { a.RequirementLevel.Level = "must" }),
		`smtp.helo: conditionally_required, with the condition ""`: of(command, "smtp.helo", func(a *registry.Attribute) { a.RequirementLevel.Level = "conditionally_required" }),
		`smtp.helo: required, with the condition "now"`: of(command, "smtp.helo", func(a *registry.Attribute) {
			a.RequirementLevel = &registry.Requirement{Level: "required", Condition: "now"}
		}),
		`protocol cannot be "nntp"`: of("metric.rusmes_telemetry_unfollowed_sessions_total", "protocol",
			func(a *registry.Attribute) { a.Annotations.Values = []string{"nntp"} }),
		`imports the metric otel.sdk.x, which`: func(_ *testing.T, r *registry.Registry) {
			r.Files["metrics.yaml"].Imports.Metrics[0] = "otel.sdk.x"
		},
	} {
		r := new(registry.Registry)
		if err := gob.NewDecoder(bytes.NewReader(whole.Bytes())).Decode(r); err != nil {
			t.Fatal(err)
		}
		spoil(t, r)
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestReadIsStrict: what the format does not have is an error, and says where.
func TestReadIsStrict(t *testing.T) {
	for text, want := range map[string]string{
		"groups: [{id: a, colour: red}]":                                                     "bad.yaml: yaml: unmarshal errors:\n  line 1: field colour not found",
		"groups: [{attributes: [{id: a, type: {members: [{id: b, size: 1}]}}]}]":             "bad.yaml: the type: yaml: unmarshal errors:\n  line 1: field size not found",
		"groups: [{attributes: [{ref: a, requirement_level: {recommended: b, opt_in: c}}]}]": "bad.yaml: the requirement level: want a level, or one level with its condition",
		"groups: {": "bad.yaml: yaml: line 1",
	} {
		_, err := registry.Read(fstest.MapFS{"bad.yaml": {Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
