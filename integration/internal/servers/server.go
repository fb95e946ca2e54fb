// Package servers runs mail servers that have loops of their own over their
// connections, written by others and observed: see peers/servers.
package servers

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail/internal/sessions"
	"github.com/rusmes/otelmail/otelmailtest"
)

// The servers. A test runs in the folder integration.
var (
	Inbucket = &Program{module: "github.com/inbucket/inbucket/v3", name: "inbucket", settings: func(certificate, key string) []string {
		return []string{
			"INBUCKET_SMTP_ADDR=127.0.0.1:0", "INBUCKET_POP3_ADDR=127.0.0.1:0", "INBUCKET_WEB_ADDR=127.0.0.1:0",
			"INBUCKET_SMTP_REJECTDOMAINS=" + Refused, "INBUCKET_SMTP_MAXMESSAGEBYTES=1000000",
			fmt.Sprintf("INBUCKET_SMTP_TLSENABLED=%t", certificate != ""), fmt.Sprintf("INBUCKET_POP3_TLSENABLED=%t", certificate != ""),
			"INBUCKET_SMTP_TLSCERT=" + certificate, "INBUCKET_SMTP_TLSPRIVKEY=" + key,
			"INBUCKET_POP3_TLSCERT=" + certificate, "INBUCKET_POP3_TLSPRIVKEY=" + key,
		}
	}}
	Mailpit = &Program{module: "github.com/axllent/mailpit", name: "mailpit", settings: func(certificate, key string) []string {
		return []string{
			"MP_SMTP_BIND_ADDR=127.0.0.1:0", "MP_POP3_BIND_ADDR=127.0.0.1:0", "MP_UI_BIND_ADDR=127.0.0.1:0",
			"MP_POP3_AUTH=" + User + ":" + Password, "MP_SMTP_AUTH=" + User + ":" + Password, "MP_SMTP_AUTH_ALLOW_INSECURE=true",
			"MP_MAX_MESSAGE_SIZE=1", "MP_SMTP_DISABLE_RDNS=true", "MP_QUIET=true", "MP_DISABLE_VERSION_CHECK=true",
			`MP_SMTP_ALLOWED_RECIPIENTS=@(?i:one|two)\.example$`,
			"MP_SMTP_TLS_CERT=" + certificate, "MP_SMTP_TLS_KEY=" + key,
		}
	}}
)

// Who may log in, and of what domains recipients may be.
const (
	User     = "user"
	Password = "secret"
	Refused  = "refused.example"
)

// Recipients are who mail is sent to.
var Recipients = []string{User + "@one.example", User + "@two.example"}

// Program is a server to build.
type Program struct {
	module, name string
	settings     func(certificate, key string) []string
	built        string
}

// Running is a server that runs.
type Running struct {
	Mode  sessions.Mode
	where map[string]string // address by protocol, and of the counts
}

// Build compiles the server for the tests within t.
func (p *Program) Build(t testing.TB) {
	t.Helper()
	built, err := build(t.Context(), p.module, p.name, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p.built = built
}

// Start runs the server, once built, until the test ends.
func (p *Program) Start(t testing.TB, mode sessions.Mode) *Running {
	t.Helper()
	dir := t.TempDir()
	certificate, key := SelfSigned(t, dir)
	command := exec.Command(p.built)
	command.Dir = dir
	switch mode {
	case sessions.Plaintext:
		command.Env = append(os.Environ(), p.settings("", "")...)
	case sessions.StartTLS:
		command.Env = append(os.Environ(), p.settings(certificate, key)...)
	case sessions.Implicit:
		command.Env = append(append(os.Environ(), p.settings("", "")...), "OTELMAIL_IMPLICIT="+certificate+","+key)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	command.Stderr = log
	stdin, err := command.StdinPipe() // it ends when this does
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	r := &Running{Mode: mode, where: map[string]string{}}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s wrote: %s", p.name, text)
		}
	})
	found := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if what, where, ok := strings.Cut(lines.Text(), " "); ok && len(r.where) < 3 {
				if r.where[what] = where; len(r.where) == 3 {
					close(found)
				}
			}
		}
	}()
	select {
	case <-found:
	case <-time.After(time.Minute):
		t.Fatalf("%s does not start", p.name)
	}
	return r
}

// Dial connects to the listener of a protocol, "smtp" or "pop3".
func (r *Running) Dial(protocol string) otelmailtest.Dial {
	return otelmailtest.DialTCP(r.where[protocol])
}

// Server is the server as one of a protocol. What it counts, its spans too, comes as numbers.
func (r *Running) Server(protocol string) otelmailtest.Server {
	var counts counts
	s := otelmailtest.Server{
		Metrics: func(context.Context) (string, error) { return counts.read("http://" + r.where["counts"]) },
		Spans:   func() []sdktrace.ReadOnlySpan { return counts.spans },
		User:    User, Password: Password, Recipients: Recipients, Refused: User + "@" + Refused,
		Pipelining: otelmailtest.PipeliningAlways, // they can, whatever they say
	}
	listener := map[string]*otelmailtest.Dial{"smtp": &s.SMTP, "pop3": &s.POP3}
	if r.Mode == sessions.Implicit {
		listener = map[string]*otelmailtest.Dial{"smtp": &s.SMTPS, "pop3": &s.POP3S}
	}
	*listener[protocol] = r.Dial(protocol)
	return s
}
