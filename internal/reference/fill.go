package reference

import (
	"bytes"
	"fmt"
	"io"
	"text/template"
)

// fill writes a page of which the template is the prose and the functions are the tables.
func fill(w io.Writer, name, text string, tables template.FuncMap) error {
	page, err := template.New(name).Funcs(tables).Parse(text)
	if err != nil {
		return fmt.Errorf("parse %s: %w", name, err)
	}
	var b bytes.Buffer
	b.WriteString(Generated)
	if err := page.Execute(&b, nil); err != nil {
		return fmt.Errorf("fill in %s: %w", name, err)
	}
	_, err = w.Write(b.Bytes())
	return err
}
