package otelsmtp

import (
	"bytes"
	"sync/atomic"

	"github.com/rusmes/otelmail"
)

// wire is what the Listener's side of a connection sees of it. It is guarded by
// connection.mu, but for failure.
type wire struct {
	mode    mode
	midLine bool // the last write did not end a line
	greeted bool
	// owed is the number of refusals that commands have ended with and that
	// go-smtp has still to write: the wire must not count them again.
	owed int
	// crashed says that DATA has panicked: Reset is called before its 421 is written.
	crashed  bool
	startTLS otelmail.SMTPCommand // in mode handshake
	over     bool                 // the connection is closed
	failure  atomic.Uint32        // the otelmail.Cause for which reading last failed
}

// mode is what can be understood of the bytes on the wire.
type mode uint8

const (
	blind     mode = iota // nothing: inside TLS, or there is no Listener
	plaintext             // replies, line by line
	handshake             // STARTTLS has begun: TLS, or the reply that it failed
)

func (w *wire) visible() bool { return w.mode == plaintext }

func (w *wire) broken() otelmail.Cause { return otelmail.Cause(w.failure.Load()) }

func (w *wire) owe(r otelmail.Reply) {
	if w.visible() && r.Refused() {
		w.owed++
	}
}

// seal notes that TLS is in use; it returns the STARTTLS that led there, if any.
func (w *wire) seal() (startTLS otelmail.SMTPCommand, begun bool) {
	begun = w.mode == handshake
	w.mode = blind
	return w.startTLS, begun
}

// wrote reads what go-smtp is about to write. It writes each line of a reply by
// itself, but nothing here relies on that.
func (c *connection) wrote(b []byte) {
	c.mu.Lock()
	mode, before := c.wire.mode, c.wire.midLine
	c.mu.Unlock()
	midLine := before
	if mode == blind || len(b) == 0 {
		return
	}
	if mode == handshake {
		if b[0] != '5' { // no record of TLS begins with a digit
			return
		}
		c.failStartTLS()
		midLine = true // that reply has been accounted for
	}
	for len(b) > 0 {
		line, rest, ended := bytes.Cut(b, []byte{'\n'})
		if !midLine && tells(line) {
			if r, ok := parseReply(line); ok {
				c.replied(r)
			}
		}
		b, midLine = rest, !ended
	}
	if midLine == before {
		return
	}
	c.mu.Lock()
	c.wire.midLine = midLine
	c.mu.Unlock()
}

// tells reports whether a line may be a reply that says something new. Most are
// 250 and 354: that all is well, the session knows.
func tells(line []byte) bool {
	return len(line) >= 3 && (line[0] == '4' || line[0] == '5' || string(line[:3]) == "220")
}

// replied takes the last line of a reply.
func (c *connection) replied(r otelmail.Reply) {
	switch {
	case r.Code == 220:
		c.ready()
	case r.Refused():
		c.refused(r)
	}
}

// ready is reply 220: the greeting, and after that only the reply to STARTTLS.
func (c *connection) ready() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.wire.greeted {
		c.wire.greeted = true
		return
	}
	c.wire.startTLS = c.session.Command(otelmail.SMTPStartTLS)
	c.wire.mode = handshake
}

func (c *connection) failStartTLS() {
	c.mu.Lock()
	cmd, begun := c.wire.seal()
	c.wire.mode = plaintext
	c.told = c.told || c.wire.broken() != otelmail.CauseNone
	c.mu.Unlock()
	if begun {
		cmd.End(otelmail.Reply{Cause: otelmail.CauseTLSHandshake})
	}
}

// refused takes a reply 4xx or 5xx. If no command has ended with it, it is one
// that go-smtp gives of its own accord.
func (c *connection) refused(r otelmail.Reply) {
	c.mu.Lock()
	switch {
	case c.wire.over:
		c.mu.Unlock()
	case c.wire.owed > 0:
		c.wire.owed--
		c.mu.Unlock()
	case r.Code == 421 && c.wire.broken() != otelmail.CauseNone:
		c.mu.Unlock() // the session ends with the cause
	case c.greeting: // the backend has called Conn.Reject
		c.rejected = r
		c.mu.Unlock()
	case c.authenticating: // canceled, or bad base64
		c.mu.Unlock()
		c.endDropped(r)
	case c.transfer != nil && (r.Code == 552 || r.Code == 554):
		// The chunk is too big or cannot be read; Reset follows and ends BDAT.
		c.transfer.fate = r
		c.mu.Unlock()
	case r.Code == 552 && len(c.recipients) > 0: // the first chunk is too big
		recipients := c.recipients
		c.mu.Unlock()
		c.session.Command(otelmail.SMTPBdat).EndMessage(r, recipients...)
	case r.Code == 523: // encryption needed (RFC 5248), which only AUTH says
		c.mu.Unlock()
		c.session.Command(otelmail.SMTPAuth).End(r)
	default:
		c.mu.Unlock()
		c.protocolError()
	}
}
