package otelsmtp

import (
	"io"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
)

func (s lmtpSession) LMTPData(r io.Reader, c smtp.StatusCollector) error { return s.deliver(r, c) }

func (s authLMTPSession) LMTPData(r io.Reader, c smtp.StatusCollector) error { return s.deliver(r, c) }

// deliver is a message to a backend that answers for each recipient (RFC 2033
// section 4.2).
func (s *session) deliver(r io.Reader, collector smtp.StatusCollector) error {
	m := s.conn.beginMessage(r)
	told := &statuses{conn: s.conn, message: m, next: collector}
	reply := panicked
	defer func() { s.endMessage(m, reply, told) }()
	err := s.inner.(smtp.LMTPSession).LMTPData(m, told)
	reply = dataReply(err, m.cmd)
	return err
}

// statuses notes what the backend answers for single recipients.
type statuses struct {
	conn    *connection
	message *message
	next    smtp.StatusCollector
	replies []otelmail.RecipientReply // guarded by conn.mu
}

// SetStatus notes a recipient's reply and passes it on. It is noted first,
// because go-smtp writes it at once.
func (s *statuses) SetStatus(rcptTo string, err error) {
	r := otelmail.RecipientReply{Recipient: rcptTo, Reply: dataReply(err, s.message.cmd)}
	s.conn.mu.Lock()
	if s.open(rcptTo) {
		s.replies = append(s.replies, r)
		if !s.message.bdat {
			s.conn.wire.owe(r.Reply)
		}
	}
	s.conn.mu.Unlock()
	s.next.SetStatus(rcptTo, err)
}

// open reports whether a recipient has no reply yet; go-smtp panics on any other.
// The same recipient may have been given more than once.
func (s *statuses) open(rcptTo string) bool {
	n := 0
	for _, to := range s.message.recipients {
		if to == rcptTo {
			n++
		}
	}
	for _, r := range s.replies {
		if r.Recipient == rcptTo {
			n--
		}
	}
	return n > 0
}

func (s *statuses) count() int {
	if s == nil {
		return 0
	}
	return len(s.replies)
}

// complete returns the noted replies followed by those of all other recipients,
// who get the backend's return value.
func (s *statuses) complete(recipients []string, rest otelmail.Reply) []otelmail.RecipientReply {
	replies := make([]otelmail.RecipientReply, s.count(), len(recipients))
	told := make(map[string]int, s.count())
	if s != nil {
		for i, r := range s.replies {
			replies[i] = r
			told[r.Recipient]++
		}
	}
	for _, to := range recipients {
		if told[to] > 0 {
			told[to]--
			continue
		}
		replies = append(replies, otelmail.RecipientReply{Recipient: to, Reply: rest})
	}
	return replies
}
