package otelimap

import (
	"context"
	"errors"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
)

// NewSession is the type of imapserver.Options.NewSession.
type NewSession = func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error)

// Wrap returns what imapserver.Options.NewSession is to be, so that tel records
// every connection and the commands on it. A nil tel records nothing.
func Wrap(tel *otelmail.Telemetry, newSession NewSession, opts ...Option) NewSession {
	return WrapContext(tel, func(_ Current, c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
		return newSession(c)
	}, opts...)
}

// Current returns the context of the command in progress, which carries its
// span. Between commands, and while a client is in IDLE, it carries none. It may
// be called at any time, from any goroutine.
type Current func() context.Context

// WrapContext is as [Wrap] for backends that want the context of the command in
// progress: go-imap hands none to a session. A session keeps the [Current] that
// it is made with.
func WrapContext(
	tel *otelmail.Telemetry,
	newSession func(Current, *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error),
	opts ...Option,
) NewSession {
	if tel == nil {
		tel = otelmail.Noop()
	}
	var config config
	for _, opt := range opts {
		if opt != nil {
			opt.apply(&config)
		}
	}
	return func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
		conn := accepted(tel, c)
		failure := otelmail.CausePanic
		defer func() {
			if failure != otelmail.CauseNone {
				conn.session.End(failure)
			}
		}()
		inner, greeting, err := newSession(conn.context, c)
		if err != nil {
			failure = otelmail.CauseOther
			if farewell(err) {
				failure = otelmail.CauseNone
				conn.session.End(otelmail.CauseNone)
			}
			return inner, greeting, err
		}
		if inner == nil { // go-imap would call its methods, and never close it
			failure = otelmail.CauseOther
			return nil, nil, errNoSession
		}
		s := &session{inner: inner, conn: conn, user: config.user}
		if greeting != nil && greeting.PreAuth {
			s.authenticated("")
		}
		failure = otelmail.CauseNone
		return combine(s), greeting, nil
	}
}

var errNoSession = errors.New("otelimap: new session: neither a session nor an error")

// farewell reports whether go-imap greets the client with BYE for an error of
// the constructor: a connection refused on purpose, which is no failure. It
// answers any other with NO.
func farewell(err error) bool {
	e, ok := errors.AsType[*imap.Error](err)
	return ok && e != nil && e.Type == imap.StatusResponseTypeBye
}
