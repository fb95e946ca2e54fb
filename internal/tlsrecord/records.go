// Package tlsrecord reads why a TLS handshake fails, from below the TLS that somebody else does.
package tlsrecord

import (
	"crypto/tls"
	"net"
	"sync/atomic"
)

// What a record can be (RFC 8446 section 5.1), and what an alert must be to end a handshake (section 6).
const (
	alert, handshake, data = 21, 22, 23
	fatal                  = 2
	header                 = 5
	// encryptedAlert is the length of an alert that TLS 1.3 shows as data: level, description, type and tag.
	encryptedAlert = 2 + 1 + 16
)

// Records follows what one side sends from the beginning of its handshake on. The zero value is at the beginning.
type Records struct {
	head  [header + 2]byte // of the record in progress; an alert that is not encrypted fits in
	n     int              // of these have come
	rest  int              // and this much of the record is still to come
	begun bool             // the first record has
	over  bool             // nothing more is to be learned
	done  atomic.Bool      // is asked for while bytes come
}

// Done reports whether the side has sent what follows on its part of the handshake: data, or what TLS 1.3 shows as
// that, by which it takes the other side for whom it says it is. It may be called at any time, from any goroutine.
func (r *Records) Done() bool { return r.done.Load() }

// Failure takes the next bytes, cut anywhere, and returns what in them ends the handshake: the alert of the side that
// sends them, as crypto/tls reports one, or a [tls.RecordHeaderError] where that side does not speak TLS. It is nil as
// long as nothing does.
func (r *Records) Failure(p []byte) error {
	for len(p) > 0 && !r.over {
		if r.rest > 0 {
			n := min(r.rest, len(p))
			p, r.rest = p[n:], r.rest-n
			continue
		}
		n := copy(r.head[r.n:r.want()], p)
		p, r.n = p[n:], r.n+n
		if !r.begun && r.head[0] != handshake && r.head[0] != alert {
			r.over = true
			return tls.RecordHeaderError{Msg: "the first byte is not that of a handshake"}
		}
		if r.n < r.want() {
			continue
		}
		r.begun = true
		if r.n > header {
			if r.head[header] == fatal {
				r.over = true
				return &net.OpError{Op: "remote error", Err: tls.AlertError(r.head[header+1])}
			}
		} else {
			r.rest = r.length()
			if r.head[0] == data && r.rest != encryptedAlert {
				r.done.Store(true)
			}
		}
		r.n = 0
	}
	return nil
}

func (r *Records) length() int { return int(r.head[3])<<8 | int(r.head[4]) }

// want is how much of a record is looked at.
func (r *Records) want() int {
	if r.n >= header && r.head[0] == alert && r.length() == 2 {
		return header + 2
	}
	return header
}
