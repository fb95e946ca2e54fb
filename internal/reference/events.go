package reference

import (
	"bytes"
	_ "embed" // the page's prose
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/mailconv"
)

//go:embed events.md.tmpl
var eventsPage string

// Events writes docs/events.md: the prose of events.md.tmpl around the table of package
// mailevent.
func Events(w io.Writer) error {
	page, err := template.New("events").Funcs(template.FuncMap{"events": eventsTable, "attributes": attributesTable}).Parse(eventsPage)
	if err != nil {
		return fmt.Errorf("parse events.md.tmpl: %w", err)
	}
	var b bytes.Buffer
	b.WriteString(Generated)
	if err := page.Execute(&b, nil); err != nil {
		return fmt.Errorf("fill in events.md.tmpl: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func eventsTable() string {
	var b strings.Builder
	b.WriteString("| event | is emitted when |\n|---|---|\n")
	for _, e := range mailevent.All() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", e.Name, e.When)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// attributesTable lists every attribute once, with the events that may carry it.
func attributesTable() (string, error) {
	var b strings.Builder
	b.WriteString("| attribute | is | on |\n|---|---|---|\n")
	var listed []attribute.Key
	for _, e := range mailevent.All() {
		for _, key := range e.Keys {
			if slices.Contains(listed, key) {
				continue
			}
			listed = append(listed, key)
			means, ok := mailevent.Meanings[key]
			if !ok {
				return "", fmt.Errorf("package mailevent does not say what %s is", key)
			}
			if fullOnly(key) {
				means += "; only with `PrivacyFull`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", key, means, carriers(key))
		}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// fullOnly reports whether an attribute names a person or is a stranger's text.
func fullOnly(key attribute.Key) bool {
	switch key {
	case mailconv.FromAddressKey, mailconv.ToAddressKey, mailconv.SMTPHeloKey, mailconv.SMTPResponseTextKey,
		"user.id", "client.port":
		return true
	}
	return false
}

// carriers are the events that may carry an attribute.
func carriers(key attribute.Key) string {
	var names []string
	for _, e := range mailevent.All() {
		if slices.Contains(e.Keys, key) {
			names = append(names, strings.TrimPrefix(e.Name, "email."))
		}
	}
	if len(names) == len(mailevent.All())-1 && !slices.Contains(names, "login_failed") {
		return "all but login_failed"
	}
	return strings.Join(names, ", ")
}
