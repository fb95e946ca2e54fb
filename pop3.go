package otelmail

import (
	"context"

	"github.com/rusmes/otelmail/mailconv"
)

// POP3Verb is a POP3 command. The zero value stands for every command that is
// not known.
type POP3Verb uint8

// The commands of RFC 1939, RFC 2449 (CAPA), RFC 2595 (STLS) and RFC 5034 (AUTH).
const (
	POP3Other POP3Verb = iota
	POP3User
	POP3Pass
	POP3Apop
	POP3Auth
	POP3Stat
	POP3List
	POP3Retr
	POP3Dele
	POP3Noop
	POP3Rset
	POP3Quit
	POP3Top
	POP3Uidl
	POP3Capa
	POP3Stls
)

var pop3Verbs = newNameSet("POP3", "USER", "PASS", "APOP", "AUTH", "STAT", "LIST", "RETR", "DELE",
	"NOOP", "RSET", "QUIT", "TOP", "UIDL", "CAPA", "STLS")

// String returns the command in upper case, "_OTHER" for an unknown one.
func (v POP3Verb) String() string { return pop3Verbs.values[pop3Verbs.index(int(v))] }

// ParsePOP3Verb returns the command of a line's first word, in any case.
func ParsePOP3Verb(word string) POP3Verb { return POP3Verb(pop3Verbs.find(word)) }

// POP3 records what a POP3 server does (RFC 1939). It has no series of its own:
// its connections are in active_connections and tls_sessions_total. All methods
// are safe for concurrent use.
type POP3 struct {
	tracer *tracer
	conns  *connections
}

// POP3Session is one POP3 connection in progress.
type POP3Session struct {
	Op
	*session
	pop3 *POP3
}

// Session begins a session on a connection that was accepted. End it exactly
// once; further calls have no effect.
func (p *POP3) Session(ctx context.Context, c Conn) POP3Session {
	p = orEmpty(p)
	ses := beginSession(ctx, p.tracer, p.conns, ProtocolPOP3, ProtocolPOP3.String(), c)
	return POP3Session{ses.Op, ses, p}
}

// Command begins a command as a child of the session.
func (s POP3Session) Command(verb POP3Verb) POP3Command {
	i := pop3Verbs.index(int(verb))
	c := POP3Command{Op: orEmpty(s.pop3).tracer.begin(s.Context(), pop3Verbs.spans[i], serverKind), pop3: s.pop3}
	if c.recording() {
		c.describe().add(mailconv.POP3CommandKey.String(pop3Verbs.values[i])).set()
	}
	return c
}

// End ends the session; a cause other than [CauseNone] says that it broke.
func (s POP3Session) End(cause Cause) { s.finish(cause) }

// POP3Command is a command in progress. End it exactly once.
type POP3Command struct {
	Op
	pop3 *POP3
}

func (c POP3Command) describe() *attributes { return c.pop3.tracer.describe(c.span) }

// User notes who gave the command, as the privacy policy allows.
func (c POP3Command) User(user string) {
	if c.recording() {
		c.describe().user(user).set()
	}
}

// End ends the command: ok is true for +OK and false for -ERR, whose error.type is
// the cause or, for [CauseNone], "err".
func (c POP3Command) End(ok bool, cause Cause) {
	if !c.recording() {
		c.end("")
		return
	}
	if ok {
		c.describe().add(mailconv.POP3StatusKey.String("ok")).set()
		c.end("")
		return
	}
	c.describe().add(mailconv.POP3StatusKey.String("err")).set()
	c.end(firstOf(cause.String(), "err"))
}
