package otelpop3

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"

	"github.com/rusmes/otelmail"
)

// Session is one POP3 connection in progress. Its methods but End are for the
// one goroutine that reads the commands.
type Session struct {
	otelmail.POP3Session
	name string // of the login in progress
	user string // who has logged in
}

// Begin begins the session of a connection that was accepted. One that speaks
// TLS already (a [tls.Conn]) began with implicit TLS; if its handshake is still
// to come, tell its result with Handshake. A nil tel records nothing.
func Begin(ctx context.Context, tel *otelmail.Telemetry, conn net.Conn) *Session {
	if tel == nil {
		tel = otelmail.Noop()
	}
	var about otelmail.Conn
	if conn != nil {
		about.Remote, about.Local = conn.RemoteAddr(), conn.LocalAddr()
	}
	if secure, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		state := secure.ConnectionState()
		about.TLS = &state
	}
	return &Session{POP3Session: tel.POP3.Session(ctx, about)}
}

// Upgrade notes that STLS has succeeded: call it when its handshake is done.
// What the client said before is forgotten (RFC 2595 section 4).
func (s *Session) Upgrade(state tls.ConnectionState) {
	s.name, s.user = "", ""
	s.POP3Session.Upgrade(state)
}

// Command begins the command that a line holds. Lines that answer a challenge
// of AUTH are no commands: do not give them.
func (s *Session) Command(line []byte) Command {
	word, rest, _ := bytes.Cut(line, []byte{' '})
	verb := otelmail.ParsePOP3Verb(string(word[:min(len(word), maxVerb)]))
	c := Command{s.POP3Session.Command(verb), s, verb}
	switch verb {
	case otelmail.POP3User:
		c.User(string(rest))
	case otelmail.POP3Apop:
		name, _, _ := bytes.Cut(rest, []byte{' '})
		c.User(string(name))
	case otelmail.POP3Pass:
		c.User(s.name)
	case otelmail.POP3Auth:
		s.name = "" // the mechanism will tell
	default:
		c.POP3Command.User(s.user)
	}
	return c
}

// maxVerb is one byte more than the longest word that is a verb: four.
const maxVerb = 5

// Command is a command in progress. End it exactly once.
type Command struct {
	otelmail.POP3Command
	session *Session
	verb    otelmail.POP3Verb
}

// User notes who logs in, where the line does not say: AUTH. It is for the
// commands up to the next login.
func (c Command) User(user string) {
	if c.session != nil {
		c.session.name = user
	}
	c.POP3Command.User(user)
}

// End ends the command: with ok false for -ERR, whose error.type is the cause
// or, for [otelmail.CauseNone], "err".
func (c Command) End(ok bool, cause otelmail.Cause) {
	c.POP3Command.End(ok, cause)
	s := c.session
	if s == nil {
		return
	}
	switch c.verb {
	case otelmail.POP3Pass, otelmail.POP3Apop, otelmail.POP3Auth:
		if ok {
			s.user = s.name
		}
		s.name = ""
	}
}
