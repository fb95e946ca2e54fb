package otelmail_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/mailconv"
)

// listing starts a Telemetry with an exporter that lists the open sessions.
func listing(t *testing.T, opts ...otelmail.StartOption) (*otelmail.Telemetry, func(protocol string, most int) []export.Session) {
	t.Helper()
	var list func(string, int) []export.Session
	tel, _ := start(t, append(opts, otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		list = p.Sessions()
		return nil
	})))...)
	return tel, list
}

// listedAs is a session as "smtp RCPT 1.3 192.0.2.0 hash", without what is not known.
func listedAs(s export.Session) string {
	about := attribute.NewSet(s.About...)
	var all []string
	for _, key := range []attribute.Key{"network.protocol.name", "tls.protocol.version", "client.address", "user.id"} {
		if v, ok := about.Value(key); ok {
			all = append(all, v.AsString())
		}
	}
	if s.Command != "" {
		all = append(all, "asks "+s.Command)
	}
	return strings.Join(all, " ")
}

// TestOpenSessions follows what is listed of sessions from their begin to their end.
func TestOpenSessions(t *testing.T) {
	tel, list := listing(t, otelmail.WithPrivacy(otelmail.PrivacyFull))
	remote := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1234}
	want := func(protocol string, most int, want ...string) {
		t.Helper()
		var got []string
		for _, s := range list(protocol, most) {
			if time.Since(s.Begun) > time.Minute || (s.Command != "") != (!s.Asked.IsZero()) || s.Command != "" && s.Asked.Before(s.Begun.Add(-time.Millisecond)) {
				t.Errorf("%s: begun %v, asked %v", listedAs(s), s.Begun, s.Asked)
			}
			got = append(got, listedAs(s))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("listed:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	want("", 10)

	smtp := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{Remote: remote})
	lmtp := tel.SMTP.Session(t.Context(), otelmail.RoleLMTP, otelmail.Conn{})
	imap := tel.IMAP.Session(t.Context(), otelmail.Conn{TLS: &tls.ConnectionState{Version: tls.VersionTLS13}})
	pop3 := tel.POP3.Session(t.Context(), otelmail.Conn{})
	jmap := tel.JMAP.Connect(otelmail.Conn{Remote: remote})
	want("", 10, "smtp 192.0.2.7", "lmtp", "imap 1.3", "pop3", "jmap 192.0.2.7")
	want("", 2, "smtp 192.0.2.7", "lmtp")
	want("imap", 2, "imap 1.3")
	want("", -1)

	// A handshake, a login, and commands of which each is over with its answer.
	smtp.TLS(tls.ConnectionState{Version: tls.VersionTLS12, HandshakeComplete: true})
	auth := smtp.Command(mailconv.SMTPAuth)
	auth.Note(otelmail.SMTPFacts{User: "joe@example.org"})
	want("smtp", 1, "smtp 1.2 192.0.2.7 joe@example.org asks AUTH")
	auth.End(otelmail.Reply{Code: 235})
	want("smtp", 1, "smtp 1.2 192.0.2.7 joe@example.org")
	data := smtp.Command(mailconv.SMTPData)
	want("smtp", 1, "smtp 1.2 192.0.2.7 joe@example.org asks DATA")
	data.EndMessage(otelmail.Reply{Code: 250}, "a@example.org")
	want("smtp", 1, "smtp 1.2 192.0.2.7 joe@example.org")
	smtp.Command(mailconv.SMTPRset).Abandon()
	want("smtp", 1, "smtp 1.2 192.0.2.7 joe@example.org")

	// Of two in parallel the last is told, until it has its answer.
	idle := imap.Command(mailconv.IMAPFetch)
	time.Sleep(time.Millisecond)
	store := imap.Command(mailconv.IMAPStore)
	want("imap", 1, "imap 1.3 asks STORE")
	idle.End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
	want("imap", 1, "imap 1.3 asks STORE")
	store.Abandon()
	want("imap", 1, "imap 1.3")
	retr := pop3.Command(mailconv.POP3Retr)
	want("pop3", 1, "pop3 asks RETR")
	retr.End(otelmail.POP3Reply{OK: true})
	want("pop3", 1, "pop3")

	lmtp.End(otelmail.CauseNone)
	imap.End(otelmail.CauseReset)
	jmap.Close()
	want("", 10, "smtp 1.2 192.0.2.7 joe@example.org", "pop3")
	smtp.End(otelmail.CauseNone)
	pop3.End(otelmail.CauseNone)
	want("", 10)
}

// TestOpenSessionsArePrivate: what is listed obeys the privacy policy.
func TestOpenSessionsArePrivate(t *testing.T) {
	tel, list := listing(t, otelmail.WithPrivacy(otelmail.PrivacyHash))
	s := tel.SMTP.Session(t.Context(), otelmail.RoleSubmission, otelmail.Conn{Remote: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7)}})
	s.Command(mailconv.SMTPAuth).Note(otelmail.SMTPFacts{User: "joe@example.org"})
	all := list("", 1)
	if len(all) != 1 || listedAs(all[0]) != "smtp asks AUTH" {
		t.Fatalf("listed: %v", all)
	}
	about := attribute.NewSet(all[0].About...)
	if hash, _ := about.Value("user.hash"); len(hash.AsString()) != 16 {
		t.Errorf("the hash of the user is %q", hash.AsString())
	}
}

// TestOpenSessionsAtOnce has sessions come, ask and go while they are listed.
func TestOpenSessionsAtOnce(t *testing.T) {
	tel, list := listing(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				s := tel.IMAP.Session(t.Context(), otelmail.Conn{})
				c := s.Command(mailconv.IMAPLogin)
				c.Note(otelmail.IMAPFacts{User: "joe@example.org"})
				s.TLS(tls.ConnectionState{Version: tls.VersionTLS13})
				list("", 100)
				c.End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
				s.End(otelmail.CauseNone)
			}
		})
	}
	wg.Wait()
	if left := list("", 100); len(left) != 0 {
		t.Errorf("still listed: %v", left)
	}
}
