package otelsmtp

import (
	"errors"
	"io"
	"slices"
	"sync/atomic"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
)

// message is a message in transfer. It is the reader that the backend reads it
// from, to know how the reading ended: that, and not what the backend makes of
// it, tells a refused message from one that broke off.
type message struct {
	cmd        otelmail.SMTPCommand
	source     io.Reader
	bdat       bool
	reading    atomic.Uint32 // a reading
	recipients []string

	// A message by BDAT is read in a goroutine of its own, and may be abandoned
	// meanwhile. Guarded by connection.mu.
	abandoned bool           // fate is its reply, whatever the backend returns
	returned  bool           // the backend has returned; the fate is still to come
	fate      otelmail.Reply // when abandoned
}

// reading is how the reading of a message went: one of these, or lost plus the
// cause for which the connection was lost.
type reading uint32

const (
	partial reading = iota // not to the end
	whole                  // to the end
	aborted                // go-smtp has called it off
	lost
)

func readingOf(err error) reading {
	if errors.Is(err, io.EOF) {
		return whole
	}
	if errors.Is(err, smtp.ErrDataReset) {
		return aborted
	}
	switch cause := otelmail.CauseOf(err); cause {
	case otelmail.CauseEOF, otelmail.CauseReset, otelmail.CauseCanceled:
		return lost + reading(cause)
	}
	return partial // too big, a line too long, a timeout: go-smtp can answer
}

// Read reads from the message.
func (m *message) Read(p []byte) (int, error) {
	n, err := m.source.Read(p)
	if err != nil {
		m.reading.Store(uint32(readingOf(err)))
	}
	return n, err
}

// Data is a message by DATA or, in a goroutine of its own, by BDAT.
func (s *session) Data(r io.Reader) error {
	m := s.conn.beginMessage(r)
	reply := panicked
	defer func() { s.endMessage(m, reply, nil) }()
	err := s.inner.Data(m)
	reply = dataReply(err, m.cmd)
	return err
}

func (c *connection) beginMessage(r io.Reader) *message {
	if _, bdat := r.(*io.PipeReader); bdat {
		m := &message{bdat: true, source: r, cmd: c.session.Command(otelmail.SMTPBdat)}
		c.mu.Lock()
		m.recipients = slices.Clone(c.recipients)
		over := c.abandon(otelmail.CauseCanceled)
		c.transfer = m
		c.mu.Unlock()
		over.endAbandoned()
		return m
	}
	m := &c.data
	m.cmd = c.begin(otelmail.SMTPData)
	m.source = r
	c.mu.Lock()
	m.recipients = c.recipients // to which nothing is added before the end of DATA
	c.mu.Unlock()
	m.reading.Store(uint32(partial))
	return m
}

// endMessage ends a message for which the backend returned an error that stands
// for reply; told is what LMTP recipients were told before, nil where the
// backend has one answer for all.
func (s *session) endMessage(m *message, reply otelmail.Reply, told *statuses) {
	if m.bdat && s.conn.settle(m, &reply) {
		return
	}
	how := reading(m.reading.Load())
	crashed := reply.Cause == otelmail.CausePanic
	each := s.c.Server().LMTP && (m.bdat && how == whole || !m.bdat && (told != nil || !crashed))
	broken := how > lost && !crashed && !reply.Accepted() && told.count() == 0

	c := s.conn
	c.mu.Lock()
	if !m.bdat {
		c.current = nil
		c.wire.crashed = crashed
	}
	c.told = c.told || broken
	var replies []otelmail.RecipientReply
	if each {
		replies = told.complete(m.recipients, reply)
		ahead := told.count()
		if m.bdat { // go-smtp writes nothing before the end
			ahead = 0
		}
		for _, r := range replies[ahead:] {
			c.wire.owe(r.Reply)
		}
	} else {
		c.wire.owe(reply)
	}
	c.mu.Unlock()

	s.nameUser(m.cmd)
	switch {
	case broken:
		m.cmd.EndMessage(otelmail.Reply{Cause: otelmail.Cause(how - lost)}, m.recipients...)
	case each:
		m.cmd.EndEach(replies...)
	default:
		m.cmd.EndMessage(reply, m.recipients...)
	}
}
