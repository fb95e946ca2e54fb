package dashboards_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/dashboards"
)

func TestParseFlags(t *testing.T) {
	const names = "want overview, smtp, imap-jmap-pop3, queue-and-delivery, security, storage or telemetry"
	for args, want := range map[string]string{ // "" is no error
		"overview":                           "",
		"--out x":                            "",
		"--out x smtp":                       "",
		"smtp --namespace mail --job mx":     "",
		"--native-histograms storage":        "",
		"":                                   "no dashboard is named: " + names + ", or --out with a directory for all",
		"mail":                               `"mail" is not a dashboard: ` + names,
		"overview smtp":                      `"smtp" is one name too many: want one, or none and --out for all`,
		"--namespace 9 overview":             `invalid value "9" for flag -namespace: want 1 to 63 letters, digits and underscores, the first a letter`,
		"--job a\x00b overview":              "want up to 256 bytes of text without control characters",
		"--datasource a\xff overview":        "want up to 256 bytes of text without control characters",
		"--native-histograms=maybe overview": `invalid boolean value "maybe" for -native-histograms`,
		"overview --colour":                  "flag provided but not defined: -colour",
		"--help":                             flag.ErrHelp.Error(),
	} {
		_, err := dashboards.ParseFlags(strings.Fields(args))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	c, err := dashboards.ParseFlags([]string{"smtp", "--namespace", "mail", "--job", "mx", "--datasource", "Mimir", "--native-histograms"})
	if want := (dashboards.Config{Namespace: "mail", Job: "mx", DataSource: "Mimir", NativeHistograms: true, Name: "smtp"}); err != nil || c != want {
		t.Errorf("%+v, %v, want %+v", c, err, want)
	}
	if _, err := dashboards.ParseFlags([]string{"-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}

// TestChosen: what the flags choose is what a dashboard begins with.
func TestChosen(t *testing.T) {
	c := dashboards.Default()
	d := read(t, "smtp", c)
	current := func() map[string]string {
		all := map[string]string{}
		for _, v := range d.Templating.List {
			all[v.Name] = ""
			if v.Current != nil {
				all[v.Name] = *v.Current.Value.String
			}
		}
		return all
	}
	want := map[string]string{"datasource": "", "traces": "", "namespace": "rusmes", "job": "$__all", "instance": "$__all"}
	for name, value := range want {
		if got, ok := current()[name]; !ok || got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	c.Namespace, c.Job, c.DataSource = "mail", `m"x`, "Mimir"
	d = read(t, "smtp", c)
	for name, value := range map[string]string{"datasource": "Mimir", "namespace": "mail", "job": `m"x`, "instance": "$__all"} {
		if got := current()[name]; got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

func TestRun(t *testing.T) {
	c := dashboards.Default()
	c.Name = "smtp"
	var stdout bytes.Buffer
	if err := dashboards.Run(c, &stdout); err != nil || !bytes.Equal(stdout.Bytes(), text(t, "smtp", c)) {
		t.Errorf("%v: %d bytes", err, stdout.Len())
	}
	stdout.Reset()
	c.Name, c.Out = "", filepath.Join(t.TempDir(), "made", "here")
	if err := dashboards.Run(c, &stdout); err != nil || stdout.Len() > 0 {
		t.Errorf("%v: %s", err, &stdout)
	}
	for _, name := range dashboards.Names() {
		if got, err := os.ReadFile(filepath.Join(c.Out, name+".json")); err != nil || !bytes.Equal(got, text(t, name, c)) {
			t.Errorf("%s: %v: %d bytes", name, err, len(got))
		}
	}
	c.Out = filepath.Join(c.Out, "smtp.json") // a file
	if err := dashboards.Run(c, &stdout); err == nil || !strings.Contains(err.Error(), "make the directory of --out") {
		t.Errorf("no directory: %v", err)
	}
}
