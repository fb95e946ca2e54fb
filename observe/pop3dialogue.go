package observe

import (
	"context"
	"crypto/tls"
	"sync"

	"github.com/rusmes/otelmail"
)

// pop3Waiting is how many commands may wait for their turn (RFC 2449 section
// 6.6, PIPELINING). A client that sends more ahead is no longer followed.
const pop3Waiting = 1024

// pop3Names is how many of the commands that wait may each hold a user's name.
const pop3Names = 16

// POP3Dialogue follows what a POP3 client and its server say to each other (RFC
// 1939, 2449, 2595, 5034), for servers that show it in another way than through a
// [net.Conn]; [POP3] is the one to use for the others.
//
// Give it the bytes of both sides in plaintext, each in the order in which they
// were read or written, in pieces of any size, and a command before its reply. It
// keeps nothing of them but the names of users. Of passwords, digests and the
// lines of AUTH no more than the verb is looked at.
//
// A command is in progress from when its line is complete, and all before it are
// answered, to the end of its reply. What is not understood ends the following,
// and counts in telemetry_unfollowed_sessions_total. All methods are safe for
// concurrent use.
type POP3Dialogue struct {
	mu      sync.Mutex
	session otelmail.POP3Session
	state   pop3State

	lines   pop3Lines  // of the client
	waiting []pop3Line // complete, and not yet their turn
	now     pop3Line   // whose turn it is, if busy
	command otelmail.POP3Command
	busy    bool
	replies pop3Replies // of the server
	inBody  bool        // of a multi-line reply
	greeted bool
	asked   bool // the server waits for an answer to a challenge of AUTH
	skips   bool // the server does not answer empty lines

	name string // of the login in progress
	user string // who has logged in
}

type pop3State uint8

const (
	pop3Talks     pop3State = iota
	pop3Handshake           // STLS was accepted
	pop3Over                // QUIT was answered, or nothing is understood any more
	pop3Ended
)

// NewPOP3Dialogue begins the session of a connection that was accepted. A nil tel
// records nothing.
func NewPOP3Dialogue(tel *otelmail.Telemetry, about otelmail.Conn) *POP3Dialogue {
	if tel == nil {
		tel = otelmail.Noop()
	}
	return &POP3Dialogue{session: tel.POP3.Session(context.Background(), about)}
}

// Context carries the span of the command in progress, between two commands that
// of the session: what a server does with it becomes a child.
func (d *POP3Dialogue) Context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy {
		return d.command.Context()
	}
	return d.session.Context()
}

// User notes who logs in with the AUTH in progress, which the server alone can
// tell, or who has logged in in a way of its own.
func (d *POP3Dialogue) User(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy && d.now.login() {
		d.name = name
		d.command.User(name)
		return
	}
	d.user = name
}

// Upgrade notes that the handshake after STLS has succeeded: what follows was
// said inside TLS. What the client said before is forgotten (RFC 2595 section 4).
func (d *POP3Dialogue) Upgrade(state tls.ConnectionState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.session.Upgrade(state)
	if d.state == pop3Handshake {
		d.state = pop3Talks
	}
}

// FromClient takes what the client has sent.
func (d *POP3Dialogue) FromClient(p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.state == pop3Talks {
		line, rest, complete := d.lines.next(p)
		if !complete {
			return
		}
		d.take(parsePOP3(line))
		d.lines.forget()
		p = rest
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
			d.begin()
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

func (d *POP3Dialogue) begin() {
	d.command = d.session.Command(d.now.verb)
	switch d.now.verb {
	case otelmail.POP3User, otelmail.POP3Apop:
		d.name = d.now.user
		d.command.User(d.name)
	case otelmail.POP3Pass:
		d.command.User(d.name)
	case otelmail.POP3Auth: // its user is not looked for
		if d.now.login() {
			d.name = ""
		}
	default:
		d.command.User(d.user)
	}
}

// FromServer takes what the server has sent.
func (d *POP3Dialogue) FromServer(p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(p) > 0 && d.state == pop3Talks {
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

// hear takes the first line of a reply.
func (d *POP3Dialogue) hear(status pop3Status) {
	if d.greeted && d.busy && d.now.empty && status != pop3Err { // no server accepts an empty line
		d.skips, d.busy = true, false
		d.next()
	}
	switch {
	case !d.greeted && (status == pop3OK || status == pop3Err):
		d.greeted = true
	case status == pop3Err && !d.busy: // said unasked, by a server that ends the session
	case status == pop3Strange, !d.greeted, !d.busy:
		d.lose()
	case status == pop3Challenge && (d.now.verb != otelmail.POP3Auth || !d.now.argument):
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
		d.begin()
	}
	d.command.End(ok, otelmail.CauseNone)
	d.busy, d.asked = false, false
	if d.now.login() {
		if ok {
			d.user = d.name
		}
		d.name = ""
	}
	switch {
	case ok && d.now.verb == otelmail.POP3Stls:
		d.state = pop3Handshake
		d.forget()
	case ok && d.now.verb == otelmail.POP3Quit:
		d.state = pop3Over
		d.forget()
	}
	d.next()
}

// forget drops what the client has said and nobody has answered.
func (d *POP3Dialogue) forget() {
	d.waiting = nil
	d.lines.forget()
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
		d.command.End(false, cause)
	}
	d.busy = false
}

// End ends the session: cause says why it broke, and is [otelmail.CauseNone] when
// it did not, whether the client said QUIT or not. A session that ends in the
// middle of a line, or between STLS and its handshake, is broken in any case.
// Further calls have no effect.
func (d *POP3Dialogue) End(cause otelmail.Cause) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state == pop3Ended {
		return
	}
	switch {
	case d.state == pop3Handshake && (cause == otelmail.CauseNone || cause == otelmail.CauseEOF):
		cause = otelmail.CauseTLSHandshake
	case cause == otelmail.CauseNone && d.lines.begun():
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
