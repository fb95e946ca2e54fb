package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// remoteHost is the name of the second server.
const remoteHost = "mx.remote.example"

// remote is the rest of the world: a second SMTP server that serves every
// domain but ours. It carries no telemetry: it is not our server. The local
// part of a recipient says how it answers:
//
//	reject…        550 5.1.1, always
//	defer…         451 4.3.0 the first two times: greylisting
//	always-defer…  451 4.3.0, always
//
// and everything else is taken and thrown away. At a second address it offers STARTTLS and
// has no certificate, as servers that nobody looks after do.
type remote struct {
	certificate            *tls.Config
	log                    *slog.Logger
	serving, broken        *serving
	address, brokenAddress string // host:port

	mu    sync.Mutex
	tries map[string]int       // of recipients that are deferred
	taken func(message []byte) // is shown every message; may be nil
}

// startRemote has the second server listen on a free port.
func startRemote(certificate *tls.Config, log *slog.Logger) (*remote, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the second server: %w", err)
	}
	broken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server without a certificate: %w", err), l.Close())
	}
	r := &remote{certificate: certificate, log: log, address: l.Addr().String(), brokenAddress: broken.Addr().String(), tries: map[string]int{}}
	r.serving = r.serve(remoteHost, l, certificate)
	r.broken = r.serve(brokenHost, broken, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return nil, errors.New("no certificate")
	}})
	return r, nil
}

// close has the second server refuse connections, until open.
func (r *remote) close(ctx context.Context) { r.serving.stop(ctx) }

func (r *remote) open() error {
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		return fmt.Errorf("the second server: %w", err)
	}
	r.serving = r.serve(remoteHost, l, r.certificate)
	return nil
}

func (r *remote) serve(name string, l net.Listener, certificate *tls.Config) *serving {
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &remoteSession{remote: r}, nil
	}))
	server.Domain = name
	server.TLSConfig = certificate
	server.ReadTimeout = time.Minute
	s := newServing(nil, server, r.log)
	s.serve(l)
	return s
}

// judge is the reply for a recipient; nil takes it.
func (r *remote) judge(recipient string) error {
	later := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Try again later"}
	local := localPartOf(recipient)
	switch {
	case strings.HasPrefix(local, "reject"):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user here"}
	case strings.HasPrefix(local, "always-defer"):
		return later
	case strings.HasPrefix(local, "defer"):
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.tries[recipient]++; r.tries[recipient] <= 2 {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Greylisted, try again later"}
		}
		delete(r.tries, recipient)
	}
	return nil
}

// watch has every message from now on shown to taken.
func (r *remote) watch(taken func(message []byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = taken
}

func (r *remote) take(message []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken != nil {
		r.taken(message)
	}
}

// remoteSession implements [smtp.Session].
type remoteSession struct{ remote *remote }

func (s *remoteSession) Reset()                                    {}
func (s *remoteSession) Logout() error                             { return nil }
func (s *remoteSession) Mail(string, *smtp.MailOptions) error      { return nil }
func (s *remoteSession) Rcpt(to string, _ *smtp.RcptOptions) error { return s.remote.judge(to) }

func (s *remoteSession) Data(r io.Reader) error {
	message, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.remote.take(message)
	return nil
}
