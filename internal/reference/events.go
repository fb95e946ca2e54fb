package reference

import (
	_ "embed" // the page's prose
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/template"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/internal/convention"
	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/internal/seriesname"
)

//go:embed events.md.tmpl
var eventsPage string

// Events writes docs/events.md: the prose of events.md.tmpl around the table of package
// mailevent.
func Events(w io.Writer, root fs.FS) error {
	return fill(w, "events.md.tmpl", eventsPage, template.FuncMap{
		"events":     func() (string, error) { return eventsTable(root) },
		"attributes": func() (string, error) { return eventAttributes(root) },
	})
}

func eventsTable(root fs.FS) (string, error) {
	names, err := seriesname.Read(root)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| event | is emitted when | always has |\n|---|---|---|\n")
	for _, e := range mailevent.All() {
		var always []string
		for _, u := range e.Uses {
			if u.Level == convention.Required {
				always = append(always, string(u.Key))
			}
		}
		when, err := names.Fill(e.When)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.Name, when, code(", ", always...))
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// eventAttributes lists every attribute once, with the events that may carry it.
func eventAttributes(root fs.FS) (string, error) {
	known, err := meanings(root)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| attribute | type | is | on |\n|---|---|---|---|\n")
	listed := map[attribute.Key]bool{}
	for _, e := range mailevent.All() {
		for _, u := range e.Uses {
			if listed[u.Key] {
				continue
			}
			listed[u.Key] = true
			m, ok := known[u.Key]
			if !ok {
				return "", fmt.Errorf("nothing says what %s is", u.Key)
			}
			means := says(m)
			if u.Level == convention.OptIn && !strings.Contains(means, "PrivacyFull") {
				means += "; only with `PrivacyFull`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", u.Key, typeName(m), means, carriers(u.Key))
		}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// carriers are the events that may carry an attribute.
func carriers(key attribute.Key) string {
	var names []string
	except := ""
	for _, e := range mailevent.All() {
		if _, ok := convention.Find(e.Uses, key); ok {
			names = append(names, strings.TrimPrefix(e.Name, "email."))
		} else {
			except = strings.TrimPrefix(e.Name, "email.")
		}
	}
	if len(names) == len(mailevent.All())-1 {
		return "all but " + except
	}
	return strings.Join(names, ", ")
}
