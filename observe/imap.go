package observe

import (
	"context"
	"crypto/tls"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/rusmes/otelmail"
)

// IMAPDialogue follows one IMAP session (RFC 9051, RFC 3501) from the plaintext of
// both directions, for servers that have only a debug hook; others have [IMAP].
//
// Every tagged reply ends one command, which is counted with it. An untagged BAD
// is an error that belongs to no command (RFC 9051 section 7.1.3). What client and server say after
// COMPRESS is not followed (see [IMAPDecompressed]), nor what is no IMAP.
//
// The methods may be called from any goroutine; what one side says has to come in
// order. Memory is bounded: lines count up to 8 KiB, with their last bytes where
// they are longer; 64 commands in progress have a span; literals are skipped.
type IMAPDialogue struct {
	tel   *otelmail.Telemetry
	begun sync.Once
	about func() otelmail.Conn

	mu      sync.Mutex
	session otelmail.IMAPSession
	config  imapConfig
	seed    maphash.Seed // of the hashes of tags

	phase         imapPhase
	implicit      bool           // TLS from the beginning
	secured       bool           // TLS since STARTTLS
	heard         bool           // the client has said something since the session, or its TLS, began
	left          bool           // it has closed its side
	failure       otelmail.Cause // why it could last not be read from, or written to
	greeted       bool
	behindLiteral bool   // the server's line goes on
	farewell      bool   // BYE has been said
	odd           uint64 // a line that is no command has come before the command of this number
	loggedIn      bool   // since FromServer began

	state, user, mailbox string // what later commands begin with

	client   imapClient
	server   imapSide
	commands imapCommands
}

type imapPhase uint8

const (
	imapFollowed   imapPhase = iota
	imapSecuring             // between the OK to STARTTLS and the end of the handshake
	imapUnfollowed           // until the end
	imapEnded
)

// The values of imap.state (RFC 9051 section 3).
const (
	imapNotAuthenticated = "not_authenticated"
	imapAuthenticated    = "authenticated"
	imapSelected         = "selected"
	imapLogout           = "logout"
)

// NewIMAPDialogue begins the session of a connection that was accepted. A nil tel
// records nothing. [IMAPDialogue.End] ends it.
func NewIMAPDialogue(tel *otelmail.Telemetry, about otelmail.Conn, opts ...IMAPOption) *IMAPDialogue {
	d := newIMAPDialogue(tel, func() otelmail.Conn { return about }, opts)
	d.begin()
	return d
}

func newIMAPDialogue(tel *otelmail.Telemetry, about func() otelmail.Conn, opts []IMAPOption) *IMAPDialogue {
	if tel == nil {
		tel = otelmail.Noop()
	}
	return &IMAPDialogue{tel: tel, about: about, config: configOf[imapConfig](opts), seed: maphash.MakeSeed(), state: imapNotAuthenticated}
}

func (d *IMAPDialogue) begin() {
	d.begun.Do(func() {
		about := d.about()
		d.implicit = about.TLS != nil
		d.session = d.tel.IMAP.Session(context.Background(), about)
	})
}

// FromClient takes what the client has sent. The bytes are not kept.
func (d *IMAPDialogue) FromClient(b []byte) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heard, d.failure = true, otelmail.CauseNone
	d.hear(b)
}

// FromServer takes what the server has answered. The bytes are not kept.
func (d *IMAPDialogue) FromServer(b []byte) {
	d.begin()
	d.mu.Lock()
	d.answer(b)
	loggedIn, name := d.loggedIn, d.user
	d.loggedIn = false
	d.mu.Unlock()
	if loggedIn && d.config.user != nil {
		// Not while the lock is held: the function is the application's.
		d.User(d.config.named(name))
	}
}

// named calls the application's function: it serves telemetry alone, and its panic
// must not cost a client the connection.
func (c *imapConfig) named(name string) (user string) {
	defer func() {
		if recover() != nil {
			user = ""
		}
	}()
	return c.user(name)
}

// Upgrade says what TLS agreed on: after STARTTLS was answered with OK, or for a session
// that began with TLS before its handshake. Between the OK and Upgrade nothing that is
// said is looked at. It may be called again when more is known.
func (d *IMAPDialogue) Upgrade(state tls.ConnectionState) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.implicit || d.secured {
		d.session.Handshake(state)
		return
	}
	d.session.Upgrade(state)
	d.secured, d.heard = true, false
	if d.phase == imapSecuring {
		d.phase = imapFollowed
	}
}

// Sealed reports that the network carries TLS since STARTTLS was answered with OK: what
// client and server say can be read only above it.
func (d *IMAPDialogue) Sealed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.secured || d.phase == imapSecuring
}

// refused: IMAP has no reply to a handshake that has failed.
func (d *IMAPDialogue) refused([]byte) bool { return false }

// Idle reports that nothing is in progress: no command, no part of one, no handshake.
func (d *IMAPDialogue) Idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.phase != imapSecuring && d.client.command == 0 && !d.client.begun() && d.commands.oldest() == nil
}

// Idling reports that the client is in IDLE, and has not ended it.
func (d *IMAPDialogue) Idling() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.commands.oldest()
	return c != nil && c.number == d.client.command && d.client.is == imapDone && !d.client.waits && !d.client.begun()
}

// Context is the context of the command in progress, which carries its span, and
// that of the session between commands and while a client is in IDLE. It may be
// called at any time.
func (d *IMAPDialogue) Context() context.Context {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.commands.oldest(); c != nil && c.begun {
		return c.Context()
	}
	return d.session.Context()
}

// User names the user who is logged in, for spans of later commands as the
// privacy policy allows. It is needed where the wire does not say it in plain
// words: after AUTHENTICATE with mechanisms other than PLAIN.
func (d *IMAPDialogue) User(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.user = name
}

// Cause tells what lies behind the command in progress not succeeding, such as
// [otelmail.CausePanic]. A command that is answered with OK has none.
func (d *IMAPDialogue) Cause(cause otelmail.Cause) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.commands.oldest(); c != nil {
		c.cause = cause
	}
}

// Lost tells why nothing more came from the client, or did not reach it:
// [otelmail.CauseEOF] when it has closed its side, after which nothing breaks any
// more. What comes afterwards, after a timeout for example, makes others pass.
func (d *IMAPDialogue) Lost(cause otelmail.Cause) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.left:
	case cause != otelmail.CauseEOF:
		d.failure = cause
	case d.failure == otelmail.CauseNone: // to read on after a reset looks like an end
		d.left = true
	}
}

// End ends the session; further calls have no effect. It broke for a cause other
// than [otelmail.CauseNone], or if [IMAPDialogue.Lost] has told one other than
// CauseEOF, which is one error: that of the oldest command in progress, if there is
// one.
//
// A client that leaves between two commands is no error, nor is one that does not
// wait for its replies: those commands do not end. One that leaves in the middle of
// a command is. A server that hangs up breaks what is in progress; one that has said
// BYE does not break IDLE.
func (d *IMAPDialogue) End(cause otelmail.Cause) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.phase == imapEnded {
		return
	}
	if cause == otelmail.CauseNone {
		cause = d.broken()
	}
	d.phase = imapEnded
	counted := false
	for d.commands.oldest() != nil {
		c := d.commands.remove(0)
		why := cause
		if why == otelmail.CauseNone && !c.complete {
			why = otelmail.CauseEOF
		}
		if counted || why == otelmail.CauseNone {
			c.Abandon()
			continue
		}
		d.finish(&c, otelmail.IMAPBroken, why, "")
		counted = true
	}
	if counted {
		cause = otelmail.CauseNone
	}
	d.session.End(cause)
}

// broken is why the session broke, as far as its end says.
func (d *IMAPDialogue) broken() otelmail.Cause {
	switch {
	case d.failure == otelmail.CauseReset && (d.implicit || d.secured) && !d.heard:
		// A client that left right after the handshake has not read TLS 1.3's tickets.
		return otelmail.CauseNone
	case d.failure != otelmail.CauseNone:
		return d.failure
	case d.phase == imapSecuring:
		return otelmail.CauseTLSHandshake
	case !d.left && d.working():
		return otelmail.CauseCanceled
	case d.farewell:
		return otelmail.CauseNone
	case d.odd != 0: // the server has hung up on it
		return otelmail.CauseProtocol
	case !d.left && d.commands.oldest() != nil:
		return otelmail.CauseCanceled
	}
	return otelmail.CauseNone
}

// working reports whether the server is at work on a command: not on LOGOUT, and not
// waiting for the end of IDLE, which a BYE ends too.
func (d *IMAPDialogue) working() bool {
	return slices.ContainsFunc(d.commands.all, func(c imapCommand) bool {
		return c.begun && c.verb != otelmail.IMAPLogout
	})
}

// unfollow gives the session up: what is in progress has no end that we could see.
func (d *IMAPDialogue) unfollow() {
	d.phase = imapUnfollowed
	d.client, d.server = imapClient{}, imapSide{}
	d.odd = 0
	for d.commands.oldest() != nil {
		c := d.commands.remove(0)
		c.Abandon()
	}
	d.session.Unfollowed()
}
