package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// pop3Server shows INBOX over POP3 (RFC 1939).
type pop3Server struct {
	openConns
	tel           *otelmail.Telemetry
	log           *slog.Logger
	store         *mailStore
	certificate   *tls.Config
	plaintextAuth bool
	idle          time.Duration // how long a client may say nothing

	listeners []net.Listener
	loops     sync.WaitGroup // one for each listener
	clients   sync.WaitGroup
	total     atomic.Int64 // sessions since the start
	leaving   atomic.Bool
	maildrop  sync.Mutex // held by the session that has INBOX open
}

const (
	pop3Idle  = 10 * time.Minute // RFC 1939 section 3: the least that is allowed
	pop3Write = time.Minute      // what a client may take to read one answer
)

func newPOP3Server(tel *otelmail.Telemetry, store *mailStore, certificate *tls.Config, plaintextAuth bool, log *slog.Logger) *pop3Server {
	return &pop3Server{
		tel: tel, log: log, store: store, certificate: certificate,
		plaintextAuth: plaintextAuth, idle: pop3Idle,
	}
}

// serve shows INBOX to clients that begin in plaintext.
func (s *pop3Server) serve(l net.Listener) {
	s.begin(observe.LimitPOP3(s.tel, s.tracked(l), maxConnections))
}

// serveTLS shows it to those that begin with TLS (RFC 8314).
func (s *pop3Server) serveTLS(l net.Listener) {
	s.begin(tls.NewListener(observe.Limit(s.tracked(l), maxConnections), s.certificate))
}

func (s *pop3Server) begin(l net.Listener) {
	s.listeners = append(s.listeners, l)
	s.loops.Go(func() { s.accept(l) })
}

// accept takes connections until the listener is closed. What goes wrong
// otherwise may pass, when others close their files for example.
func (s *pop3Server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.total.Add(1)
			s.clients.Go(newPOP3Session(s, conn).run)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			s.log.Warn("the POP3 server cannot accept a connection", "error", err)
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// stop implements [server].
func (s *pop3Server) stop(ctx context.Context) {
	s.leaving.Store(true)
	for _, l := range s.listeners {
		_ = l.Close()
	}
	s.loops.Wait()
	s.hangUp()
	if s.wait(ctx) != nil {
		s.closeAll()
	}
	s.clients.Wait()
}
