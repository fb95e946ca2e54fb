package observe

import (
	"context"
	"crypto/tls"
	"sync"
	"sync/atomic"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// SMTPDialogue follows one connection of an SMTP, submission or LMTP server by what
// both sides say: RFC 5321, 3030 (BDAT), 3207 (STARTTLS), 4954 (AUTH), 2033 (LMTP),
// in whatever pieces it comes and however far the client sends ahead (RFC 2920).
//
// Its methods may be called from several goroutines. What a client sent must be given
// before the server's answer to it.
type SMTPDialogue struct {
	tel    *otelmail.Telemetry
	begun  sync.Once
	about  func() otelmail.Conn
	config smtpConfig

	mu      sync.Mutex
	session otelmail.SMTPSession
	smtpClient
	smtpServer
	smtpTransaction
	smtpEnding

	// command is the command in progress: the first that has no reply yet. What the
	// client has sent ahead waits in smtpClient.ahead.
	command smtpCommand
	seal    smtpSeal
	sealed  atomic.Bool // seal is not smtpOpen
}

// smtpSeal is how far STARTTLS has come.
type smtpSeal uint8

const (
	smtpOpen     smtpSeal = iota // no STARTTLS, or it has failed
	smtpShaking                  // 220: a handshake, or a reply that it failed
	smtpUpgraded                 // inside TLS
)

// smtpEnding is what is known of how the session ends.
type smtpEnding struct {
	ending
	over     bool              // nothing more counts
	left     otelmail.Cause    // why a command was cut off: it counts the error, not the session
	brokeIn  mailconv.SMTPVerb // that command
	farewell otelmail.Cause    // a 421 that answers no command
}

// NewSMTPDialogue begins a session on a connection described by about. A nil tel
// records nothing. End it with [SMTPDialogue.End].
func NewSMTPDialogue(tel *otelmail.Telemetry, about otelmail.Conn, opts ...SMTPOption) *SMTPDialogue {
	d := newSMTPDialogue(tel, func() otelmail.Conn { return about }, opts)
	d.begin()
	return d
}

func newSMTPDialogue(tel *otelmail.Telemetry, about func() otelmail.Conn, opts []SMTPOption) *SMTPDialogue {
	if tel == nil {
		tel = otelmail.Noop()
	}
	return &SMTPDialogue{tel: tel, about: about, config: configOf[smtpConfig](opts)}
}

func (d *SMTPDialogue) begin() {
	d.begun.Do(func() {
		about := d.about()
		d.secure = about.TLS != nil
		d.session = d.tel.SMTP.Session(context.Background(), d.config.role, about)
	})
}

// FromClient takes what the client has sent, in plaintext. After a reply 220 to
// STARTTLS it takes what is said inside TLS.
func (d *SMTPDialogue) FromClient(p []byte) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over || len(p) == 0 {
		return
	}
	if d.seal == smtpShaking {
		d.upgrade(tls.ConnectionState{HandshakeComplete: true})
	}
	d.speaks()
	d.hear(p)
}

// FromServer takes what the server has sent, in plaintext.
func (d *SMTPDialogue) FromServer(p []byte) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(p) > 0 && !d.over {
		var whole []byte
		var ok bool
		if whole, p, ok = d.written.next(p, maxLine); ok {
			d.answer(whole)
		}
	}
}

// Upgrade says what TLS agreed on: after STARTTLS was answered with 220, or for a
// session that began with TLS before its handshake. It may be called again when more
// is known.
func (d *SMTPDialogue) Upgrade(state tls.ConnectionState) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.over:
	case d.seal == smtpShaking:
		d.upgrade(state)
	case d.secure && state.Version != 0:
		d.session.TLS(state)
	}
}

// upgrade ends STARTTLS, and begins anew (RFC 3207 section 4.2).
func (d *SMTPDialogue) upgrade(state tls.ConnectionState) {
	d.seal, d.bdat = smtpUpgraded, bdatUnsaid
	d.secured()
	d.said.forget()
	d.end(&d.ready)
	d.session.TLS(state)
	d.clear(otelmail.CauseCanceled)
}

// Sealed reports that the network carries TLS since STARTTLS was answered with 220:
// what client and server say can be read only above it. For those who hook in below TLS.
func (d *SMTPDialogue) Sealed() bool { return d.sealed.Load() }

// refused: no TLS record begins with a digit.
func (d *SMTPDialogue) refused(p []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seal == smtpShaking && len(p) > 0 && p[0] >= '4' && p[0] <= '5'
}

// Context returns the context of the command in progress, which carries its span;
// between commands that of the session. A message that comes by BDAT is one command
// from its first chunk to the reply to its last, or to RSET.
func (d *SMTPDialogue) Context() context.Context {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.current(); c != nil {
		return c.Context()
	}
	return d.session.Context()
}

// User notes who has logged in, or does with the AUTH in progress: for the command's span, as
// the privacy policy allows, and for the count of the session's messages by sender. Between
// commands it has no effect.
func (d *SMTPDialogue) User(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.current(); c != nil {
		c.Note(otelmail.SMTPFacts{User: name})
	}
}

// QueueID notes the server's own id of the message that the command in progress
// brings, so that a search for it finds the session.
func (d *SMTPDialogue) QueueID(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.current(); c != nil {
		c.Note(otelmail.SMTPFacts{QueueID: id})
	}
}

// Cause notes what lies behind a refusal to come of the command in progress:
// [otelmail.CausePanic] for a handler that has panicked. A reply that accepts has no cause.
func (d *SMTPDialogue) Cause(cause otelmail.Cause) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.current(); c != nil {
		c.cause = cause
	}
}

func (d *SMTPDialogue) current() *smtpCommand {
	switch {
	case d.transfer != nil && !(d.command.open && d.command.verb == mailconv.SMTPAuth):
		return &d.transfer.smtpCommand
	case d.command.open:
		return &d.command
	}
	return nil
}

// Handling says that a handler is at work on the message that comes by BDAT (RFC 3030),
// in a goroutine of its own. Where RSET or the end of the session gives the message up,
// its command ends when the handler has returned: call done then, with
// [otelmail.CausePanic] if it has panicked, else [otelmail.CauseNone]. Without that call
// the command never ends. For servers whose handlers outlive the reply.
func (d *SMTPDialogue) Handling() (done func(otelmail.Cause)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.transfer
	if t == nil {
		return d.Cause
	}
	t.handled = true
	return func(cause otelmail.Cause) {
		d.mu.Lock()
		defer d.mu.Unlock()
		t.handled = false
		if cause != otelmail.CauseNone {
			t.cause = cause
		}
		if t.given != otelmail.CauseNone {
			t.giveUp()
		}
	}
}

// TLSFailed notes that a handshake has failed, and why. What breaks the session by it is
// still for [SMTPDialogue.Lost] or [SMTPDialogue.End] to say. For those who do the handshake themselves.
func (d *SMTPDialogue) TLSFailed(err error) {
	d.begin()
	d.session.TLSFailed(err)
}

// Lost notes that reading from the client or writing to it has failed: with
// [otelmail.CauseEOF] it has closed, and what fails later does not count. A reset stays;
// any other cause passes when more comes from the client, except inside a message, where
// only a timeout does.
func (d *SMTPDialogue) Lost(cause otelmail.Cause) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails(cause)
	if cause == otelmail.CauseTimeout {
		d.stalled = d.body != bodyNone
	} else if d.left == otelmail.CauseNone && d.command.open && (d.body != bodyNone || d.chunk > 0) {
		d.breaks(cause)
	}
}

// Idle reports that nothing is in progress: no command, and no transaction that
// MAIL has begun. False when the dialogue can no longer be followed. For a server that
// shuts down, and waits for what is in progress.
func (d *SMTPDialogue) Idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.over && !d.command.open && !d.said.begun() && !d.mail && d.body == bodyNone && d.seal != smtpShaking
}

// End ends the session: cause says why it broke, and is [otelmail.CauseNone] when it
// did not, whether the client said QUIT or not, or when [SMTPDialogue.Lost] has said
// why. Further calls have no effect.
func (d *SMTPDialogue) End(cause otelmail.Cause) {
	d.begin()
	d.mu.Lock()
	cause = d.finish(cause)
	inside, verb := d.left != otelmail.CauseNone, d.brokeIn
	d.mu.Unlock()
	if inside {
		d.session.EndInside(verb)
		return
	}
	d.session.End(cause)
}

// breaks notes that the session broke inside the command in progress, which counts that as an error.
func (d *SMTPDialogue) breaks(why otelmail.Cause) { d.left, d.brokeIn = why, d.command.verb }

// finish ends what is in progress. It returns why the session broke, where it was not
// inside a command.
func (d *SMTPDialogue) finish(cause otelmail.Cause) otelmail.Cause {
	switch {
	case cause != otelmail.CauseNone:
	case d.failure != otelmail.CauseNone:
		cause = d.why()
	case d.farewell != otelmail.CauseNone:
		cause = d.farewell
	}
	if d.over {
		return cause
	}
	if d.seal == smtpShaking {
		d.session.TLSFailed(d.handshakeError())
	}
	why := cause
	if why == otelmail.CauseNone {
		why = otelmail.CauseEOF
	}
	if d.left != otelmail.CauseNone {
		why = d.left
	}
	d.cutOff(why)
	d.over = true
	return cause
}

// unfollow gives up.
func (d *SMTPDialogue) unfollow() {
	d.cutOff(otelmail.CauseProtocol)
	d.session.Unfollowed()
	d.over = true
	d.smtpClient, d.smtpServer = smtpClient{}, smtpServer{}
}
