package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

func TestCommands(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		args           string
		exit           int
		stdout, stderr string // what must be said there; "" is nothing at all
	}{
		{"", exitUsage, "", "otelmail demo [flags]"},
		{"help", exitOK, "otelmail demo [flags]", ""},
		{"--help", exitOK, "otelmail demo [flags]", ""},
		{"dance", exitUsage, "", `"dance" is not a command: want demo, check, dashboard, rules, top, where or help`},
		{"check --help", exitOK, "--web-config file\n", ""},
		{"check --strict", exitUsage, "", "flag provided but not defined: -strict"},
		{"check --timeout 0s", exitUsage, "", "--timeout: 0s is not allowed: want more than 0s"},
		{"check mail.env", exitUsage, "", `"mail.env" is not allowed: want flags only`},
		{"dashboard --help", exitOK, "--native-histograms\n", ""},
		{"dashboard overview", exitOK, `"title": "Mail: overview"`, ""},
		{"dashboard mail", exitUsage, "", `"mail" is not a dashboard: want overview, smtp`},
		{"dashboard --out " + os.Args[0], exitFailed, "", "make the directory of --out"},
		{"demo --help", exitOK, "--smtp host:port", ""},
		{"demo --rate fast", exitUsage, "", `invalid value "fast" for flag -rate: want a number from 0 to 1000`},
		{"where --help", exitOK, "--server URL", ""},
		{"where", exitUsage, "", "0 things to search for are not allowed"},
		{"where --server http://127.0.0.1:1 Q1", exitNotAsked, "Nothing was found.", "ask http://127.0.0.1:1: "},
		{"rules --help", exitOK, "--slo percent", ""},
		{"rules --namespace acme --job mx", exitOK, `acme_queue_size{job="mx"} > 100`, ""},
		{"rules --slo 90", exitUsage, "", `invalid value "90" for flag -slo: want a percentage from 95 to 99.999`},
		{"rules --out /nowhere/to/be/found", exitFailed, "", "/nowhere/to/be/found"},
		{"top --help", exitOK, "--server URL\n", ""},
		{"top --every soon", exitUsage, "", `invalid value "soon" for flag -every: want a duration from 1s on`},
		{"top --every 0 --server http://" + taken.Addr().String() + "0", exitFailed, "", "ask http://" + taken.Addr().String() + "0: "},
		{"demo --http 127.0.0.1:0 --smtp " + taken.Addr().String(), exitFailed, "", "--smtp " + taken.Addr().String()},
	}
	for _, tt := range tests {
		var stdout, stderr bytes.Buffer
		if got := run(strings.Fields(tt.args), &stdout, &stderr); got != tt.exit {
			t.Errorf("%q: exit status %d, want %d", tt.args, got, tt.exit)
		}
		said(t, tt.args, "stdout", stdout.String(), tt.stdout)
		said(t, tt.args, "stderr", stderr.String(), tt.stderr)
	}
}

// TestWhere: the exit status says whether something was found, though a server is away.
func TestWhere(t *testing.T) {
	knows := `{"messages":[{"queue_id":"Q1","text":"Waits.","steps":[{"time":"2026-03-01T12:00:00Z","text":"Put into the queue."}]}]}`
	for answer, want := range map[string][2]int{knows: {exitOK, exitOK}, `{"messages":[]}`: {exitNotFound, exitNotAsked}} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
		var stdout, stderr bytes.Buffer
		for i, args := range [][]string{{"where", "--server", server.URL, "Q1"}, {"where", "Q1", "--server", server.URL, "--server", "http://127.0.0.1:1"}} {
			if got := run(args, &stdout, &stderr); got != want[i] {
				t.Errorf("%s: exit status %d, want %d: %s%s", answer, got, want[i], &stdout, &stderr)
			}
			if away := strings.Contains(stderr.String(), "ask http://127.0.0.1:1: "); away != (i == 1) {
				t.Errorf("%s: stderr %q", answer, &stderr)
			}
		}
		server.Close()
	}
}

// freePorts has the demo listen where nobody does.
const freePorts = "--http 127.0.0.1:0 --smtp 127.0.0.1:0 --imap 127.0.0.1:0 --jmap 127.0.0.1:0 --pop3 127.0.0.1:0"

func said(t *testing.T, args, where, got, want string) {
	t.Helper()
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("%q: %s has %q, want %q", args, where, got, want)
	}
}

func TestDemoRunsAndEnds(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("RUSMES_LOG_LEVEL", "")
	var stdout, stderr bytes.Buffer
	args := strings.Fields("demo " + freePorts + " --rate 100 --duration 1s --drain 0s")
	if got := run(args, &stdout, &stderr); got != exitOK {
		t.Errorf("exit status %d, want 0: %s", got, &stderr)
	}
	for _, want := range []string{"/metrics\n", "swaks --server 127.0.0.1:", "Draining", "smtp_messages_received_total", "queue_size"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("stdout does not say %q:\n%s", want, &stdout)
		}
	}
	if strings.Contains(stdout.String(), "127.0.0.1:0") {
		t.Errorf("stdout has an address that nobody listens on:\n%s", &stdout)
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr: %s", &stderr)
	}
}

// What cannot be pushed is said, and is no failure of the demo.
func TestDemoSaysWhatCouldNotBePushed(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	var stdout, stderr bytes.Buffer
	args := strings.Fields("demo " + freePorts + " --rate 20 --duration 300ms --drain 0s")
	if got := run(args, &stdout, &stderr); got != exitOK {
		t.Errorf("exit status %d, want 0: %s", got, &stderr)
	}
	for _, want := range []string{"Not everything could be pushed", "spans not delivered to http://127.0.0.1:1"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("stdout does not say %q:\n%s", want, &stdout)
		}
	}
}
