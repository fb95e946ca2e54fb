package integration

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/smtp"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/servers"
	"github.com/rusmes/otelmail/integration/internal/sessions"
)

var (
	sessionSeed  = flag.Uint64("sessions.seed", 1, "of the first session")
	sessionCount = flag.Int("sessions", 200, "how many of each kind, for each server")
)

// TestServersOfOthers: what servers with loops of their own count is what happened,
// for clients of all kinds, wherever TLS begins.
func TestServersOfOthers(t *testing.T) {
	programs := map[string]*servers.Program{"inbucket": servers.Inbucket, "mailpit": servers.Mailpit}
	protocols := map[string]sessions.Protocol{"smtp": sessions.SMTP, "pop3": sessions.POP3}
	for name, program := range programs {
		program.Build(t)
		for _, mode := range []sessions.Mode{sessions.Plaintext, sessions.StartTLS, sessions.Implicit} {
			for protocol, p := range protocols {
				if name == "mailpit" && protocol == "pop3" && mode == sessions.StartTLS {
					continue // it has no STLS
				}
				t.Run(fmt.Sprintf("%s/%s/%s", name, protocol, mode), func(t *testing.T) {
					checkSessions(t, program.Start(t, mode), protocol, p)
				})
			}
		}
	}
}

func checkSessions(t *testing.T, running *servers.Running, name string, protocol sessions.Protocol) {
	deliver(t, running.Server(sessions.SMTP, "smtp"))
	checkServer(t, running.Server(protocol, name))
}

func checkServer(t *testing.T, server *sessions.Server) {
	t.Helper()
	one, err := sessions.Check(server, *sessionSeed, *sessionCount)
	show(t, one, err)
	cuts, err := sessions.CheckCuts(server, *sessionSeed)
	show(t, cuts, err)
	wrong, err := sessions.CheckTogether(server, *sessionSeed, *sessionCount, 8)
	if err != nil || len(wrong) > 0 {
		t.Errorf("together: %q, %v", wrong, err)
	}
	t.Logf("%d sessions, %d of them unknown", one.Sessions+cuts.Sessions+*sessionCount, one.Unknown+cuts.Unknown)
}

// TestOwnAdapters: the same of the libraries that we have adapters for.
func TestOwnAdapters(t *testing.T) {
	for name, start := range map[string]func(testing.TB, sessions.Mode) *sessions.Server{
		"go-smtp": servers.GoSMTP, "go-imap": servers.GoIMAP, "go-imap-v1": servers.GoIMAPv1,
	} {
		for _, mode := range []sessions.Mode{sessions.Plaintext, sessions.StartTLS, sessions.Implicit} {
			t.Run(fmt.Sprintf("%s/%s", name, mode), func(t *testing.T) { checkServer(t, start(t, mode)) })
		}
	}
}

func show(t *testing.T, r sessions.Report, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	for i, w := range r.Wrong {
		if i == 5 {
			t.Errorf("and %d more", len(r.Wrong)-i)
			return
		}
		t.Error(w)
	}
}

// deliver fills a mailbox, with messages whose ends are hard to find.
func deliver(t *testing.T, server *sessions.Server) {
	t.Helper()
	conn, err := server.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if server.Mode == sessions.Implicit {
		conn = tls.Client(conn, server.TLS)
	}
	client, err := smtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Auth(smtp.PlainAuth("", server.User, server.Password, "127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"text\r\n", ".\r\n..\r\n.text\r\n", "+OK\r\n-ERR\r\n.", "", strings.Repeat(strings.Repeat("x", 997)+"\r\n", 300)} {
		if err := deliverOne(client, server.User+"@"+server.Domains[0], "Subject: x\r\n\r\n"+body); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Quit(); err != nil {
		t.Fatal(err)
	}
}

func deliverOne(client *smtp.Client, to, text string) error {
	if err := errors.Join(client.Mail("a@sender.example"), client.Rcpt(to)); err != nil {
		return err
	}
	data, err := client.Data()
	if err != nil {
		return err
	}
	_, err = io.WriteString(data, text)
	return errors.Join(err, data.Close())
}
