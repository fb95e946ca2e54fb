package otelsmtp_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
	"github.com/rusmes/otelmail/otelmailtest"
)

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
		tel: []otelmail.StartOption{otelmail.WithPrivacy(otelmail.PrivacyFull)},
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
	w.expect(ended(counts{"rusmes_smtp_auth_success_total": 1, "rusmes_smtp_errors_total": 1}))

	w.Span("SMTP session").Has(otelmailtest.Attributes{"smtp.role": "submission", "network.protocol.name": "smtp"})
	w.Span("SMTP EHLO").Has(otelmailtest.Attributes{"smtp.helo": "client.example.net", "smtp.response.status_code": 250})
	w.Span("SMTP AUTH").Has(otelmailtest.Attributes{"smtp.auth.mechanism": "LOGIN", "smtp.response.status_code": 235, "user.id": "alice"})
	w.Span("SMTP MAIL").Has(otelmailtest.Attributes{"smtp.response.enhanced_code": "2.0.0", "error.type": nil})
	w.Span("SMTP RCPT").Has(otelmailtest.Attributes{"error.type": "5.1.1", "smtp.response.status_code": 550, "smtp.response.text": "No such user"})
	w.Tree(`
		SMTP session [internal]
		  SMTP EHLO [server]
		  SMTP AUTH [server]
		  SMTP MAIL [server]
		  SMTP RCPT [server, error 5.1.1]
		  SMTP RSET [server]
		  SMTP QUIT [server]`)

	w.Mark()
	c = w.dial().greet().say(transaction, "250", "250").say("DATA", "354").say("hi\r\n.", "250").say("QUIT", "221")
	c.closed()
	w.Tree(`
		SMTP session
		  SMTP EHLO
		  SMTP MAIL
		  SMTP RCPT
		  SMTP DATA
		    enqueue [internal]
		  SMTP QUIT`)
	w.Span("SMTP DATA").Has(otelmailtest.Attributes{"smtp.recipient.count": 1})
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
