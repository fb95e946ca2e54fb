package observe

import (
	"io"
	"os"
	"syscall"

	"github.com/rusmes/otelmail"
)

// ending is what the network tells of how a session ends.
type ending struct {
	secure  bool           // TLS is in use, of either kind
	heard   bool           // the client has said something since the session or its TLS began
	closed  bool           // it has closed its side
	goodbye bool           // QUIT or LOGOUT was accepted
	failure otelmail.Cause // why it could last not be read from, or written to
}

// speaks notes that more comes from the client: what has failed has passed. A reset does
// not pass: what is read after it came before.
func (e *ending) speaks() {
	e.heard = true
	if e.failure != otelmail.CauseReset {
		e.failure = otelmail.CauseNone
	}
}

// secured notes that TLS begins.
func (e *ending) secured() { e.secure, e.heard = true, false }

// fails notes that reading or writing has failed, with [otelmail.CauseEOF] because the
// client has closed. What fails after that, or after a goodbye, is no break.
func (e *ending) fails(cause otelmail.Cause) {
	switch {
	case e.closed, e.goodbye:
	case cause != otelmail.CauseEOF:
		e.failure = cause
	case e.failure == otelmail.CauseNone: // to read on after a reset looks like an end
		e.closed = true
	}
}

// why is why the session broke.
func (e *ending) why() otelmail.Cause {
	if e.failure == otelmail.CauseReset && e.secure && !e.heard {
		return otelmail.CauseNone // a client that left right after the handshake has not read TLS 1.3's tickets
	}
	return e.failure
}

// handshakeError is why a handshake has not come about, as far as the network tells: nil where it does not.
func (e *ending) handshakeError() error {
	switch {
	case e.failure == otelmail.CauseTimeout:
		return os.ErrDeadlineExceeded
	case e.failure == otelmail.CauseReset:
		return syscall.ECONNRESET
	case e.closed:
		return io.EOF
	}
	return nil
}
