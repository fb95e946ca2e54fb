package rules

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

const root = "../../../../"

func written(t *testing.T, args ...string) string {
	t.Helper()
	c, err := ParseFlags(args)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Write(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTheCommittedRules(t *testing.T) {
	committed, err := os.ReadFile(root + "rules/otelmail.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != written(t) {
		t.Error("rules/otelmail.rules.yaml is not what `otelmail rules` prints: run make generate")
	}
}

// ourNames are the series of a namespace as they stand in an expression, without what is
// recorded: job:rusmes_sli_...
func ourNames(namespace, text string) []string {
	found := regexp.MustCompile(`[\w:]*\b`+namespace+`_\w+`).FindAllString(text, -1)
	return slices.DeleteFunc(found, func(name string) bool { return strings.Contains(name, ":") })
}

// inCatalog says whether a series, or a part of a histogram, is in the Catalog.
func inCatalog(namespace, name string) bool {
	for _, m := range otelmail.Catalog() {
		full := m.FullName(namespace)
		if name == full || name == full+"_count" || name == full+"_sum" || name == full+"_bucket" {
			return true
		}
	}
	return false
}

func TestNamespaceAndJob(t *testing.T) {
	text := written(t, "--namespace", "acme", "--job", `m"x`)
	if strings.Contains(strings.ReplaceAll(text, "github.com/rusmes", ""), "rusmes") {
		t.Error("another namespace is left")
	}
	names := ourNames("acme", text)
	if len(names) < 100 {
		t.Fatalf("only %q", names)
	}
	for _, name := range names {
		if !inCatalog("acme", name) {
			t.Errorf("the Catalog has no %s", name)
		}
	}
	for _, m := range regexp.MustCompile(`\b(acme_(?:\w+)|up|process_\w+|go_gc_\w+|job:acme\w+:\w+)(.?)`).FindAllStringSubmatch(exprs(Config{Namespace: "acme", Job: `m"x`, SLO: 99.9}), -1) {
		if m[2] != "{" {
			t.Errorf("%s is of every job", m[1])
		}
	}
	if !strings.Contains(text, `acme_queue_size{job="m\"x"}`) {
		t.Error("the job is not quoted")
	}
}

func exprs(c Config) string {
	var all []string
	for _, g := range c.file().Groups {
		for _, r := range g.Rules {
			all = append(all, r.Expr)
		}
	}
	return strings.Join(all, "\n")
}

// TestARenameOfASeries changes the rules, and nothing by hand.
func TestARenameOfASeries(t *testing.T) {
	was := series.QueueSize
	t.Cleanup(func() { series.QueueSize = was })
	series.QueueSize.Name = "messages_queued"
	text := written(t)
	if !strings.Contains(text, "rusmes_messages_queued > 100") || strings.Contains(text, was.FullName("rusmes")) {
		t.Errorf("%s is still there", was.Name)
	}
}

func TestObjective(t *testing.T) {
	text := written(t, "--slo", "99.95")
	for _, want := range []string{":ratio5m > 14.4 * 0.0005\n", ":ratio6h > 1 * 0.0005\n", "an objective of 99.95 % stands"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestWrongFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--namespace 9mail": `invalid value "9mail" for flag -namespace: want 1 to 63 letters, digits and underscores, the first a letter`,
		"--namespace=":      `invalid value "" for flag -namespace: want 1 to 63 letters`,
		"--job a\x00b":      `for flag -job: want the name of one job, UTF-8 without control characters`,
		"--job \xff":        `for flag -job: want the name of one job`,
		"--slo 99,9":        `invalid value "99,9" for flag -slo: want a percentage from 95 to 99.999`,
		"--slo NaN":         `invalid value "NaN" for flag -slo`,
		"--slo 100":         `invalid value "100" for flag -slo`,
		"--dance":           "not defined: -dance",
		"now":               `"now" is not allowed: want flags only`,
	} {
		if _, err := ParseFlags(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
	if _, err := ParseFlags([]string{"--help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
}

// TestEveryAlertSaysWhatToDo: severity, summary, description, and a runbook of its own.
func TestEveryAlertSaysWhatToDo(t *testing.T) {
	for _, r := range alerts() {
		severity, a := r.Labels["severity"], r.Annotations
		if severity != page && severity != ticket && (severity != none || r.Alert != "MailWatchdog") {
			t.Errorf("%s: severity %q", r.Alert, severity)
		}
		if a.Summary == "" || a.Description == "" || a.RunbookURL != "https://github.com/rusmes/otelmail/blob/main/docs/runbooks/"+r.Alert+".md" {
			t.Errorf("%s: %+v", r.Alert, a)
		}
	}
}

func alerts() []rule {
	var found []rule
	for _, g := range Default().file().Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				found = append(found, r)
			}
		}
	}
	return found
}
