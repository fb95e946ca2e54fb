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
	"github.com/rusmes/otelmail/internal/sessions"
	"github.com/rusmes/otelmail/otelmailtest"
)

var (
	sessionSeed  = flag.Uint64("sessions.seed", 1, "of the first session")
	sessionCount = flag.Int("sessions", 25, "how many of each kind, for each server")
)

// TestServersOfOthers: what servers with loops of their own count is what happened,
// for clients of all kinds, wherever TLS begins.
func TestServersOfOthers(t *testing.T) {
	for name, program := range map[string]*servers.Program{"inbucket": servers.Inbucket, "mailpit": servers.Mailpit} {
		program.Build(t)
		for _, mode := range []sessions.Mode{sessions.Plaintext, sessions.StartTLS, sessions.Implicit} {
			for _, protocol := range []string{"smtp", "pop3"} {
				t.Run(fmt.Sprintf("%s/%s/%s", name, protocol, mode), func(t *testing.T) {
					running := program.Start(t, mode)
					deliver(t, running.Dial("smtp"), mode == sessions.Implicit, servers.User, servers.Password, servers.Recipients[0])
					conform(t, running.Server(protocol))
				})
			}
		}
	}
}

// conform tests a server with as many sessions as the flags ask for.
func conform(t *testing.T, server otelmailtest.Server) {
	t.Helper()
	server.Seed, server.Sessions = *sessionSeed, *sessionCount
	otelmailtest.Conformance(t, server)
}

// deliver fills a mailbox, with messages whose ends are hard to find.
func deliver(t *testing.T, dial otelmailtest.Dial, implicit bool, user, password, to string) {
	t.Helper()
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if implicit {
		conn = tls.Client(conn, unverified)
	}
	client, err := smtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Auth(smtp.PlainAuth("", user, password, "127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"text\r\n", ".\r\n..\r\n.text\r\n", "+OK\r\n-ERR\r\n.", "", strings.Repeat(strings.Repeat("x", 997)+"\r\n", 300)} {
		if err := deliverOne(client, to, "Subject: x\r\n\r\n"+body); err != nil {
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
