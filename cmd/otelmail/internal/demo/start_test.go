package demo

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

func TestAnAddressInUseIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()

	smtp, web, imap, jmap, pop3, trouble := quick(), quick(), quick(), quick(), quick(), quick()
	smtp.SMTP, web.HTTP, imap.IMAP, jmap.JMAP, pop3.POP3, trouble.Trouble = address, address, address, address, address, address
	for name, c := range map[string]Config{"--smtp": smtp, "--http": web, "--imap": imap, "--jmap": jmap, "--pop3": pop3, "--trouble": trouble} {
		t.Setenv("TMPDIR", t.TempDir())
		_, err := tryStart(t, c)
		if err == nil {
			t.Fatalf("%s: started", name)
		}
		for _, want := range []string{name + " " + address, "address already in use"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
		if left := files(t, os.Getenv("TMPDIR")); len(left) > 0 {
			t.Errorf("%s: the temporary spool is left behind: %v", name, left)
		}
	}
}

func TestAWrongSettingIsNotBlamedOnAFlag(t *testing.T) {
	_, err := tryStart(t, quick(), otelmail.WithNamespace("1"))
	if err == nil || strings.Contains(err.Error(), "--http") || !strings.Contains(err.Error(), "WithNamespace") {
		t.Errorf("%v", err)
	}
}

func TestAWrongSpoolIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := quick()
	c.Spool = file
	if _, err := tryStart(t, c); err == nil || !strings.Contains(err.Error(), "--spool "+file) {
		t.Errorf("a file: %v", err)
	}

	damaged := map[string]string{
		"not JSON":      `{`,
		"another id":    `{"id":"other","recipients":["a@b.example"]}`,
		"no recipients": `{"id":"one"}`,
		"no message":    `{"id":"one","recipients":["a@b.example"]}`,
	}
	for name, text := range damaged {
		c.Spool = t.TempDir()
		item := filepath.Join(c.Spool, "one.json")
		if err := os.WriteFile(item, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tryStart(t, c); err == nil || !strings.Contains(err.Error(), item) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProbesAndMetricsAreServed(t *testing.T) {
	d := running(t, quick())
	base := "http://" + d.web.Addr().String()
	eventually(t, "ready", func() bool { status, _ := get(t, base+"/ready"); return status == http.StatusOK })
	for path, want := range map[string]string{
		"/health":  `"checks":{"descriptors":"healthy","queue":"healthy","storage":"healthy"}`,
		"/ready":   `"ready":true`,
		"/live":    `"alive":true`,
		"/metrics": "rusmes_queue_size 0\n",
		"/":        "/metrics",
	} {
		status, body := get(t, base+path)
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d without %s:\n%.400s", path, status, want, body)
		}
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	before := runtime.NumGoroutine()
	c := quick()
	c.Rate = 50
	d := begin(t, c)
	// Clients that say nothing must not hold up the end for long.
	for _, l := range []net.Listener{d.ports.mx, d.ports.imap, d.ports.jmap, d.ports.pop3, d.ports.pop3s} {
		silent, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	eventually(t, "some traffic", func() bool {
		return value(t, d, delivered) > 20 && value(t, d, imapCommands) > 20 && value(t, d, jmapAnswered) > 5 &&
			value(t, d, pushed) > 5 && d.pop3.total.Load() > 5
	})
	began := time.Now()
	stop(t, d)
	if took := time.Since(began); took > sessionsLimit+workersLimit+telemetryLimit {
		t.Errorf("stopped after %v", took)
	}
	for _, protocol := range []string{"smtp", "imap", "jmap", "pop3"} {
		// net/http may report a connection as closed only after its Close has returned.
		eventually(t, "no connection of "+protocol+" is counted", func() bool { return value(t, d, "active_connections", protocol) == 0 })
	}
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
	if left := files(t, os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("the temporary spool is left behind: %v", left)
	}
}
