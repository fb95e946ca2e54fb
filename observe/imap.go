package observe

import (
	"context"
	"crypto/tls"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// IMAPDialogue follows one connection of an IMAP server by what both sides say: RFC
// 9051, 3501, 2177 (IDLE), 7888 (LITERAL+), in whatever pieces it comes, and with
// commands in progress side by side (RFC 9051 section 5.5).
//
// Every tagged reply ends one command, which is counted with it. An untagged BAD is an
// error that belongs to no command (RFC 9051 section 7.1.3). What follows COMPRESS is
// not understood, except with [IMAPDecompressed]. Of the commands in progress the first
// 64 have spans; the others are counted when they are answered.
//
// Its methods may be called from several goroutines. What a client sent must be given
// before the server's answer to it.
type IMAPDialogue struct {
	tel   *otelmail.Telemetry
	begun sync.Once
	about func() otelmail.Conn

	mu      sync.Mutex
	session otelmail.IMAPSession
	config  imapConfig
	seed    maphash.Seed // of the hashes of tags

	phase         imapPhase
	upgraded      bool // TLS since STARTTLS
	greeted       bool
	behindLiteral bool   // the server's line goes on
	farewell      bool   // BYE has been said
	odd           uint64 // a line that is no command has come before the command of this number
	loggedIn      bool   // since FromServer began
	ending

	// What later commands begin with.
	state         mailconv.IMAPState
	user, mailbox string

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

// NewIMAPDialogue begins a session on a connection described by about. A nil tel
// records nothing. End it with [IMAPDialogue.End].
func NewIMAPDialogue(tel *otelmail.Telemetry, about otelmail.Conn, opts ...IMAPOption) *IMAPDialogue {
	d := newIMAPDialogue(tel, func() otelmail.Conn { return about }, opts)
	d.begin()
	return d
}

func newIMAPDialogue(tel *otelmail.Telemetry, about func() otelmail.Conn, opts []IMAPOption) *IMAPDialogue {
	if tel == nil {
		tel = otelmail.Noop()
	}
	return &IMAPDialogue{tel: tel, about: about, config: configOf[imapConfig](opts), seed: maphash.MakeSeed(), state: mailconv.IMAPNotAuthenticated}
}

func (d *IMAPDialogue) begin() {
	d.begun.Do(func() {
		about := d.about()
		d.secure = about.TLS != nil
		d.session = d.tel.IMAP.Session(context.Background(), about)
	})
}

// FromClient takes what the client has sent, in plaintext.
func (d *IMAPDialogue) FromClient(b []byte) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.speaks()
	d.hear(b)
}

// FromServer takes what the server has sent, in plaintext.
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
	if d.phase != imapSecuring && d.secure {
		d.session.TLS(state)
		return
	}
	d.session.TLS(state)
	d.upgraded = true
	d.secured()
	if d.phase == imapSecuring {
		d.phase = imapFollowed
	}
}

// Sealed reports that the network carries TLS since STARTTLS was answered with OK: what
// client and server say can be read only above it. For those who hook in below TLS.
func (d *IMAPDialogue) Sealed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.upgraded || d.phase == imapSecuring
}

// refused: IMAP has no reply to a handshake that has failed.
func (d *IMAPDialogue) refused([]byte) bool { return false }

// Idle reports that nothing is in progress: no command, no part of one, no handshake.
// True when the dialogue can no longer be followed: there is nothing to wait for. For a
// server that shuts down.
func (d *IMAPDialogue) Idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.phase != imapSecuring && d.client.command == 0 && !d.client.begun() && d.commands.oldest() == nil
}

// Idling reports that the client is in IDLE (RFC 2177), and has not sent DONE. For a server
// that shuts down: nobody waits for a reply.
func (d *IMAPDialogue) Idling() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.commands.oldest()
	return c != nil && c.number == d.client.command && d.client.is == imapDone && !d.client.waits && !d.client.begun()
}

// Context returns the context of the oldest command in progress, which carries its
// span; between commands and in IDLE that of the session.
func (d *IMAPDialogue) Context() context.Context {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.commands.oldest(); c != nil && c.begun {
		return c.Context()
	}
	return d.session.Context()
}

// User notes who is logged in, for the spans of later commands as the privacy policy
// allows. Only the server knows after AUTHENTICATE with a mechanism other than PLAIN.
func (d *IMAPDialogue) User(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.user = name
}

// Cause notes what lies behind NO or BAD to come for the oldest command in progress:
// [otelmail.CausePanic] for a handler that has panicked. OK has no cause.
func (d *IMAPDialogue) Cause(cause otelmail.Cause) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.commands.oldest(); c != nil {
		c.cause = cause
	}
}

// TLSFailed notes that a handshake has failed, and why. What breaks the session by it is
// still for [IMAPDialogue.Lost] or [IMAPDialogue.End] to say. For those who do the handshake themselves.
func (d *IMAPDialogue) TLSFailed(err error) {
	d.begin()
	d.session.TLSFailed(err)
}

// Lost notes that reading from the client or writing to it has failed: with
// [otelmail.CauseEOF] it has closed, and what fails later does not count. A reset stays;
// any other cause passes when more comes from the client.
func (d *IMAPDialogue) Lost(cause otelmail.Cause) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails(cause)
}

// End ends the session: cause says why it broke, and is [otelmail.CauseNone] when it
// did not, or when [IMAPDialogue.Lost] has said why. A session that breaks is one error:
// that of the oldest command in progress, if there is one. Further calls have no effect.
//
// A client that leaves between two commands is not an error, nor is one that does not
// wait for its replies: those commands are not counted. One that leaves in the middle of
// a command is. A server that hangs up breaks what is in progress; one that has said BYE
// does not break IDLE.
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
	if d.phase == imapSecuring {
		d.session.TLSFailed(d.handshakeError())
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
	case d.failure != otelmail.CauseNone:
		return d.why()
	case d.phase == imapSecuring:
		return otelmail.CauseTLSHandshake
	case !d.closed && d.working():
		return otelmail.CauseCanceled
	case d.farewell:
		return otelmail.CauseNone
	case d.odd != 0: // the server has hung up on it
		return otelmail.CauseProtocol
	case !d.closed && d.commands.oldest() != nil:
		return otelmail.CauseCanceled
	}
	return otelmail.CauseNone
}

// working reports whether the server is at work on a command: not on LOGOUT, and not
// waiting for the end of IDLE, which a BYE ends too.
func (d *IMAPDialogue) working() bool {
	return slices.ContainsFunc(d.commands.all, func(c imapCommand) bool {
		return c.begun && c.verb != mailconv.IMAPLogout
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
