package otelsmtp

import (
	"errors"
	"io"
	"net"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// Data is a message by DATA or, in a goroutine of its own, by BDAT.
func (s *session) Data(r io.Reader) (err error) {
	if _, bdat := r.(*io.PipeReader); bdat {
		return s.handle(func() error { return s.inner.Data(r) })
	}
	err = errPanicked
	defer s.called(&err)
	s.message.source = r
	err = s.inner.Data(&s.message)
	return err
}

func (s lmtpSession) LMTPData(r io.Reader, c smtp.StatusCollector) error { return s.deliver(r, c) }

func (s authLMTPSession) LMTPData(r io.Reader, c smtp.StatusCollector) error { return s.deliver(r, c) }

// deliver is a message to a backend that answers for each recipient (RFC 2033
// section 4.2).
func (s *session) deliver(r io.Reader, c smtp.StatusCollector) error {
	if _, bdat := r.(*io.PipeReader); bdat {
		return s.handle(func() error { return s.inner.(smtp.LMTPSession).LMTPData(r, c) })
	}
	s.message.source = r
	return s.run(func() error { return s.inner.(smtp.LMTPSession).LMTPData(&s.message, c) })
}

// handle has the backend take a message by BDAT.
func (s *session) handle(f func() error) error {
	done, cause := s.connection.dialogue.Handling(), otelmail.CausePanic
	defer func() { done(cause) }()
	err := s.run(f)
	cause = otelmail.CauseNone
	return err
}

// message tells of a client that goes away inside it. Under TLS nobody else sees
// that: a connection that TLS closes looks open from below.
type message struct {
	source   io.Reader
	dialogue *observe.SMTPDialogue
}

// Read reads from the message.
func (m *message) Read(p []byte) (int, error) {
	n, err := m.source.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, net.ErrClosed) {
		switch cause := otelmail.CauseOf(err); cause {
		case otelmail.CauseEOF, otelmail.CauseReset, otelmail.CauseTimeout:
			m.dialogue.Lost(cause)
		}
	}
	return n, err
}
