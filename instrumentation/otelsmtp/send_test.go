package otelsmtp_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

// picky refuses what its addresses ask for.
type picky struct{}

func (picky) Reset()        {}
func (picky) Logout() error { return nil }
func (picky) Mail(from string, _ *smtp.MailOptions) error {
	return refusal(from)
}
func (picky) Rcpt(to string, _ *smtp.RcptOptions) error { return refusal(to) }
func (picky) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return refusal(string(text))
}

func refusal(s string) error {
	switch {
	case strings.Contains(s, "reject"):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no"}
	case strings.Contains(s, "defer"):
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.NoEnhancedCode, Message: "later"}
	}
	return nil
}

func TestSend(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return picky{}, nil }))
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	for _, tc := range []struct {
		name, from, text string
		to               []string
		outcome          otelmail.Outcome
		code             int
		refused          int
	}{
		{"delivered", "a@a.example", "text", []string{"b@b.example"}, otelmail.OutcomeDelivered, 250, 0},
		{"one of two refused", "a@a.example", "text", []string{"reject@b.example", "b@b.example"}, otelmail.OutcomeDelivered, 250, 1},
		{"all refused, some for now", "a@a.example", "text", []string{"defer@b.example", "reject@b.example"}, otelmail.OutcomeDeferred, 451, 2},
		{"all refused, the last for now", "a@a.example", "text", []string{"reject@b.example", "defer@b.example"}, otelmail.OutcomeDeferred, 451, 2},
		{"all refused for good", "a@a.example", "text", []string{"reject@b.example", "reject@c.example"}, otelmail.OutcomeFailed, 550, 2},
		{"deferred", "a@a.example", "text", []string{"defer@b.example"}, otelmail.OutcomeDeferred, 451, 1},
		{"sender refused", "reject@a.example", "text", []string{"b@b.example"}, otelmail.OutcomeFailed, 550, 0},
		{"text refused", "a@a.example", "reject this", []string{"b@b.example"}, otelmail.OutcomeFailed, 550, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tel := otelmail.Noop()
			d := tel.Delivery.Attempt(t.Context(), otelmail.Attempt{})
			c, err := smtp.Dial(l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			reply, refused := otelsmtp.Send(d, c, tc.from, tc.to, strings.NewReader(tc.text))
			outcome := d.End(reply)
			if outcome != tc.outcome || reply.Code != tc.code || len(refused) != tc.refused {
				t.Errorf("%v with %+v, %d refused; want %v with %d, %d refused", outcome, reply, len(refused), tc.outcome, tc.code, tc.refused)
			}
		})
	}
}

func TestClientReply(t *testing.T) {
	if r := otelsmtp.ClientReply(errors.New("bob@example.org")); r.Cause != otelmail.CauseOther || r.Code != 0 {
		t.Errorf("got %+v", r)
	}
	_, err := smtp.Dial("127.0.0.1:1")
	if r := otelsmtp.ClientReply(err); r.Cause != otelmail.CauseRefused {
		t.Errorf("a refused connection became %+v", r)
	}
	if r := otelsmtp.ClientReply(refusal("defer")); r.Enhanced != (otelmail.EnhancedCode{}) || r.Code != 451 {
		t.Errorf("a reply without enhanced code became %+v", r)
	}
}
