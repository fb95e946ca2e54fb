package settings_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/internal/settings"
)

// The comment of an option has to state the same default as the table.
func TestCommentsOfOptionsSayTheDefault(t *testing.T) {
	comments := optionComments(t)
	for _, s := range all() {
		for _, option := range s.Options {
			comment, ok := comments[option]
			if !ok {
				t.Errorf("%s: there is no %s", s.Name(), option)
				continue
			}
			if other := seeOther.FindStringSubmatch(comment); other != nil {
				comment = comments[strings.Split(option, ".")[0]+"."+other[1]]
			}
			for _, want := range inWords(s) {
				if !strings.Contains(strings.ToLower(comment), want) {
					t.Errorf("the comment of %s does not say %q:\n%s", option, want, comment)
				}
			}
		}
	}
	for _, s := range settings.In(settings.Pull) {
		if !strings.Contains(comments["prometheus"], s.Name()) || !strings.Contains(comments["prometheus"], s.Default) {
			t.Errorf("the comment of package prometheus does not say %s, or not its default %q", s.Name(), s.Default)
		}
	}
	if url := "http://" + settings.MetricsBindAddress.Default + settings.MetricsPath.Default; !strings.Contains(comments["prometheus.Serve"], url) {
		t.Errorf("the comment of prometheus.Serve does not say %s", url)
	}
	for _, option := range []string{"otelmail.WithNamespace"} {
		if !strings.Contains(comments[option], `"`+settings.Namespace+`"`) {
			t.Errorf("the comment of %s does not say %q", option, settings.Namespace)
		}
	}
}

var seeOther = regexp.MustCompile(`Default: see \[(\w+)\]`)

// inWords is what a comment has to say about a setting's default, and about the bounds of
// a size, in lower case.
func inWords(s *settings.Setting) []string {
	switch {
	case s.Default == "":
		return nil
	case s.Kind == settings.Millis || s.Kind == settings.Timeout:
		n, _ := strconv.Atoi(s.Default)
		return []string{strconv.Itoa(n/1000) + " s"}
	case s.Kind == settings.Size:
		n, _ := strconv.ParseInt(s.Default, 10, 64)
		return []string{strings.ToLower(settings.Bytes(n)), strings.ToLower(settings.Bytes(s.Low)), strings.ToLower(settings.Bytes(s.High))}
	case s.Kind == settings.Duration:
		d, _ := time.ParseDuration(s.Default)
		if d < time.Hour {
			return []string{strconv.Itoa(int(d.Seconds())) + " s"}
		}
		return []string{strconv.Itoa(int(d.Hours())) + " h"}
	case s.Kind == settings.List:
		return strings.Split(s.Default, ",")
	}
	return []string{s.Default}
}

// optionComments are the comments of the packages that have options, and of all
// their functions, each in one line, by package and package.Function.
func optionComments(t *testing.T) map[string]string {
	t.Helper()
	comments := map[string]string{}
	for _, dir := range []string{root, root + "exporters/prometheus/", root + "exporters/otlp/"} {
		files, err := filepath.Glob(dir + "*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if file.Doc != nil && !strings.HasSuffix(name, "_test.go") {
				comments[file.Name.Name] = strings.Join(strings.Fields(file.Doc.Text()), " ")
			}
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
					comments[file.Name.Name+"."+f.Name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
				}
			}
		}
	}
	return comments
}
