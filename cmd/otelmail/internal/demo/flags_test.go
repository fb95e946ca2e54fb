package demo

import (
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

func TestFlagsDefaults(t *testing.T) {
	c, err := ParseFlags(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]any{
		"--http":      {c.HTTP, "127.0.0.1:9090"},
		"--smtp":      {c.SMTP, "127.0.0.1:2525"},
		"--imap":      {c.IMAP, "127.0.0.1:1143"},
		"--jmap":      {c.JMAP, "127.0.0.1:8081"},
		"--pop3":      {c.POP3, "127.0.0.1:1110"},
		"--rate":      {c.Rate, 5.0},
		"--duration":  {c.Duration, time.Duration(0)},
		"--drain":     {c.Drain, 5 * time.Second},
		"--user":      {c.User, "demo"},
		"--password":  {c.Password, "demo"},
		"--spool":     {c.Spool, ""},
		"--relayhost": {c.Relayhost, ""},
		"--trouble":   {c.Trouble, ""},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", name, pair[0], pair[1])
		}
	}
}

func TestFlags(t *testing.T) {
	c, err := ParseFlags([]string{
		"--http", "[::1]:0", "--smtp=:25", "--imap", "127.0.0.1:0", "--jmap", "localhost:1", "--pop3", "127.0.0.1:2",
		"--rate", "0.5", "--duration", "2m", "--drain", "7s", "--user", "anna", "--password", "geheim", "--spool", "queue", "--trouble", "[::1]:0",
		"--relayhost", "127.0.0.1:26", "--fleet", "127.0.0.9/8",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]any{
		"--http":      {c.HTTP, "[::1]:0"},
		"--smtp":      {c.SMTP, ":25"},
		"--imap":      {c.IMAP, "127.0.0.1:0"},
		"--jmap":      {c.JMAP, "localhost:1"},
		"--pop3":      {c.POP3, "127.0.0.1:2"},
		"--rate":      {c.Rate, 0.5},
		"--duration":  {c.Duration, 2 * time.Minute},
		"--drain":     {c.Drain, 7 * time.Second},
		"--user":      {c.User, "anna"},
		"--password":  {c.Password, "geheim"},
		"--spool":     {c.Spool, "queue"},
		"--trouble":   {c.Trouble, "[::1]:0"},
		"--relayhost": {c.Relayhost, "127.0.0.1:26"},
		"--fleet":     {c.Fleet.String(), "127.0.0.0/8"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", name, pair[0], pair[1])
		}
	}
}

// Each error says which flag, which value and what is allowed.
func TestWrongFlags(t *testing.T) {
	tests := []struct{ args, flag, value, allowed string }{
		{"--http 9090", "http", "9090", "want host:port"},
		{"--http 127.0.0.1:65536", "http", "127.0.0.1:65536", "0 to 65535"},
		{"--smtp localhost", "smtp", "localhost", "want host:port"},
		{"--imap 127.0.0.1:imap", "imap", "127.0.0.1:imap", "want host:port"},
		{"--jmap x", "jmap", "x", "want host:port"},
		{"--pop3 127.0.0.1:-1", "pop3", "127.0.0.1:-1", "want host:port"},
		{"--rate -1", "rate", "-1", "want a number from 0 to 1000"},
		{"--rate 1001", "rate", "1001", "want a number from 0 to 1000"},
		{"--rate NaN", "rate", "NaN", "want a number from 0 to 1000"},
		{"--rate fast", "rate", "fast", "want a number from 0 to 1000"},
		{"--duration 20", "duration", "20", "want a duration like 20s"},
		{"--drain -1s", "drain", "-1s", "want a duration like 20s"},
		{"--duration -1s", "duration", "-1s", "want a duration like 20s"},
		{"--user a@b", "user", "a@b", "want 1 to 64 of a-z"},
		{"--user=", "user", "", "want 1 to 64 of a-z"},
		{"--password=", "password", "", "want 1 to 128 bytes"},
		{"--trouble 192.0.2.1:9099", "trouble", "192.0.2.1:9099", "of this machine alone"},
		{"--trouble :9099", "trouble", ":9099", "of this machine alone"},
		{"--trouble mail.example:9099", "trouble", "mail.example:9099", "of this machine alone"},
		{"--trouble 127.0.0.1", "trouble", "127.0.0.1", "want host:port"},
		{"--trouble localhost:http", "trouble", "localhost:http", "want host:port"},
		{"--relayhost hub", "relayhost", "hub", "want host:port"},
		{"--fleet 127.0.0.1", "fleet", "127.0.0.1", "want a network like 127.0.0.0/8"},
		{"--colour", "colour", "colour", "not defined"},
		{"fast", "fast", "fast", "want flags only"},
	}
	for _, tt := range tests {
		_, err := ParseFlags(strings.Fields(tt.args))
		if err == nil {
			t.Errorf("%s: no error", tt.args)
			continue
		}
		for _, want := range []string{tt.flag, tt.value, tt.allowed} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", tt.args, err, want)
			}
		}
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	if _, err := ParseFlags([]string{"--help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
	var help strings.Builder
	Usage(&help)
	for _, want := range []string{
		"--http", "--smtp", "--imap", "--jmap", "--pop3", "--rate", "--duration", "--user", "--password", "--spool", "--trouble",
		"--relayhost", "--fleet",
		`(default "127.0.0.1:2525")`, `(default "5")`,
	} {
		if !strings.Contains(help.String(), want) {
			t.Errorf("the help does not say %q:\n%s", want, &help)
		}
	}
}

// The demo says little unless it is told to say more, and where to.
func TestLogSettings(t *testing.T) {
	for _, tt := range []struct{ level, format, said, notSaid string }{
		{"", "", "level=WARN msg=three", "two"},
		{"info", "json", `"level":"INFO","msg":"two"`, "one"},
		{"debug", "", "level=DEBUG msg=one", "nothing"},
		{"error", "", "level=ERROR msg=four", "three"},
	} {
		file := filepath.Join(t.TempDir(), "demo.log")
		t.Setenv("RUSMES_LOG_LEVEL", tt.level)
		t.Setenv("RUSMES_LOG_FORMAT", tt.format)
		t.Setenv("RUSMES_LOG_OUTPUT", file)
		d, err := Start(t.Context(), quick(), otelmail.WithoutGlobals())
		if err != nil {
			t.Fatal(err)
		}
		for _, log := range []*slog.Logger{d.log, d.local} {
			log.Debug("one")
			log.Info("two")
			log.Warn("three")
			log.Error("four")
		}
		stop(t, d)
		got, err := os.ReadFile(file)
		if err != nil || strings.Count(string(got), tt.said) != 2 || strings.Contains(string(got), tt.notSaid) {
			t.Errorf("%q, %q: the log holds %q, %v; want %q twice and no %q", tt.level, tt.format, got, err, tt.said, tt.notSaid)
		}
	}
}
