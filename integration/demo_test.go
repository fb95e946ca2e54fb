package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// patience is for what takes a moment: long, because a busy machine is slow.
const patience = 2 * time.Minute

// The user of every demo. The name has a marker that no other text contains, so that a
// test can look for it where no address may be.
const (
	marker   = "xyzzy"
	user     = "me-" + marker
	password = "secret-" + marker
	own      = user + "@example.org"
)

// launch says how to start a demo. The ports are free ones unless flags say
// otherwise.
type launch struct {
	rate  int      // built-in messages a second; 0 for none
	flags []string // further flags
	env   []string // NAME=value; OTEL_* and RUSMES_* of the machine are left out
	// within is a command that runs the program, which follows with its arguments.
	within []string

	stderr *os.File // where its log goes instead of demo.stderr
}

// demo is a running demo.
type demo struct {
	t      *testing.T
	cmd    *exec.Cmd
	ended  chan struct{} // closed once the program has ended
	stdout output        // what it prints for people
	stderr output        // its log

	smtp, submissions, remote, web string // host:port
	imap, jmap, pop3, pop3s        string
	spool                          string // a directory
}

// startDemo starts a demo and returns when it is ready. It ends with the test.
func startDemo(t *testing.T, l launch) *demo {
	t.Helper()
	d := run(t, l)
	d.readAddresses()
	peer.Eventually(t, patience, func() error {
		if status, body := d.get("/ready"); status != http.StatusOK {
			return fmt.Errorf("/ready: %d %s", status, body)
		}
		return nil
	})
	return d
}

// run starts a demo and does not wait until it is ready, which it may never be.
func run(t *testing.T, l launch) *demo {
	t.Helper()
	args := append([]string{
		"demo", "--http", "127.0.0.1:0", "--smtp", "127.0.0.1:0",
		"--imap", "127.0.0.1:0", "--jmap", "127.0.0.1:0", "--pop3", "127.0.0.1:0",
		"--user", user, "--password", password, "--rate", strconv.Itoa(l.rate),
		"--duration", "15m", // ends even if the tests are killed
		"--drain", "0s", // nobody has to look away
	}, l.flags...)
	line := slices.Concat(l.within, []string{executable}, args)
	d := &demo{t: t, cmd: exec.Command(line[0], line[1:]...), ended: make(chan struct{})}
	d.cmd.Env = append(cleanEnv(), l.env...)
	d.cmd.Stdout, d.cmd.Stderr = &d.stdout, &d.stderr
	if l.stderr != nil {
		d.cmd.Stderr = l.stderr
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatalf("starting the demo: %v", err)
	}
	go func() {
		_ = d.cmd.Wait() // ProcessState has the same and more
		close(d.ended)
	}()
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("demo %q\nstandard output:\n%s\nstandard error:\n%.8000s", args, d.stdout.String(), d.stderr.String())
		}
	})
	return d
}

// cleanEnv is the environment without settings of telemetry.
func cleanEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "OTEL_") || strings.HasPrefix(variable, "RUSMES_")
	})
}

// readAddresses waits for the welcome and reads it.
func (d *demo) readAddresses() {
	d.t.Helper()
	peer.Eventually(d.t, patience, func() error {
		if strings.Contains(d.stdout.String(), "\nTry:") {
			return nil
		}
		if !d.running() {
			d.t.Fatalf("the demo did not start: %v", d.cmd.ProcessState)
		}
		return errors.New("the demo has not said where it listens")
	})
	for says, address := range map[string]*string{
		`SMTP `: &d.smtp, `SMTP over TLS `: &d.submissions, `the other domains `: &d.remote,
		`IMAP `: &d.imap, `JMAP +http://`: &d.jmap, `POP3 `: &d.pop3, `POP3 over TLS `: &d.pop3s,
		`metrics +http://`: &d.web, `queue `: &d.spool,
	} {
		found := regexp.MustCompile(`(?m)^  ` + says + ` *([^/\s][^/\s]*|/\S*)`).FindStringSubmatch(d.stdout.String())
		if found == nil {
			d.t.Fatalf("no %q in the welcome", says)
		}
		*address = found[1]
	}
}

func (d *demo) running() bool {
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

// stop ends the demo by SIGTERM, wants the exit status 0 and reads the summary.
func (d *demo) stop() summary {
	d.t.Helper()
	d.terminate()
	return d.farewell()
}

func (d *demo) terminate() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatalf("SIGTERM: %v: it had ended: %v", err, d.cmd.ProcessState)
	}
}

// farewell waits for the end of a demo that is stopping.
func (d *demo) farewell() summary {
	d.t.Helper()
	if status := d.wait(); status != 0 {
		d.t.Errorf("the demo ended with status %d, want 0", status)
	}
	return readSummary(d.t, d.stdout.String())
}

// wait waits for the end of a demo and returns its exit status.
func (d *demo) wait() int {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.t.Fatalf("the demo still runs after %v", patience)
	}
	return d.cmd.ProcessState.ExitCode()
}

// kill ends the demo as a power cut would; it does nothing if the demo has ended.
func (d *demo) kill() {
	_ = d.cmd.Process.Kill() // fails only when it has ended
	<-d.ended
}

// wantEmptyLog wants the demo to have logged nothing.
func (d *demo) wantEmptyLog() {
	d.t.Helper()
	var log strings.Builder
	for line := range strings.Lines(d.stderr.String()) {
		if !strings.Contains(line, "did not return in time") { // so it is on a busy machine, and the last value is shown
			log.WriteString(line)
		}
	}
	if log.Len() > 0 {
		d.t.Errorf("the demo's log is not empty:\n%s", log.String())
	}
}

// get asks the demo's web server. The status is 0 when it does not answer.
func (d *demo) get(path string, headers ...string) (status int, body string) {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, "http://"+d.web+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// output collects what a program prints; it can be read meanwhile.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
