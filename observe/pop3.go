package observe

import (
	"bytes"
	"context"
	"crypto/tls"
	"sync"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// pop3Waiting is how many commands may wait for their turn (RFC 2449 section
// 6.6, PIPELINING). A client that sends more ahead is no longer followed.
const pop3Waiting = 1024

// pop3Names is how many of the commands that wait may each hold a user's name.
const pop3Names = 16

// POP3Dialogue follows one connection of a POP3 server by what both sides say: RFC
// 1939, 2449, 2595 (STLS), 5034 (AUTH), in whatever pieces it comes, and with up to a
// thousand commands sent ahead (RFC 2449 section 6.6).
//
// Its methods may be called from several goroutines. What a client sent must be given
// before the server's answer to it.
//
// A command is in progress from when its line is complete, and all before it are
// answered, to the end of its reply. A line that is refused before its end has come, for
// its length, is a command too.
type POP3Dialogue struct {
	tel   *otelmail.Telemetry
	begun sync.Once
	about func() otelmail.Conn

	mu      sync.Mutex
	session otelmail.POP3Session
	state   pop3State
	sealed  bool // STLS was accepted, and its handshake has not failed

	said    line       // by the client, without its end
	early   bool       // it was answered before its end: the rest of it is to come
	waiting []pop3Line // complete, and not yet their turn
	now     pop3Line   // whose turn it is, if busy
	command otelmail.POP3Command
	cause   otelmail.Cause // what lies behind the reply to come
	busy    bool
	replies pop3Replies // of the server
	inBody  bool        // of a multi-line reply
	greeted bool
	asked   bool // the server waits for an answer to a challenge of AUTH
	skips   bool // the server does not answer empty lines

	ending

	name string // of the login in progress
	user string // who has logged in
}

type pop3State uint8

const (
	pop3Talks   pop3State = iota
	pop3Shaking           // STLS was accepted
	pop3Over              // QUIT was answered, or nothing is understood any more
	pop3Ended
)

// NewPOP3Dialogue begins a session on a connection described by about. A nil tel
// records nothing. End it with [POP3Dialogue.End].
func NewPOP3Dialogue(tel *otelmail.Telemetry, about otelmail.Conn) *POP3Dialogue {
	d := newPOP3Dialogue(tel, func() otelmail.Conn { return about })
	d.begin()
	return d
}

func newPOP3Dialogue(tel *otelmail.Telemetry, about func() otelmail.Conn) *POP3Dialogue {
	if tel == nil {
		tel = otelmail.Noop()
	}
	return &POP3Dialogue{tel: tel, about: about}
}

func (d *POP3Dialogue) begin() {
	d.begun.Do(func() {
		about := d.about()
		d.secure = about.TLS != nil
		d.session = d.tel.POP3.Session(context.Background(), about)
	})
}

// FromClient takes what the client has sent, in plaintext. After +OK to STLS it takes
// what is said inside TLS.
func (d *POP3Dialogue) FromClient(p []byte) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state == pop3Shaking && len(p) > 0 {
		d.upgrade(tls.ConnectionState{HandshakeComplete: true})
	}
	d.speaks()
	for len(p) > 0 && d.state == pop3Talks {
		if d.early {
			_, rest, whole := bytes.Cut(p, []byte{'\n'})
			d.early, p = !whole, rest
			continue
		}
		said, rest, whole := d.said.next(p, maxLine)
		if whole {
			d.take(parsePOP3(said))
			d.said.forget()
		}
		p = rest
	}
}

// FromServer takes what the server has sent, in plaintext.
func (d *POP3Dialogue) FromServer(p []byte) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(p) > 0 && d.state < pop3Over {
		if d.state == pop3Shaking { // the handshake has failed, and the server says so
			d.session.TLSFailed(d.handshakeError())
			d.state, d.sealed = pop3Talks, false
		}
		var complete bool
		if d.inBody {
			if p, complete = d.replies.body(p); complete {
				d.inBody = false
				d.end(true)
			}
			continue
		}
		var status pop3Status
		if status, p, complete = d.replies.status(p); complete {
			d.hear(status)
		}
	}
}

// Upgrade says what TLS agreed on: after STLS was answered with +OK, or for a session
// that began with TLS before its handshake. It may be called again when more is known.
func (d *POP3Dialogue) Upgrade(state tls.ConnectionState) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state == pop3Shaking {
		d.upgrade(state)
		return
	}
	d.session.TLS(state)
}

func (d *POP3Dialogue) upgrade(state tls.ConnectionState) {
	d.state = pop3Talks
	d.secured()
	d.session.TLS(state)
}

// Sealed reports that the network carries TLS since STLS was answered with +OK: what
// client and server say can be read only above it. For those who hook in below TLS.
func (d *POP3Dialogue) Sealed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sealed
}

// refused: no TLS record begins with a minus.
func (d *POP3Dialogue) refused(p []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state == pop3Shaking && len(p) > 0 && p[0] == '-'
}

// Context returns the context of the command in progress, which carries its span;
// between commands that of the session.
func (d *POP3Dialogue) Context() context.Context {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy && !d.now.empty {
		return d.command.Context()
	}
	return d.session.Context()
}

// User notes who logs in with the AUTH in progress, which only the server knows, or who
// is logged in otherwise (by a client certificate), for the spans of later commands as
// the privacy policy allows.
func (d *POP3Dialogue) User(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy && d.now.login() {
		d.name = name
		d.command.Note(otelmail.POP3Facts{User: name})
		return
	}
	d.user = name
}

// Cause notes what lies behind -ERR to come for the command in progress:
// [otelmail.CauseStorage] where a message cannot be read. +OK has no cause.
func (d *POP3Dialogue) Cause(cause otelmail.Cause) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy {
		d.cause = cause
	}
}

// take takes a line, which is a command unless an AUTH is in progress.
func (d *POP3Dialogue) take(line pop3Line) {
	switch {
	case d.asked:
		d.asked = false
	case len(d.waiting) == pop3Waiting:
		d.lose()
	default:
		if len(d.waiting) >= pop3Names {
			line.user = ""
		}
		d.waiting = append(d.waiting, line)
		d.next()
	}
}

// next begins the command whose turn it is. An empty line begins with its reply,
// because not every server gives it one.
func (d *POP3Dialogue) next() {
	for !d.busy && len(d.waiting) > 0 {
		d.now = d.pop()
		d.busy = !d.now.empty || !d.skips
		if !d.now.empty {
			d.start()
		}
	}
}

func (d *POP3Dialogue) pop() pop3Line {
	line := d.waiting[0]
	d.waiting = d.waiting[1:]
	if len(d.waiting) == 0 {
		d.waiting = nil // a client that once sent much ahead must not cost for ever
	}
	return line
}

func (d *POP3Dialogue) start() {
	d.command = d.session.Command(d.now.verb)
	switch d.now.verb {
	case mailconv.POP3User, mailconv.POP3Apop:
		d.name = d.now.user
		d.command.Note(otelmail.POP3Facts{User: d.name})
	case mailconv.POP3Pass:
		d.command.Note(otelmail.POP3Facts{User: d.name})
	case mailconv.POP3Auth: // its user is not looked for
		if d.now.login() {
			d.name = ""
		}
		d.command.Note(otelmail.POP3Facts{Mechanism: d.now.sasl})
	default:
		d.command.Note(otelmail.POP3Facts{User: d.user})
	}
}

// hear takes the first line of a reply.
func (d *POP3Dialogue) hear(status pop3Status) {
	if d.greeted && d.busy && d.now.empty && status != pop3Err { // no server accepts an empty line
		d.skips, d.busy = true, false
		d.next()
	}
	if d.greeted && !d.busy && d.said.begun() && d.failure != otelmail.CauseTimeout && (d.closed || status == pop3Err) { // to this server a line that lacks its end is one
		d.early = true
		d.take(parsePOP3(d.said.take()))
		d.said.forget()
	}
	switch {
	case !d.greeted && (status == pop3OK || status == pop3Err):
		d.greeted = true
	case status == pop3Err && !d.busy: // said unasked, by a server that ends the session
	case status == pop3Strange, !d.greeted, !d.busy:
		d.lose()
	case status == pop3Challenge && (d.now.verb != mailconv.POP3Auth || !d.now.argument):
		d.lose()
	case status == pop3Challenge && len(d.waiting) > 0:
		d.pop() // the answer was sent ahead
	case status == pop3Challenge:
		d.asked = true
	case status == pop3OK && d.now.multi():
		d.inBody = true
	default:
		d.end(status == pop3OK)
	}
}

// end ends the command in progress with its reply.
func (d *POP3Dialogue) end(ok bool) {
	if d.now.empty {
		d.start()
	}
	d.command.End(otelmail.POP3Reply{OK: ok, Cause: d.cause})
	d.busy, d.asked, d.cause = false, false, otelmail.CauseNone
	if d.now.login() {
		if ok {
			d.user = d.name
		}
		d.name = ""
	}
	switch {
	case ok && d.now.verb == mailconv.POP3Stls:
		d.state, d.sealed = pop3Shaking, true
		d.forget()
	case ok && d.now.verb == mailconv.POP3Quit:
		d.state, d.goodbye = pop3Over, true
		d.forget()
	}
	d.next()
}

// forget drops what the client has said and nobody has answered.
func (d *POP3Dialogue) forget() {
	d.waiting, d.early = nil, false
	d.said.forget()
	d.name, d.user = "", ""
}

// lose stops following.
func (d *POP3Dialogue) lose() {
	d.session.Unfollowed()
	d.breakOff(otelmail.CauseProtocol)
	d.forget()
	d.state = pop3Over
}

// breakOff ends the command in progress, which has no reply.
func (d *POP3Dialogue) breakOff(cause otelmail.Cause) {
	if d.busy && !d.now.empty {
		d.command.End(otelmail.POP3Reply{Cause: cause})
	}
	d.busy = false
}

// TLSFailed notes that a handshake has failed, and why. What breaks the session by it is
// still for [POP3Dialogue.Lost] or [POP3Dialogue.End] to say. For those who do the handshake themselves.
func (d *POP3Dialogue) TLSFailed(err error) {
	d.begin()
	d.session.TLSFailed(err)
}

// Lost notes that reading from the client or writing to it has failed: with
// [otelmail.CauseEOF] it has closed, and what fails later does not count. A reset stays;
// any other cause passes when more comes from the client.
func (d *POP3Dialogue) Lost(cause otelmail.Cause) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails(cause)
}

// End ends the session: cause says why it broke, and is [otelmail.CauseNone] when it
// did not, whether the client said QUIT or not, or when [POP3Dialogue.Lost] has said
// why. A session that ends in the middle of a line that has no reply, or between STLS and
// its handshake, is broken in any case. Further calls have no effect.
func (d *POP3Dialogue) End(cause otelmail.Cause) {
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state == pop3Ended {
		return
	}
	if cause == otelmail.CauseNone {
		cause = d.why()
	}
	if d.state == pop3Shaking {
		d.session.TLSFailed(d.handshakeError())
	}
	switch {
	case d.state == pop3Shaking && (cause == otelmail.CauseNone || cause == otelmail.CauseEOF):
		cause = otelmail.CauseTLSHandshake
	case cause == otelmail.CauseNone && d.said.begun():
		cause = otelmail.CauseEOF
	}
	if cause == otelmail.CauseNone {
		d.breakOff(otelmail.CauseEOF)
	} else {
		d.breakOff(cause)
	}
	d.forget()
	d.state = pop3Ended
	d.session.End(cause)
}
