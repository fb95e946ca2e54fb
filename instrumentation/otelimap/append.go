package otelimap

import (
	"github.com/emersion/go-imap/v2"

	"github.com/rusmes/otelmail"
)

// Append is the command APPEND.
func (s *session) Append(mailbox string, r imap.LiteralReader, options *imap.AppendOptions) (*imap.AppendData, error) {
	c := s.conn
	c.begin(otelmail.IMAPAppend, mailbox)
	defer c.guard()
	if r != nil {
		c.literal = literal{LiteralReader: r, missing: r.Size()}
		r = &c.literal
	}
	data, err := s.inner.Append(mailbox, r, options)
	if c.literal.cut { // whatever the backend made of it, go-imap does not answer
		c.settle(reply{result: otelmail.IMAPBroken, cause: c.literal.cause})
	} else {
		c.polled(err)
	}
	c.literal = literal{}
	return data, err
}

// literal is the message of APPEND while the backend reads it. go-imap ends one
// that was cut off as if it were whole.
type literal struct {
	imap.LiteralReader
	missing int64
	cut     bool
	cause   otelmail.Cause
}

// Read reads on, and notes when the message ends too early.
func (l *literal) Read(b []byte) (int, error) {
	n, err := l.LiteralReader.Read(b)
	l.missing -= int64(n)
	if err != nil && l.missing > 0 {
		l.cut, l.cause = true, otelmail.CauseOf(err)
	}
	return n, err
}

// limiter is a session with one limit for APPEND in all mailboxes (RFC 7889).
type limiter struct{ s *session }

func (l limiter) AppendLimit() uint32 { return l.s.inner.(inAppendLimit).AppendLimit() }
