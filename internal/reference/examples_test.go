package reference_test

import (
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ran are the pages that have no Go: a line of theirs that is run or compared, and by which
// test of which file. The Go of the others is in examples (TestSnippetsAreCompiled).
var ran = map[string]struct{ line, test, file string }{
	"docs/README.md":               {"go run ./cmd/otelmail demo", "TestDemoRunsAndEnds", "cmd/otelmail/main_test.go"},
	"docs/alerts.md":               {"otelmail rules --job mail", "TestCommandsOfThePages", "cmd/otelmail/pages_test.go"},
	"docs/architecture.md":         {"go test -run TestPromisesNameWhatHoldsThem ./internal/reference", "TestPromisesNameWhatHoldsThem", "internal/reference/reference_test.go"},
	"docs/dashboards.md":           {"otelmail dashboard overview", "TestCommandsOfThePages", "cmd/otelmail/pages_test.go"},
	"docs/live-api.md":             {`"queue_id": "Q1"`, "TestPageOfTheAPI", "exporters/live/apipage_test.go"},
	"docs/performance.md":          {"make bench", "TestWriteAndRender", "bench/page_test.go"},
	"docs/prometheus.md":           {"scrape_configs:", "TestConfigurationsOfThePages", "integration/pages_test.go"},
	"docs/scale.md":                {"sampling_percentage: ${env:KEEP_PERCENT:-1}", "TestAgentAndGateway", "integration/deploy_fleet_test.go"},
	"docs/semantic-conventions.md": {"- id: span.smtp.session", "TestTheCommittedRegistry", "internal/registry/registry_test.go"},
	"docs/series.md":               {"(x unless x offset 1h) or increase(x[1h])", "TestTheFirstEventOfASeries", "integration/firstevent_test.go"},
	"docs/size.md":                 {"go test ./size -update", "TestSizes", "bench/size/size_test.go"},
	"docs/spans.md":                {"      queue dequeue", "TestOutputsOfThePages", "internal/reference/examples_test.go"},
	"docs/stability.md":            {"file_format: 1.1.0", "TestExcerptsOfThePages", "internal/reference/examples_test.go"},
	"docs/trials.md":               {"go test -run '^TestOutage'", "TestOutageStopped", "integration/outages_away_test.go"},
	"docs/upgrading.md":            {"go mod tidy", "TestReleasedModulesServeAStranger", "tools/release/released_test.go"},
	"docs/runbooks/README.md":      {"rusmes_health_check_status == 0", "TestQueriesOfTheRunbooks", "integration/runbooks_test.go"},
}

// TestPagesAreOfOneForm: a page says first what it is for, has an example that runs, and says at
// its end what comes next.
func TestPagesAreOfOneForm(t *testing.T) {
	tests := texts(t, ".go")
	for file, page := range texts(t, ".md") {
		if path.Dir(file) != "docs" && file != "docs/runbooks/README.md" {
			continue
		}
		_, page, _ = strings.Cut("\n"+page, "\n# ")
		paragraphs := strings.Split(strings.TrimSpace(page), "\n\n")
		if len(paragraphs) < 3 || strings.ContainsAny(paragraphs[1][:1], "#|<- ") || strings.HasPrefix(paragraphs[1], "```") {
			t.Errorf("%s does not begin with what it is for", file)
		}
		if last := paragraphs[len(paragraphs)-1]; !strings.HasPrefix(last, "Next: [") && file != "docs/README.md" {
			t.Errorf("%s does not end with what comes next", file)
		}
		r, named := ran[file]
		switch {
		case strings.Contains(page, "```go\n") && named:
			t.Errorf("%s has Go, which is compiled: take it off the list", file)
		case strings.Contains(page, "```go\n"):
		case !named:
			t.Errorf("%s has no example that runs", file)
		case !codeHas(page, r.line):
			t.Errorf("%s does not have %q in a piece of code", file, r.line)
		case !strings.Contains(tests[r.file], "\nfunc "+r.test+"("):
			t.Errorf("%s is to be run by %s of %s, which is not there", file, r.test, r.file)
		}
	}
}

func codeHas(page, line string) bool {
	for _, block := range fenced.FindAllString(page, -1) {
		if strings.Contains(block, line) {
			return true
		}
	}
	return regexp.MustCompile(`(?m)^    .*` + regexp.QuoteMeta(line)).MatchString(page)
}

// blocks are the fenced pieces of code of the pages in a language, each with where it stands.
func blocks(t *testing.T, language string) map[string]string {
	t.Helper()
	all := map[string]string{}
	pages := texts(t, ".md")
	for _, file := range slices.Sorted(maps.Keys(pages)) {
		for _, block := range fenced.FindAllString(pages[file], -1) {
			if text, ok := strings.CutPrefix(block, "```"+language+"\n"); ok {
				all[strings.TrimSuffix(text, "```")] = file
			}
		}
	}
	return all
}

// TestOutputsOfThePages: what a page shows as text is, to the letter, what an example prints.
func TestOutputsOfThePages(t *testing.T) {
	var outputs strings.Builder
	for file, text := range texts(t, ".go") {
		if strings.HasPrefix(path.Base(file), "example") && strings.HasSuffix(file, "_test.go") {
			_, text, _ = strings.Cut(text, "// Output:")
			for line := range strings.Lines("// " + strings.ReplaceAll(text, "// Output:", "// ")) {
				if comment, ok := strings.CutPrefix(strings.TrimSpace(line), "//"); ok {
					outputs.WriteString(strings.TrimPrefix(strings.Replace(comment, " ", "", 1), " ") + "\n")
				}
			}
		}
	}
	shown := blocks(t, "text")
	for text, file := range shown {
		if !strings.Contains(flat(outputs.String()), flat(text)) {
			t.Errorf("%s shows what no example prints:\n%s", file, text)
		}
	}
	if len(shown) < 2 {
		t.Errorf("only %d outputs found", len(shown))
	}
}

// TestExcerptsOfThePages: a piece of YAML that begins with the name of a file of ours is a part of it.
func TestExcerptsOfThePages(t *testing.T) {
	files, found := texts(t, ".yaml", ".0"), 0
	for text, page := range blocks(t, "yaml") {
		first, rest, _ := strings.Cut(text, "\n")
		name, ok := strings.CutPrefix(first, "# ")
		file, there := files[name]
		if !ok || strings.HasPrefix(name, "/") || !strings.Contains(name, "/") {
			continue
		}
		found++
		if !there || !strings.Contains(flat(file), flat(rest)) {
			t.Errorf("%s: this is not in %s:\n%s", page, name, rest)
		}
	}
	if found < 3 {
		t.Errorf("only %d excerpts found", found)
	}
}

// TestFail2ban: the filter of docs/logs.md finds the address in a line of the log.
func TestFail2ban(t *testing.T) {
	page := texts(t, ".md")["docs/logs.md"]
	filter := regexp.MustCompile(`(?m)^failregex = (.*)$`).FindStringSubmatch(page)
	if filter == nil {
		t.Fatal("docs/logs.md has no failregex")
	}
	finds := regexp.MustCompile(strings.Replace(filter[1], "<HOST>", `(?:::f{4}:)?([\w.:-]+)`, 1))
	line := regexp.MustCompile(`(?m)^msg=email\.login_failed.*$`).FindString(page)
	if m := finds.FindStringSubmatch(line); m == nil || m[1] != "192.0.2.77" {
		t.Errorf("%q finds %q in %q", filter[1], m, line)
	}
	if m := finds.FindString("msg=email.login_failed text=\"client.address=192.0.2.77,\""); m != "" {
		t.Errorf("it finds %q", m)
	}
}

// TestTargetsOfThePages: what a page tells to make is a target of the Makefile.
func TestTargetsOfThePages(t *testing.T) {
	makefile, err := os.ReadFile(root + "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	told, found := regexp.MustCompile("(?m)(?:`|^    |^)make ([a-z-]+)"), 0
	for file, page := range texts(t, ".md") {
		for _, m := range told.FindAllStringSubmatch(page, -1) {
			found++
			if !strings.Contains(string(makefile), "\n.PHONY: "+m[1]+"\n") {
				t.Errorf("%s: there is no target %s", file, m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d targets found", found)
	}
}
