package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
	"github.com/rusmes/otelmail/observe"
)

// imapPatience is how long a client may take to read what it has asked for:
// imapmemserver holds the mailbox while it writes, and mail waits to be
// delivered there.
const imapPatience = 10 * time.Second

// imapServer shows the mailboxes over IMAP.
type imapServer struct {
	openConns
	tel    *otelmail.Telemetry
	store  *mailStore
	server *otelimap.Server
	loop   sync.WaitGroup
}

// newIMAPServer makes a go-imap server by way of otelimap, and that is all the
// telemetry that IMAP needs.
func newIMAPServer(tel *otelmail.Telemetry, store *mailStore, certificate *tls.Config, plaintextAuth bool, log *slog.Logger) *imapServer {
	s := &imapServer{openConns: openConns{patience: imapPatience}, tel: tel, store: store}
	s.server = otelimap.NewServer(tel, &imapserver.Options{
		NewSession:   s.newSession,
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}},
		TLSConfig:    certificate,
		InsecureAuth: plaintextAuth,
		Logger:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}, otelimap.WithUser(imapUser))
	return s
}

func (s *imapServer) serve(l net.Listener, log *slog.Logger) {
	s.loop.Go(func() {
		if err := s.server.Serve(observe.LimitIMAP(s.tel, s.tracked(l), maxConnections)); err != nil {
			log.Error("the IMAP server has stopped", "error", err)
		}
	})
}

// stop implements [server].
func (s *imapServer) stop(ctx context.Context) {
	_ = s.server.Shutdown(ctx) // when there is no more time, nobody is waited for
	s.loop.Wait()
}

func (s *imapServer) newSession(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
	return &imapSession{UserSession: imapmemserver.NewUserSession(s.store.user), server: s}, nil, nil
}

// imapSession is a session of imapmemserver that keeps the store's gauges true.
type imapSession struct {
	*imapmemserver.UserSession
	server *imapServer
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

// Login implements [imapserver.Session].
func (s *imapSession) Login(userName, password string) error {
	switch err := s.server.store.login(userName, password); {
	case errors.Is(err, errUsersAway):
		return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeUnavailable, Text: "Nobody can log in now"}
	case err != nil:
		return imapserver.ErrAuthFailed
	}
	s.user = s.server.store.userName
	return nil
}

// AppendLimit implements [imapserver.SessionAppendLimit].
func (s *imapSession) AppendLimit() uint32 { return maxMessage }
