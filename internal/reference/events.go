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
)

//go:embed events.md.tmpl
var eventsPage string

// Events writes docs/events.md: the prose of events.md.tmpl around the table of package
// mailevent. source holds the files of package mailconv.
func Events(w io.Writer, source fs.FS) error {
	return fill(w, "events.md.tmpl", eventsPage, template.FuncMap{
		"events":     eventsTable,
		"attributes": func() (string, error) { return eventAttributes(source) },
	})
}

func eventsTable() string {
	var b strings.Builder
	b.WriteString("| event | is emitted when | always has |\n|---|---|---|\n")
	for _, e := range mailevent.All() {
		var always []string
		for _, u := range e.Uses {
			if u.Level == convention.Required {
				always = append(always, string(u.Key))
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.Name, e.When, code(", ", always...))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// eventAttributes lists every attribute once, with the events that may carry it.
func eventAttributes(source fs.FS) (string, error) {
	known, err := meanings(source)
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
