package reference

import (
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/internal/registry"
)

// Attributes writes docs/attributes.md from the constants of package mailconv and their
// comments.
func Attributes(w io.Writer, root fs.FS) error {
	all, err := registry.Meanings(root)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(Generated)
	b.WriteString(`# The attributes of our own

OpenTelemetry has no conventions for mail yet. These are the names that otelmail
uses where it has none, in the Go package ` + "`mailconv`" + `. [spans.md](spans.md) and
[events.md](events.md) say what carries which, and which names of OpenTelemetry stand beside
these; [semantic-conventions.md](semantic-conventions.md) argues for each choice. For programs the same stands in [registry/](../registry), in the format of
[OpenTelemetry Weaver](https://github.com/open-telemetry/weaver).

An enum is a string of a closed set, which the registry lists.

On a span of your own, so that it is found by the same names:

` + "```go" + `
_, span := tel.TracerProvider().Tracer("mymail").Start(ctx, "archive")
span.SetAttributes(mailconv.DirectionKey.String("inbound"), mailconv.RecipientDomainKey.String("example.org"))
span.End()
` + "```" + `
`)
	section := ""
	for _, m := range all {
		if m.Constant == "" {
			continue
		}
		if m.Section != section {
			section = m.Section
			fmt.Fprintf(&b, "\n## %s\n\n| attribute | type | constant | is |\n|---|---|---|---|\n", section)
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s |\n", m.Key, typeName(m), m.Constant, says(m))
	}
	b.WriteString("\nNext: [fault.md](fault.md), why mail was refused, and whose fault that is.\n")
	_, err = io.WriteString(w, b.String())
	return err
}

func typeName(m registry.Meaning) string {
	if m.Set != nil && m.Constant != "" {
		return "enum"
	}
	return m.Type
}

// says is what an attribute is, with an example.
func says(m registry.Meaning) string {
	text := quotedValue.ReplaceAllString(m.Says, "`$1`")
	if m.Constant == "" && m.Set != nil {
		text += ": " + code(", ", m.Set...)
	}
	for _, e := range m.Examples {
		text += fmt.Sprintf("; for example `%v`", e)
	}
	return text
}

// quotedValue finds a value as a comment has it.
var quotedValue = regexp.MustCompile(`"([^" ]+)"`)

// meanings are all attributes by their keys.
func meanings(root fs.FS) (map[attribute.Key]registry.Meaning, error) {
	all, err := registry.Meanings(root)
	if err != nil {
		return nil, err
	}
	byKey := map[attribute.Key]registry.Meaning{}
	for _, m := range all {
		byKey[m.Key] = m
	}
	return byKey, nil
}
