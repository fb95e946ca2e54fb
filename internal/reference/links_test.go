package reference_test

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	inCode  = regexp.MustCompile("`[^`\n]*`")
	linked  = regexp.MustCompile(`\]\(([^()\s]*)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.*)$`)
	named   = regexp.MustCompile(`<a id="([^"]*)">`)
	mention = regexp.MustCompile(`(?:^|[^/\w.-])(docs/[\w/-]+\.md(?:#[\w-]+)?)`)
	toText  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N}\p{M}_ -]`)
)

// texts are the files of the repository whose names end so, by their paths in it.
func texts(t *testing.T, endings ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() {
			if name != "." && (strings.HasPrefix(name, ".") && name != ".github" || slices.Contains([]string{"testdata", "bin", "node_modules"}, name)) {
				return fs.SkipDir
			}
			return nil
		}
		if !slices.Contains(endings, path.Ext(file)) {
			return nil
		}
		text, err := os.ReadFile(root + file)
		all[file] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// prose is a page without its code.
func prose(page string) string {
	return inCode.ReplaceAllString(fenced.ReplaceAllString(page, ""), "``")
}

// anchors are what a link into a page may lead to, by GitHub's rules: a heading in lower case,
// without what is no letter, digit, hyphen or underscore, with hyphens for blanks, and a number
// behind it where there was one of the same.
func anchors(page string) []string {
	var all []string
	seen := map[string]int{}
	page = fenced.ReplaceAllString(page, "")
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		text := strings.ToLower(strings.TrimSpace(toText.ReplaceAllString(m[1], "$1")))
		anchor := strings.ReplaceAll(noSlug.ReplaceAllString(text, ""), " ", "-")
		seen[anchor]++
		if n := seen[anchor]; n > 1 {
			anchor += "-" + strconv.Itoa(n-1)
		}
		all = append(all, anchor)
	}
	for _, m := range named.FindAllStringSubmatch(page, -1) {
		all = append(all, m[1])
	}
	return all
}

func headingsOf(pages map[string]string) map[string][]string {
	all := map[string][]string{}
	for file, page := range pages {
		all[file] = anchors(page)
	}
	return all
}

func TestAnchors(t *testing.T) {
	page := "# A `Reader`, *or* two\n```\n# no\n```\n## See [it](x.md): now\n## Ünï 2–3\n## Twice\n## Twice\n### `otel_x`\n<a id=\"word\"></a>\n"
	want := []string{"a-reader-or-two", "see-it-now", "ünï-23", "twice", "twice-1", "otel_x", "word"}
	if got := anchors(page); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// wrongLink says what is wrong with a link of a page; nothing looks at what is elsewhere but at
// its form.
func wrongLink(headings map[string][]string, from, link string) string {
	u, err := url.Parse(link)
	switch {
	case err != nil || link == "":
		return "is no link"
	case u.Scheme == "https" && u.Host != "" && strings.Contains(u.Host, "."):
		return ""
	case u.Scheme != "" || u.Host != "":
		return "is neither to this repository nor https"
	case path.IsAbs(u.Path):
		return "begins at no folder of this repository"
	}
	to := from
	if u.Path != "" {
		to = path.Join(path.Dir(from), u.Path)
	}
	if strings.HasPrefix(to, "..") {
		return "leads out of the repository"
	}
	if _, err := os.Stat(filepath.Join(root, to)); err != nil {
		return "leads nowhere"
	}
	if u.Fragment != "" && !slices.Contains(headings[to], u.Fragment) {
		return "leads to no heading of " + to
	}
	return ""
}

func TestWrongLinks(t *testing.T) {
	headings := map[string][]string{"docs/README.md": {"see"}, "README.md": {"b"}}
	for link, wrong := range map[string]bool{
		"README.md": false, "README.md#the-guide": true, "#see": false, "#sea": true, "../README.md": false, "../README.md#b": false,
		"../../x": true, "/docs/README.md": true, "nowhere.md": true, "": true, "http://example.org/": true, "https://example.org/a#b": false,
		"https:/example.org": true, "mailto:a@example.org": true, "runbooks": false,
	} {
		if got := wrongLink(headings, "docs/README.md", link); (got != "") != wrong {
			t.Errorf("%q: %q", link, got)
		}
	}
}

// TestLinks: what a page links to is there, and the heading too.
func TestLinks(t *testing.T) {
	pages, found := texts(t, ".md"), 0
	headings := headingsOf(pages)
	for file, page := range pages {
		for _, m := range linked.FindAllStringSubmatch(prose(page), -1) {
			found++
			if wrong := wrongLink(headings, file, m[1]); wrong != "" {
				t.Errorf("%s: %q %s", file, m[1], wrong)
			}
		}
	}
	if found < 500 {
		t.Errorf("only %d links found", found)
	}
}

// TestMentions: a page that the code, a configuration or another page speaks of is there.
func TestMentions(t *testing.T) {
	headings, found := headingsOf(texts(t, ".md")), 0
	for file, text := range texts(t, ".md", ".go", ".tmpl", ".yaml", ".yml", ".json", ".service", ".sh") {
		if file == "docs/semantic-conventions.md" || path.Base(file) == "links_test.go" {
			continue // they speak of other repositories' pages
		}
		for _, m := range mention.FindAllStringSubmatch(text, -1) {
			found++
			if wrong := wrongLink(headings, "README.md", m[1]); wrong != "" {
				t.Errorf("%s: %q %s", file, m[1], wrong)
			}
		}
	}
	if found < 150 {
		t.Errorf("only %d mentions found", found)
	}
}

// TestIndex: docs/README.md has each page one click away, and each runbook two; and it answers
// questions, each by one link.
func TestIndex(t *testing.T) {
	pages := texts(t, ".md")
	links := func(from string) []string {
		var all []string
		for _, m := range linked.FindAllStringSubmatch(prose(pages[from]), -1) {
			to, _, _ := strings.Cut(m[1], "#")
			all = append(all, path.Join(path.Dir(from), to))
		}
		return all
	}
	index, books := links("docs/README.md"), links("docs/runbooks/README.md")
	for file := range pages {
		switch path.Dir(file) {
		case "docs":
			if file != "docs/README.md" && !slices.Contains(index, file) {
				t.Errorf("docs/README.md does not link to %s", file)
			}
		case "docs/runbooks":
			if !slices.Contains(index, file) && !slices.Contains(books, file) {
				t.Errorf("neither docs/README.md nor docs/runbooks/README.md links to %s", file)
			}
		}
	}
	_, questions, _ := strings.Cut(pages["docs/README.md"], "\n## Questions\n")
	asked := regexp.MustCompile(`(?m)^- (.*)$`).FindAllStringSubmatch(questions, -1)
	for _, q := range asked {
		question, answer, ok := strings.Cut(q[1], "? ")
		if !ok || question == "" || len(linked.FindAllString(answer, -1)) != 1 {
			t.Errorf("docs/README.md: %q is not a question with one link", q[1])
		}
	}
	if len(asked) < 40 {
		t.Errorf("docs/README.md answers %d questions", len(asked))
	}
}
