package otelsmtp_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

// seen is a span that has ended.
type seen struct {
	t testing.TB
	sdktrace.ReadOnlySpan
}

// span waits for the one span of that name.
func (w *world) span(name string) seen {
	w.t.Helper()
	var found []sdktrace.ReadOnlySpan
	within(func() bool {
		found = nil
		for _, s := range w.spans.Ended() {
			if s.Name() == name {
				found = append(found, s)
			}
		}
		return len(found) > 0
	})
	if len(found) != 1 {
		w.t.Fatalf("%d spans %q in %v, want 1", len(found), name, w.spanNames())
	}
	return seen{w.t, found[0]}
}

func (w *world) spanNames() (names []string) {
	for _, s := range w.spans.Ended() {
		names = append(names, s.Name())
	}
	return names
}

// attr compares an attribute; nil means that it must not be there.
func (s seen) attr(key string, want any) seen {
	s.t.Helper()
	var got any
	for _, kv := range s.Attributes() {
		if kv.Key == attribute.Key(key) {
			got = kv.Value.AsInterface()
		}
	}
	if n, ok := want.(int); ok {
		want = int64(n)
	}
	if got != want {
		s.t.Errorf("%s: %s is %v, want %v", s.Name(), key, got, want)
	}
	return s
}

func TestSpans(t *testing.T) {
	b := logins()
	b.rcpt = unknownUser
	b.data = func(c *gosmtp.Conn, r io.Reader) error {
		_, span := trace.SpanFromContext(otelsmtp.Context(c)).TracerProvider().Tracer("app").Start(otelsmtp.Context(c), "enqueue")
		defer span.End()
		_, err := io.Copy(io.Discard, r)
		return err
	}
	w := start(t, b, setting{
		tel: []otelmail.NewOption{otelmail.WithPrivacy(otelmail.PrivacyFull)},
		opts: []otelsmtp.Option{otelsmtp.WithRole(otelmail.RoleSubmission), otelsmtp.WithUser(func(s gosmtp.Session) string {
			if _, ok := s.(interface{ AuthMechanisms() []string }); !ok {
				t.Errorf("WithUser was given a %T", s)
			}
			return "alice"
		})},
	})
	c := w.dial().greet().say("AUTH LOGIN", "334").say(encode("secret"), "235")
	c.say("MAIL FROM:<alice@sender.example>", "250").say("RCPT TO:<nobody@example.org>", "550")
	c.say("RSET", "250").say("QUIT", "221")
	w.expect(counts{"smtp_connections_total": 1, "tls_sessions_total/no": 1, "sessions ended": 1,
		"smtp_auth_success_total": 1, "smtp_errors_total": 1})

	session := w.span("SMTP session").attr("smtp.role", "submission").attr("network.protocol.name", "smtp")
	if session.SpanKind() != trace.SpanKindInternal || session.Parent().IsValid() || session.Status().Code == codes.Error {
		t.Errorf("session: kind %v, parent %v, status %v", session.SpanKind(), session.Parent(), session.Status())
	}
	ehlo := w.span("SMTP EHLO").attr("smtp.helo", "client.example.net").attr("smtp.response.status_code", 250)
	auth := w.span("SMTP AUTH").attr("smtp.auth.mechanism", "LOGIN").attr("smtp.response.status_code", 235).attr("user.id", "alice")
	mail := w.span("SMTP MAIL").attr("smtp.response.enhanced_code", "2.0.0").attr("error.type", nil)
	rcpt := w.span("SMTP RCPT").attr("error.type", "5.1.1").attr("smtp.response.status_code", 550).attr("smtp.response.text", "No such user")
	if rcpt.Status().Code != codes.Error || rcpt.Status().Description != "" {
		t.Errorf("RCPT: status %v", rcpt.Status())
	}
	for _, s := range []seen{ehlo, auth, mail, rcpt} {
		if s.Parent().SpanID() != session.SpanContext().SpanID() || s.SpanKind() != trace.SpanKindServer {
			t.Errorf("%s: parent %v, kind %v", s.Name(), s.Parent().SpanID(), s.SpanKind())
		}
	}
	want := []string{"SMTP EHLO", "SMTP AUTH", "SMTP MAIL", "SMTP RCPT", "SMTP RSET", "SMTP QUIT", "SMTP session"}
	if got := w.spanNames(); !slices.Equal(got, want) {
		t.Errorf("spans %v, want %v", got, want)
	}

	c = w.dial().greet().say(transaction, "250", "250").say("DATA", "354").say("hi\r\n.", "250").say("QUIT", "221")
	c.closed()
	data := w.span("SMTP DATA").attr("smtp.recipient.count", 1)
	if p := w.span("enqueue").Parent(); p.SpanID() != data.SpanContext().SpanID() {
		t.Errorf("enqueue has parent %v, want DATA", p.SpanID())
	}
}

// TestContext: the right context everywhere, and no deadlock where go-smtp holds
// its lock.
func TestContext(t *testing.T) {
	var got []string
	note := func(c *gosmtp.Conn) {
		span, ok := trace.SpanFromContext(otelsmtp.Context(c)).(sdktrace.ReadOnlySpan)
		if !ok {
			t.Error("no span in the context")
			return
		}
		got = append(got, strings.TrimPrefix(span.Name(), "SMTP "))
	}
	ended := make(chan struct{})
	b := &notes{note: note, ended: ended}
	w := start(t, &script{}, setting{server: func(s *gosmtp.Server) { s.Backend = b }})
	c := w.dial().greet().say("AUTH LOGIN", "334").say(encode("secret"), "235")
	c.say(transaction, "250", "250").say("DATA", "354").say("hi\r\n.", "250")
	c.say(transaction, "250", "250").chunk("hi\r\n", "250").say("BDAT 0 LAST", "250").say("QUIT", "221")
	c.closed()
	<-ended
	want := []string{"EHLO", "AUTH", "AUTH", "AUTH", "MAIL", "RCPT", "DATA", "session", "MAIL", "RCPT", "BDAT", "BDAT", "session", "session"}
	if !slices.Equal(got, want) {
		t.Errorf("contexts of %v\nwant        %v", got, want)
	}

	for name, foreign := range map[string]*gosmtp.Conn{"nil": nil, "empty": {}} {
		if otelsmtp.Context(foreign) != context.Background() {
			t.Errorf("the context of a Conn that is %s is not Background", name)
		}
	}
}

// notes looks at the context in every method.
type notes struct {
	note  func(*gosmtp.Conn)
	ended chan struct{}
	c     *gosmtp.Conn
}

func (n *notes) NewSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	n.note(c)
	return &notes{note: n.note, ended: n.ended, c: c}, nil
}
func (n *notes) Mail(string, *gosmtp.MailOptions) error { n.note(n.c); return nil }
func (n *notes) Rcpt(string, *gosmtp.RcptOptions) error { n.note(n.c); return nil }
func (n *notes) Reset()                                 { n.note(n.c) }
func (n *notes) Logout() error                          { n.note(n.c); close(n.ended); return nil }
func (n *notes) AuthMechanisms() []string               { return []string{sasl.Login} }
func (n *notes) Auth(string) (sasl.Server, error) {
	n.note(n.c)
	return &notedLogin{n: n}, nil
}
func (n *notes) Data(r io.Reader) error {
	n.note(n.c)
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	span, ok := trace.SpanFromContext(otelsmtp.Context(n.c)).(sdktrace.ReadOnlySpan)
	if ok && span.Name() == "SMTP BDAT" { // still the same, a chunk later
		n.note(n.c)
	}
	return nil
}

type notedLogin struct {
	n *notes
	login
}

func (l *notedLogin) Next(response []byte) ([]byte, bool, error) {
	l.n.note(l.n.c)
	return l.login.Next(response)
}
