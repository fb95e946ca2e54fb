package servers

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

var quiet = log.New(io.Discard, "", 0)

// Recorded is a server of go-smtp's, recorded by otelsmtp, that has to be served. secure is the
// TLS to begin where a client asks for it, nil for none.
func Recorded(tel *otelmail.Telemetry, secure *tls.Config) *otelsmtp.Server {
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mail{}, nil }))
	server.TLSConfig, server.AllowInsecureAuth, server.ErrorLog = secure, true, quiet
	server.MaxMessageBytes, server.MaxRecipients, server.MaxLineLength = 1_000_000, 3, 100_000
	server.ReadTimeout, server.WriteTimeout = time.Minute, time.Minute
	return otelsmtp.NewServer(tel, server)
}

// mail is a session of go-smtp's. Recipients of a domain that is not ours are refused,
// and messages that have no header.
type mail struct{}

func (*mail) Reset()                               {}
func (*mail) Logout() error                        { return nil }
func (*mail) Mail(string, *smtp.MailOptions) error { return nil }
func (*mail) AuthMechanisms() []string             { return []string{sasl.Plain, sasl.Login} }
func (*mail) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasSuffix(strings.ToLower(to), "@"+Refused) {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user"}
	}
	return nil
}

func (*mail) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err == nil && strings.HasPrefix(string(text), "no header") {
		return errors.New("no header")
	}
	return err
}

func (*mail) Auth(mechanism string) (sasl.Server, error) {
	check := func(_, name, password string) error {
		if name != User || password != Password {
			return smtp.ErrAuthFailed
		}
		return nil
	}
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(check), nil
	case sasl.Login:
		return &login{check: check}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// login is the server's side of LOGIN, which go-sasl has no more.
type login struct {
	check func(identity, name, password string) error
	step  int
	name  string
}

func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	switch l.step++; l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.name = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check("", l.name, string(response))
}
