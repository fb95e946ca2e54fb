package reference

import (
	"cmp"
	_ "embed" // the page's prose
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/template"

	"github.com/rusmes/otelmail/internal/convention"
	"github.com/rusmes/otelmail/internal/mailspan"
)

//go:embed spans.md.tmpl
var spansPage string

// Spans writes docs/spans.md: the prose of spans.md.tmpl around the table of package
// mailspan.
func Spans(w io.Writer, root fs.FS) error {
	return fill(w, "spans.md.tmpl", spansPage, template.FuncMap{
		"spans":      spansTable,
		"attributes": func() (string, error) { return spanAttributes(root) },
	})
}

func spansTable() string {
	var b strings.Builder
	b.WriteString("| span | kind | begins with | parent | links to |\n|---|---|---|---|---|\n")
	for _, s := range mailspan.All() {
		name := "`" + s.Name + "`"
		if s.Example != "" {
			name = "`" + s.Example + "` …"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, strings.ToUpper(s.Kind.String()), s.Begins, s.Parent, cmp.Or(s.Links, "–"))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// spanAttributes has a table for each span.
func spanAttributes(root fs.FS) (string, error) {
	known, err := meanings(root)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, s := range mailspan.All() {
		fmt.Fprintf(&b, "### `%s`, %s\n\n%s.\n\n| attribute | type | there | is |\n|---|---|---|---|\n", s.Name, strings.ToUpper(s.Kind.String()), s.Brief)
		for _, u := range s.Uses {
			m, ok := known[u.Key]
			if !ok {
				return "", fmt.Errorf("nothing says what %s is", u.Key)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", u.Key, typeName(m), there(u), says(m))
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n\n"), nil
}

// there says when an attribute is there.
func there(u convention.Use) string {
	words := map[convention.Level]string{
		convention.Required: "always", convention.Recommended: "where known", convention.OptIn: "with `PrivacyFull`",
		convention.Conditional: "always where",
	}[u.Level]
	if u.When == "" {
		return words
	}
	condition := strings.ToLower(u.When[:1]) + u.When[1:]
	if u.Level == convention.Recommended {
		return words + ", and " + condition
	}
	return words + " " + condition
}
