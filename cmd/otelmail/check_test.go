package main

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "team=mail")
	t.Setenv("RUSMES_METRICS_BIND_ADDRESS", "127.0.0.1:0")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	var stdout, stderr bytes.Buffer
	if got := run([]string{"check"}, &stdout, &stderr); got != exitOK || !strings.HasSuffix(stdout.String(), "\nNothing is wrong. Warnings: 0.\n") || stderr.Len() > 0 {
		t.Errorf("exit status %d: %s%s", got, &stdout, &stderr)
	}
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "team")
	t.Setenv("RUSMES_METRIC_PATH", "/m")
	missing := filepath.Join(t.TempDir(), "web.yml")
	stdout.Reset()
	got := run([]string{"check", "--web-config", missing, "--timeout", "20s"}, &stdout, &stderr)
	if got != exitFailed || stderr.Len() > 0 || !strings.HasSuffix(stdout.String(), "\nWrong: 2. Warnings: 1.\n") {
		t.Errorf("exit status %d: %s%s", got, &stdout, &stderr)
	}
	for _, want := range []string{
		"wrong:   OTEL_RESOURCE_ATTRIBUTES: \"team\" is not allowed: want key=value pairs with commas between, values percent-encoded UTF-8\n",
		"wrong:   prometheus: WithWebConfigFile: \"" + missing + "\" cannot be used: ",
		"warning: RUSMES_METRIC_PATH is not read: no setting has this name, or another wins over it\n",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%q is not in %s", want, &stdout)
		}
	}
}

// TestTheCheckOfThePage: docs/check.md shows what the command prints, where a receiver has a
// certificate that nobody trusts.
func TestTheCheckOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "\n```console\n$ ")
	example, _, _ = strings.Cut(example, "\n```\n")
	receiver := httptest.NewUnstartedServer(http.NotFoundHandler())
	receiver.Config.ErrorLog = log.New(io.Discard, "", 0)
	receiver.StartTLS()
	defer receiver.Close()
	memory, err := os.MkdirTemp("/dev/shm", "mymail")
	if err != nil {
		t.Skip("there is no tmpfs: ", err)
	}
	defer os.RemoveAll(memory)
	replaced := strings.NewReplacer("collector.example:4318", strings.TrimPrefix(receiver.URL, "https://"), "/dev/shm/mymail", memory, "0.0.0.0:9090", "0.0.0.0:0")
	var want []string
	for line := range strings.SplitSeq("$ "+example, "\n") {
		name, value, isVariable := strings.Cut(strings.TrimPrefix(line, "$ export "), "=")
		switch {
		case strings.HasPrefix(line, "$ export ") && isVariable:
			t.Setenv(name, replaced.Replace(value))
		case !strings.HasPrefix(line, "$ "):
			want = append(want, alike(line))
		}
	}
	var stdout, stderr bytes.Buffer
	if got := run([]string{"check", "--timeout", "20s"}, &stdout, &stderr); got != exitFailed || stderr.Len() > 0 {
		t.Errorf("exit status %d: %s", got, &stderr)
	}
	back := strings.NewReplacer(strings.TrimPrefix(receiver.URL, "https://"), "collector.example:4318", memory, "/dev/shm/mymail", "0.0.0.0:0", "0.0.0.0:9090")
	printed := alike(back.Replace(stdout.String()))
	rest := "\n" + printed
	for part := range strings.SplitSeq(strings.Join(want, "\n"), "[...]\n") {
		part = strings.TrimSuffix(part, "\n")
		_, after, ok := strings.Cut(rest, "\n"+part+"\n")
		if !ok {
			t.Fatalf("docs/check.md says\n%s\nwhich is not in what is printed, or not there:\n%s", part, printed)
		}
		rest = "\n" + after
	}
	if len(want) < 20 || strings.TrimSpace(rest) != "" {
		t.Errorf("%d lines of the page, and beside them is printed:\n%s", len(want), rest)
	}
}

var (
	columns = regexp.MustCompile(`(\S) {2,}`)
	sizes   = regexp.MustCompile(`[0-9.]+ [KMGT]iB free`)
	ports   = regexp.MustCompile(`(\[::\]|0\.0\.0\.0):[0-9]+`)
)

// alike is text without what differs from one machine to the next, and without the width of
// columns.
func alike(text string) string {
	text = sizes.ReplaceAllString(columns.ReplaceAllString(text, "$1  "), "23.5 GiB free")
	return ports.ReplaceAllString(text, "[::]:9090")
}
