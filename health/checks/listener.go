package checks

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"
)

// TCP returns a check that something accepts connections at the address, and with [ImplicitTLS]
// that it has the right certificate. To a mail server it is a client that leaves without a
// word: ask it with [SMTP], [IMAP] or [POP3].
//
// An address is host:port or, with a "/" at its beginning, the path of a Unix socket. A
// host that is empty, 0.0.0.0 or [::] is this machine.
func TCP(address string, opts ...ListenerOption) func(context.Context) error {
	return newListener(tcp, address, opts)
}

// SMTP returns a check that a server of SMTP, submission or LMTP greets with 220, and QUIT
// afterwards. A server that greets with 421 or 554 is not healthy. For the address see [TCP].
func SMTP(address string, opts ...ListenerOption) func(context.Context) error {
	return newListener(smtp, address, opts)
}

// IMAP returns a check that a server of IMAP greets with OK or PREAUTH, and LOGOUT
// afterwards. For the address see [TCP].
func IMAP(address string, opts ...ListenerOption) func(context.Context) error {
	return newListener(imap, address, opts)
}

// POP3 returns a check that a server of POP3 greets with +OK, and QUIT afterwards. For the
// address see [TCP].
func POP3(address string, opts ...ListenerOption) func(context.Context) error {
	return newListener(pop3, address, opts)
}

// A ListenerOption says what a listener's check asks besides. Options come from this package
// only.
type ListenerOption func(*security)

// ImplicitTLS wants the listener to begin with TLS, and to have a certificate for name, a
// host or an IP address, that is trusted and valid for at least the given time from now. The
// session goes on over a certificate that is none of that, and ends in order, before
// the check fails: it is no failed handshake in the server's counters.
func ImplicitTLS(name string, validFor time.Duration) ListenerOption {
	return func(s *security) { s.mode, s.name, s.validFor = implicitTLS, name, validFor }
}

// StartTLS is [ImplicitTLS] for a listener that begins in plaintext, after STARTTLS or STLS.
func StartTLS(name string, validFor time.Duration) ListenerOption {
	return func(s *security) { s.mode, s.name, s.validFor = startTLS, name, validFor }
}

// Roots are the certificates that a listener's own must be signed by. Default: those that the
// system trusts.
func Roots(pool *x509.CertPool) ListenerOption {
	return func(s *security) { s.roots = pool }
}

// security is what TLS has to be like.
type security struct {
	mode     tlsMode
	name     string
	validFor time.Duration
	roots    *x509.CertPool
}

type tlsMode uint8

const (
	plaintext tlsMode = iota
	implicitTLS
	startTLS
)

func (s *security) valid(p protocol) error {
	switch {
	case s.mode == plaintext && s.roots != nil:
		return errors.New("Roots: nothing is asked of TLS: must stand beside ImplicitTLS or StartTLS")
	case s.mode == startTLS && p.startTLS == nil:
		return fmt.Errorf("StartTLS: %s has none: must be ImplicitTLS", p.name)
	case s.mode != plaintext && s.name == "":
		return errors.New("name of the certificate is empty: must be that of a host")
	case s.validFor < 0:
		return fmt.Errorf("valid for %v: must be at least 0", s.validFor)
	}
	return nil
}

// verify judges the certificate that a server has presented.
func (s *security) verify(state tls.ConnectionState) error {
	leaf := state.PeerCertificates[0] // a handshake without one fails
	others := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		others.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: s.name, Roots: s.roots, Intermediates: others}); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	if err := lasts(leaf.NotAfter, s.validFor); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	return nil
}

func newListener(p protocol, address string, opts []ListenerOption) func(context.Context) error {
	var s security
	for _, o := range opts {
		if o != nil {
			o(&s)
		}
	}
	return func(ctx context.Context) error {
		err := s.valid(p)
		if err == nil {
			err = s.ask(ctx, p, address)
		}
		if err != nil {
			return fmt.Errorf("health: %s %s: %w", p.name, address, err)
		}
		return nil
	}
}

// open begins a session: TLS, the greeting, TLS after the greeting. A certificate that is
// not good ends it, in order, before a password or a mail is sent; so does a password that
// would be sent in plaintext to another machine.
func (s *security) open(ctx context.Context, d *dialogue, p protocol, password bool) error {
	wrong, err := s.begin(ctx, d, p)
	if err != nil {
		return err
	}
	if to, ok := d.conn.RemoteAddr().(*net.TCPAddr); password && s.mode == plaintext && ok && !to.IP.IsLoopback() {
		wrong = errors.New("log in: a password in plaintext to another machine: must be inside TLS")
	}
	if wrong != nil {
		_ = d.conn.SetDeadline(time.Now().Add(farewell))
		_ = p.leave(d)
	}
	return wrong
}

// ask holds one session.
func (s *security) ask(ctx context.Context, p protocol, address string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d, finish, err := dial(ctx, address)
	if err != nil {
		return err
	}
	defer finish()
	certificate, err := s.begin(ctx, d, p)
	if err != nil {
		return err
	}
	left := p.leave(d)
	return cmp.Or(certificate, left)
}

// begin brings a session to the point where commands may be sent, and judges the
// certificate.
func (s *security) begin(ctx context.Context, d *dialogue, p protocol) (certificate, err error) {
	secure := func() error {
		state, err := d.secure(ctx, s.name)
		if err == nil {
			certificate = s.verify(state)
		}
		return err
	}
	if s.mode == implicitTLS {
		if err := secure(); err != nil {
			return nil, err
		}
	}
	if err := p.greeting(d); err != nil {
		return nil, s.refused(d, p, fmt.Errorf("greeting: %w", err))
	}
	if s.mode == startTLS {
		if err := p.startTLS(d); err != nil {
			return nil, s.refused(d, p, err)
		}
		if err := secure(); err != nil {
			return nil, err
		}
	}
	return certificate, nil
}

// farewell is how long a server that has refused us may take to let us go: what is wrong is
// known already.
const farewell = time.Second

// refused leaves in order what says no in order.
func (s *security) refused(d *dialogue, p protocol, err error) error {
	if errors.As(err, new(refusedError)) {
		_ = d.conn.SetDeadline(time.Now().Add(farewell))
		_ = p.leave(d)
	}
	return err
}
