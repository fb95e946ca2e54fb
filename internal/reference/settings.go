package reference

import (
	"cmp"
	_ "embed" // the page's prose
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"text/template"

	"github.com/rusmes/otelmail/internal/seriesname"
	"github.com/rusmes/otelmail/internal/settings"
)

//go:embed settings.md.tmpl
var settingsPage string

// Settings writes docs/settings.md: the prose of settings.md.tmpl around the
// table of package settings.
func Settings(w io.Writer, root fs.FS) error {
	names, err := seriesname.Read(root)
	if err != nil {
		return err
	}
	series := func(variable string) (string, error) { return names.Fill("{" + variable + "}") }
	return fill(w, "settings.md.tmpl", settingsPage, template.FuncMap{"table": settingsTable, "guards": guards, "series": series})
}

func settingsTable(section settings.Section) (string, error) {
	all := settings.In(section)
	if len(all) == 0 {
		return "", fmt.Errorf("no settings in section %q", section)
	}
	var b strings.Builder
	b.WriteString("| variable | meaning | values | default | option in code |\n|---|---|---|---|---|\n")
	for _, s := range all {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n",
			settingNames(s), s.Meaning, settingValues(s), settingDefault(s), code(", ", s.Options...))
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// guards lists the variables that stop start-up where they are wrong.
func guards() string {
	var b strings.Builder
	for _, section := range []settings.Section{settings.Process, settings.Limits, settings.Pull, settings.Push, settings.Log} {
		for _, s := range settings.In(section) {
			if s.Guards {
				fmt.Fprintf(&b, "- %s\n", settingNames(s))
			}
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func settingNames(s *settings.Setting) string {
	if s.PerSignal {
		return code(", for one signal ", s.Name(), s.For("{traces,metrics,logs}").Name())
	}
	return code(", else ", s.Names...)
}

func settingValues(s *settings.Setting) string {
	switch s.Kind {
	case settings.Flag:
		return "`true`, `false`"
	case settings.Choice:
		return code(", ", s.Values...) + notOffered(s)
	case settings.List:
		return "list of " + code(", ", s.Values...) + notOffered(s)
	}
	return urls.ReplaceAllString(s.Wants(), "`$0`")
}

func notOffered(s *settings.Setting) string {
	if s.NotOffered == nil {
		return ""
	}
	return "; not offered: " + code(", ", s.NotOffered...)
}

func settingDefault(s *settings.Setting) string {
	switch {
	case s.Default == "":
		return cmp.Or(s.Otherwise, "none")
	case s.Otherwise == "":
		return "`" + s.Default + "`"
	}
	return "`" + s.Default + "`, " + s.Otherwise
}

// urls finds what a Markdown renderer would turn into links.
var urls = regexp.MustCompile(`https?://[a-z:]+`)

// code sets words as code.
func code(between string, words ...string) string {
	if len(words) == 0 {
		return ""
	}
	return "`" + strings.Join(words, "`"+between+"`") + "`"
}
