package servers

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"strings"
	"testing"
	"time"

	imapv1 "github.com/emersion/go-imap"
	"github.com/emersion/go-imap/backend"
	"github.com/emersion/go-imap/backend/memory"
	"github.com/emersion/go-imap/server"
	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
	"github.com/rusmes/otelmail/instrumentation/otelimapv1"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
	"github.com/rusmes/otelmail/integration/internal/sessions"
	"github.com/rusmes/otelmail/internal/counted"
)

var quiet = log.New(io.Discard, "", 0)

// own is a server of this process. serve is given the listener, and the TLS to begin
// where a client asks for it, nil for none; it returns what ends it.
func own(t testing.TB, protocol sessions.Protocol, mode sessions.Mode, serve func(*counted.Telemetry, net.Listener, *tls.Config) io.Closer) *sessions.Server {
	t.Helper()
	tel, err := counted.New()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(SelfSigned(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	secure := &tls.Config{Certificates: []tls.Certificate{pair}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	switch mode {
	case sessions.Plaintext:
		secure = nil
	case sessions.Implicit:
		l, secure = tls.NewListener(l, secure), nil
	}
	server := serve(tel, l, secure)
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
	return &sessions.Server{
		Protocol: protocol, Mode: mode, User: User, Password: Password, Domains: []string{"one.example", "two.example", Refused},
		TLS:    &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // of a server in this process
		Dial:   func() (net.Conn, error) { return net.Dial("tcp", address) },
		Counts: func() (sessions.Counts, error) { return tel.Counts(t.Context()) },
	}
}

// GoSMTP is a server of go-smtp's, recorded by otelsmtp.
func GoSMTP(t testing.TB, mode sessions.Mode) *sessions.Server {
	t.Helper()
	return own(t, sessions.SMTP, mode, func(tel *counted.Telemetry, l net.Listener, secure *tls.Config) io.Closer {
		s := Recorded(tel.Telemetry, secure)
		go func() { _ = s.Serve(l) }()
		return s
	})
}

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

// GoIMAP is a server of go-imap's second version, recorded by otelimap. Each session has
// a store of its own.
func GoIMAP(t testing.TB, mode sessions.Mode) *sessions.Server {
	t.Helper()
	return own(t, sessions.IMAP, mode, func(tel *counted.Telemetry, l net.Listener, secure *tls.Config) io.Closer {
		s := otelimap.NewServer(tel.Telemetry, &imapserver.Options{
			NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
				user := imapmemserver.NewUser(User, Password)
				if err := user.Create("INBOX", nil); err != nil {
					return nil, nil, err
				}
				store := imapmemserver.New()
				store.AddUser(user)
				return idler{store.NewSession().(imapserver.SessionIMAP4rev2)}, nil, nil
			},
			Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}},
			InsecureAuth: true, TLSConfig: secure, Logger: quiet,
		})
		go func() { _ = s.Serve(l) }()
		return s
	})
}

// idler is a session that reports nothing in IDLE: imapserver goes on while Idle is still
// at work, if the client does not end it by DONE, and imapmemserver is not made for that.
type idler struct{ imapserver.SessionIMAP4rev2 }

func (idler) Idle(_ *imapserver.UpdateWriter, stop <-chan struct{}) error {
	<-stop
	return nil
}

// GoIMAPv1 is a server of go-imap's first version, recorded by otelimapv1. Each login
// has a store of its own: memory's is for one goroutine.
func GoIMAPv1(t testing.TB, mode sessions.Mode) *sessions.Server {
	t.Helper()
	return own(t, sessions.IMAP, mode, func(tel *counted.Telemetry, l net.Listener, secure *tls.Config) io.Closer {
		s := server.New(stores{})
		s.AllowInsecureAuth, s.TLSConfig, s.ErrorLog = true, secure, quiet
		s.Enable(otelimapv1.Extension(tel.Telemetry))
		go func() { _ = s.Serve(l) }()
		return s
	})
}

type stores struct{}

func (stores) Login(info *imapv1.ConnInfo, name, password string) (backend.User, error) {
	if name != User || password != Password {
		return nil, backend.ErrInvalidCredentials
	}
	return memory.New().Login(info, "username", "password")
}
