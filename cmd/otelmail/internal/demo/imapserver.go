package demo

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
)

// imapPatience is how long a client may take to read what it has asked for:
// imapmemserver holds the mailbox while it writes, and mail waits to be
// delivered there.
const imapPatience = 10 * time.Second

// imapServer shows the mailboxes over IMAP.
type imapServer struct {
	openConns
	store    *mailStore
	server   *imapserver.Server
	listener net.Listener
	loop     sync.WaitGroup
	sessions atomic.Int64 // open now
	leaving  atomic.Bool
}

// newIMAPServer makes a go-imap server: its sessions are wrapped, and its
// listener, and that is all the telemetry that IMAP needs.
func newIMAPServer(tel *otelmail.Telemetry, store *mailStore, certificate *tls.Config, plaintextAuth bool, log *slog.Logger) *imapServer {
	s := &imapServer{openConns: openConns{patience: imapPatience}, store: store}
	s.server = imapserver.New(&imapserver.Options{
		NewSession:   otelimap.Wrap(tel, s.newSession, otelimap.WithUser(imapUser)),
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}},
		TLSConfig:    certificate,
		InsecureAuth: plaintextAuth,
		Logger:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	})
	return s
}

func (s *imapServer) serve(l net.Listener, log *slog.Logger) {
	s.listener = l
	s.loop.Go(func() {
		if err := s.server.Serve(otelimap.Listener(s.tracked(l))); err != nil {
			log.Error("the IMAP server has stopped", "error", err)
		}
	})
}

// stop implements [server]. go-imap itself would cut everybody off: here the
// command under way is answered, then the client hears BYE.
func (s *imapServer) stop(ctx context.Context) {
	s.leaving.Store(true)
	_ = s.listener.Close()
	s.loop.Wait()
	s.hangUp()
	if s.wait(ctx) != nil {
		s.closeAll()
	}
	_ = s.server.Close() // nothing is left that it could fail to close
}

func (s *imapServer) newSession(conn *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
	if s.sessions.Add(1) > maxConnections {
		s.sessions.Add(-1)
		return nil, nil, &imap.Error{Type: imap.StatusResponseTypeBye, Code: imap.ResponseCodeUnavailable, Text: "Too many connections"}
	}
	return &imapSession{UserSession: imapmemserver.NewUserSession(s.store.user), server: s, conn: conn}, nil, nil
}

// imapSession is a session of imapmemserver that keeps the store's gauges true.
type imapSession struct {
	*imapmemserver.UserSession
	server *imapServer
	conn   *imapserver.Conn
	user   string // who has logged in; empty for nobody
}

var _ imapserver.SessionIMAP4rev2 = (*imapSession)(nil)

// imapUser tells telemetry who has logged in.
func imapUser(s imapserver.Session) string {
	if s, ok := s.(*imapSession); ok {
		return s.user
	}
	return ""
}

// Close implements [imapserver.Session].
func (s *imapSession) Close() error {
	defer s.server.sessions.Add(-1)
	err := s.UserSession.Close()
	if s.server.leaving.Load() {
		_ = s.conn.Bye("The server shuts down") // a client that has gone cannot be told
	}
	return err
}

// Login implements [imapserver.Session].
func (s *imapSession) Login(userName, password string) error {
	if !s.server.store.login(userName, password) {
		return imapserver.ErrAuthFailed
	}
	s.user = s.server.store.userName
	return nil
}

// AppendLimit implements [imapserver.SessionAppendLimit].
func (s *imapSession) AppendLimit() uint32 { return maxMessage }
