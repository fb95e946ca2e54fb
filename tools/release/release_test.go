package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// small is a repository with a root, an adapter that requires it, a program that
// requires both, and modules that are not published.
var small = map[string]string{
	".gitignore":                   "*.log\n",
	"LICENSE":                      "do as you like\n",
	"CHANGELOG.md":                 "# Changelog\n\n## 0.1.0 - 2026-11-26\n\n- All of it.\n",
	"doc.go":                       "package mail\n\nconst Version = \"0.1.0\"\n\nfunc Start() {}\n",
	"internal/x/x.go":              "package x\n\nfunc X() {}\n",
	"go.mod":                       "module github.com/example/mail\n\ngo 1.26.0\n",
	"go.work":                      "go 1.26.0\n\nuse (\n\t.\n\t./adapters/smtp\n\t./cmd/mail\n)\n",
	"adapters/smtp/smtp.go":        "package smtp\n\nimport \"github.com/example/mail\"\n\nfunc Wrap() { mail.Start() }\n",
	"adapters/smtp/go.mod":         "module github.com/example/mail/adapters/smtp\n\ngo 1.26.0\n\nrequire github.com/example/mail v0.0.0\n\nreplace github.com/example/mail => ../..\n",
	"cmd/mail/main.go":             "package main\n\nimport \"github.com/example/mail/adapters/smtp\"\n\nfunc main() { smtp.Wrap() }\n",
	"cmd/mail/go.mod":              "module github.com/example/mail/cmd/mail\n\ngo 1.26.0\n\nrequire (\n\tgithub.com/example/mail v0.0.0 // indirect\n\tgithub.com/example/mail/adapters/smtp v0.0.0\n)\n\nreplace (\n\tgithub.com/example/mail => ../..\n\tgithub.com/example/mail/adapters/smtp => ../../adapters/smtp\n)\n",
	"bench/go.mod":                 "module github.com/example/mail/bench\n\nrequire github.com/example/mail v0.0.0\n\nreplace github.com/example/mail => ..\n",
	"examples/relay/go.mod":        "module github.com/example/mail/examples/relay\n\nrequire github.com/example/mail v0.0.0\n\nreplace github.com/example/mail => ../..\n",
	"adapters/internal/try/go.mod": "module github.com/example/mail/adapters/internal/try\n",
}

func newRepository(t *testing.T) repository {
	t.Helper()
	r := repository{t.TempDir()}
	for name, value := range map[string]string{
		"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "A",
		"GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1",
	} {
		t.Setenv(name, value)
	}
	for name, content := range small {
		write(t, filepath.Join(r.root, name), content)
	}
	r.must(t, "init", "--quiet")
	r.commit(t)
	return r
}

func (r repository) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := r.git(t.Context(), nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (r repository) commit(t *testing.T) {
	t.Helper()
	r.must(t, "add", "--all")
	r.must(t, "commit", "--quiet", "--message", "a step")
}

// next makes everything speak of another version.
func (r repository) next(t *testing.T, version string, said ...string) {
	t.Helper()
	number := strings.TrimPrefix(version, "v")
	write(t, filepath.Join(r.root, "CHANGELOG.md"), "# Changelog\n\n## "+number+" - 2026-11-27\n\n- More. "+strings.Join(said, "")+"\n")
	source, err := os.ReadFile(filepath.Join(r.root, "doc.go"))
	if err != nil {
		t.Fatal(err)
	}
	constant := constant.ReplaceAllString(string(source), `const Version = "`+number+`"`)
	write(t, filepath.Join(r.root, "doc.go"), constant)
}

func (r repository) release(t *testing.T, version string, tag bool) (string, error) {
	t.Helper()
	var out strings.Builder
	err := release(t.Context(), &out, r.root, version, tag)
	return out.String(), err
}

func TestADryRunSaysTheTagsAndChangesNothing(t *testing.T) {
	r := newRepository(t)
	write(t, filepath.Join(r.root, "notes.txt"), "not committed")
	write(t, filepath.Join(r.root, "run.log"), "ignored")
	before := r.must(t, "status", "--porcelain")
	out, err := r.release(t, "v0.1.0", false)
	if err != nil {
		t.Fatal(err)
	}
	if want := ":\n  v0.1.0\n  adapters/smtp/v0.1.0\n  cmd/mail/v0.1.0\n"; !strings.HasSuffix(out, want) {
		t.Errorf("said %q, want it to end in %q", out, want)
	}
	if !strings.Contains(out, "no release is tagged yet") {
		t.Errorf("said %q, and nothing of there being no release", out)
	}
	if tags := r.must(t, "tag"); tags != "" {
		t.Errorf("tagged %s", tags)
	}
	if after := r.must(t, "status", "--porcelain"); after != before {
		t.Errorf("status before %q, after %q", before, after)
	}
}

func TestTheTaggedCommitStandsAlone(t *testing.T) {
	r := newRepository(t)
	head := r.must(t, "rev-parse", "HEAD")
	out, err := r.release(t, "v0.1.0", true)
	if err != nil {
		t.Fatal(err)
	}
	if want := "git push --atomic origin v0.1.0 adapters/smtp/v0.1.0 cmd/mail/v0.1.0\n"; !strings.HasSuffix(out, want) {
		t.Errorf("said %q, want it to end in %q", out, want)
	}
	commit := r.must(t, "rev-parse", "v0.1.0^{commit}")
	for _, tag := range []string{"adapters/smtp/v0.1.0", "cmd/mail/v0.1.0"} {
		if r.must(t, "rev-parse", tag+"^{commit}") != commit {
			t.Errorf("%s is on another commit than v0.1.0", tag)
		}
	}
	if parent := r.must(t, "rev-parse", "v0.1.0^{commit}^"); parent != head {
		t.Errorf("the tagged commit follows %s, want %s", parent, head)
	}
	if now := r.must(t, "rev-parse", "HEAD"); now != head {
		t.Errorf("the branch moved from %s to %s", head, now)
	}
	if changed := r.must(t, "status", "--porcelain"); changed != "" {
		t.Errorf("the work tree has changed:\n%s", changed)
	}
	changed := r.must(t, "diff", "--name-only", head, commit)
	if want := "adapters/smtp/go.mod\nadapters/smtp/go.sum\ncmd/mail/go.mod\ncmd/mail/go.sum"; changed != want {
		t.Errorf("the tagged commit changes\n%s\nwant\n%s", changed, want)
	}
	mod := r.must(t, "show", "v0.1.0:cmd/mail/go.mod")
	if want := "module github.com/example/mail/cmd/mail\n\ngo 1.26.0\n\nrequire (\n\tgithub.com/example/mail v0.1.0 // indirect\n\tgithub.com/example/mail/adapters/smtp v0.1.0\n)"; mod != want {
		t.Errorf("cmd/mail/go.mod is\n%s\nwant\n%s", mod, want)
	}
}

// The go command makes a module from the repository by rules of its own. What it
// makes must have the sums that were tagged.
func TestTheTaggedSumsAreThoseOfTheGoCommand(t *testing.T) {
	r := newRepository(t)
	if _, err := r.release(t, "v0.1.0", true); err != nil {
		t.Fatal(err)
	}
	tagged := r.must(t, "show", "v0.1.0:cmd/mail/go.sum")
	stranger := goCommand(append(os.Environ(),
		"GOENV=off", "GOWORK=off", "GOPROXY=direct", "GOSUMDB=off", "GOPRIVATE=", "GONOPROXY=", "GOVCS=*:git",
		"GOMODCACHE="+filepath.Join(t.TempDir(), "cache"), "GOFLAGS=-modcacherw",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url."+fileURL(r.root)+".insteadOf",
		"GIT_CONFIG_VALUE_0=https://github.com/example/mail"))
	var sums string
	for _, path := range []string{"github.com/example/mail", "github.com/example/mail/adapters/smtp"} {
		var module struct{ Version, Sum, GoModSum string }
		answer := stranger.run(t, t.TempDir(), "mod", "download", "-json", path+"@v0.1.0")
		if err := json.Unmarshal([]byte(answer), &module); err != nil {
			t.Fatal(err)
		}
		sums += path + " " + module.Version + " " + module.Sum + "\n" +
			path + " " + module.Version + "/go.mod " + module.GoModSum + "\n"
	}
	if want := strings.TrimSpace(sums); tagged != want {
		t.Errorf("tagged\n%s\nwant\n%s", tagged, want)
	}
}

func TestWhatIsWrongIsSaidAtOnce(t *testing.T) {
	r := newRepository(t)
	write(t, filepath.Join(r.root, "notes.txt"), "not committed")
	_, err := r.release(t, "v0.2.0", true)
	if err == nil {
		t.Fatal("released a version of which nothing speaks")
	}
	for _, want := range []string{`Version is "0.1.0", want "0.2.0"`, `CHANGELOG.md: no section "## 0.2.0"`, "notes.txt"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if tags := r.must(t, "tag"); tags != "" {
		t.Errorf("tagged %s", tags)
	}
}

func TestAReleaseHasADay(t *testing.T) {
	r := newRepository(t)
	write(t, filepath.Join(r.root, "CHANGELOG.md"), "# Changelog\n\n## 0.1.0 - unreleased\n\n- All of it.\n")
	r.commit(t)
	if _, err := r.release(t, "v0.1.0", false); err != nil {
		t.Errorf("a dry run before the day: %v", err)
	}
	if _, err := r.release(t, "v0.1.0", true); err == nil || !strings.Contains(err.Error(), "YYYY-MM-DD") {
		t.Errorf("tagged without a day, or said %v", err)
	}
}

const deprecated = "// Start begins.\n//\n// Deprecated: it begins by itself.\nfunc Start() {}"

func TestTheVersionSaysWhatHasChanged(t *testing.T) {
	r := newRepository(t)
	if _, err := r.release(t, "v0.1.0", true); err != nil {
		t.Fatal(err)
	}
	r.must(t, "tag", "v0.1.1-rc.1")
	for name, tc := range map[string]struct {
		version, source, said, want string
	}{
		"the same version":          {"v0.1.0", "func Start() {}", "", "v0.1.1-rc.1 is tagged already"},
		"a patch that fixes":        {"v0.1.1", "func Start() { _ = 1 }", "", ""},
		"a patch that adds":         {"v0.1.1", "func Start() {}\n\nfunc Stop() {}", "", "want a new minor version"},
		"a patch that breaks":       {"v0.1.1", "func Started() {}", "Started.", "want a new minor version"},
		"a minor one that adds":     {"v0.2.0", "func Start() {}\n\nfunc Stop() {}", "", ""},
		"a minor one that breaks":   {"v0.2.0", "func Start(int) {}", "Start takes a number.", ""},
		"a stable one that breaks":  {"v1.0.0", "func Start(int) {}", "Start takes a number.", ""},
		"a break that is not said":  {"v0.2.0", "func Started() {}", "Started is new.", "nothing of Start, whose users must change their code"},
		"a deprecation":             {"v0.2.0", deprecated, "\n### Deprecated\n\n- Start.", ""},
		"a deprecation not said":    {"v0.2.0", deprecated, "Start.", `nothing of Start (github.com/example/mail) under "### Deprecated"`},
		"a major one on this path":  {"v2.0.0", "func Start() {}", "", "paths must end in the major version"},
		"what is not a version":     {"0.2.0", "func Start() {}", "", "want one such as v1.2.3"},
		"a version with a part off": {"v0.2", "func Start() {}", "", "want one such as v1.2.3"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, filepath.Join(r.root, "doc.go"), "package mail\n\nconst Version = \"\"\n\n"+tc.source+"\n")
			if strings.Contains(tc.source, "Start(int)") || strings.Contains(tc.source, "Started") {
				write(t, filepath.Join(r.root, "adapters/smtp/smtp.go"), "package smtp\n\nfunc Wrap() {}\n")
			}
			r.next(t, tc.version, tc.said)
			_, err := r.release(t, tc.version, false)
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestConventionsThatHaveChangedHaveAnotherVersion(t *testing.T) {
	r := newRepository(t)
	write(t, filepath.Join(r.root, "registry", "manifest.yaml"), "schema_url: https://example.com/schemas/0.1.0\n")
	write(t, filepath.Join(r.root, "registry", "spans.yaml"), "groups: []\n")
	r.commit(t)
	if _, err := r.release(t, "v0.1.0", true); err != nil {
		t.Fatal(err)
	}
	r.next(t, "v0.2.0")
	if _, err := r.release(t, "v0.2.0", false); err != nil {
		t.Errorf("nothing has changed: %v", err)
	}
	write(t, filepath.Join(r.root, "registry", "spans.yaml"), "groups: [{}]\n")
	if _, err := r.release(t, "v0.2.0", false); err == nil || !strings.Contains(err.Error(), "registry/spans.yaml: changed since v0.1.0, but the schema URL has not") {
		t.Errorf("the conventions have changed: %v", err)
	}
	write(t, filepath.Join(r.root, "registry", "manifest.yaml"), "schema_url: https://example.com/schemas/0.2.0\n")
	if _, err := r.release(t, "v0.2.0", false); err != nil {
		t.Errorf("their version, too: %v", err)
	}
}

func TestANewSeriesSaysSinceWhen(t *testing.T) {
	r := newRepository(t)
	one := func(name, since string) string {
		return "- id: metric." + name + "\n  type: metric\n  metric_name: " + name + "\n  note: 'two\n    lines'\n  annotations:\n    since: " + since + "\n"
	}
	write(t, filepath.Join(r.root, "registry", "metrics.yaml"), "groups:\n"+one("a", "0.1.0"))
	r.commit(t)
	if _, err := r.release(t, "v0.1.0", true); err != nil {
		t.Fatal(err)
	}
	r.next(t, "v0.2.0")
	write(t, filepath.Join(r.root, "registry", "manifest.yaml"), "schema_url: https://example.com/schemas/0.2.0\n")
	r.must(t, "add", "--all")
	write(t, filepath.Join(r.root, "registry", "metrics.yaml"), "groups:\n"+one("a", "0.1.0")+one("b", "0.1.0"))
	if _, err := r.release(t, "v0.2.0", false); err == nil || !strings.Contains(err.Error(), "b is new, and its Since is 0.1.0, want 0.2.0") {
		t.Errorf("a new series that is old: %v", err)
	}
	write(t, filepath.Join(r.root, "registry", "metrics.yaml"), "groups:\n"+one("a", "0.1.0")+one("b", "0.2.0"))
	if _, err := r.release(t, "v0.2.0", false); err != nil {
		t.Errorf("a new series: %v", err)
	}
}

func TestOnlyOursIsReplaced(t *testing.T) {
	r := newRepository(t)
	write(t, filepath.Join(r.root, "adapters/smtp/go.mod"), small["adapters/smtp/go.mod"]+
		"\nreplace example.org/other => example.org/fork v1.0.0\n")
	if _, err := r.release(t, "v0.1.0", false); err == nil || !strings.Contains(err.Error(), "replaces example.org/other") {
		t.Errorf("got %v, want a refusal: users would not get what the adapter was tested with", err)
	}
}

func TestOnlyWhatIsPublishedIsRequired(t *testing.T) {
	r := newRepository(t)
	write(t, filepath.Join(r.root, "adapters/smtp/go.mod"), small["adapters/smtp/go.mod"]+
		"\nrequire github.com/example/mail/adapters/internal/try v0.0.0\n")
	if _, err := r.release(t, "v0.1.0", false); err == nil || !strings.Contains(err.Error(), "is not published") {
		t.Errorf("got %v, want a refusal: users could not get the module", err)
	}
}
