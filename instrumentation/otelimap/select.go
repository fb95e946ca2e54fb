package otelimap

import (
	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
)

// Select is the commands SELECT and EXAMINE.
func (s *session) Select(mailbox string, options *imap.SelectOptions) (*imap.SelectData, error) {
	c := s.conn
	verb := otelmail.IMAPSelect
	if options != nil && options.ReadOnly {
		verb = otelmail.IMAPExamine
	}
	// With a mailbox selected, go-imap has first called Unselect: it was no
	// UNSELECT, because that would have been answered.
	if !c.turns(otelmail.IMAPUnselect, verb, mailbox) {
		c.begin(verb, mailbox)
	}
	defer c.guard()
	data, err := s.inner.Select(mailbox, options)
	switch {
	case err == nil && data == nil: // go-imap panics on it
		c.settle(reply{result: otelmail.IMAPBroken, cause: otelmail.CausePanic})
	default:
		if err == nil {
			c.mailboxChanged(selected, mailbox)
		}
		c.answered(err)
	}
	return data, err
}

// Unselect is the command UNSELECT, the second half of CLOSE, or the first half
// of SELECT and EXAMINE.
func (s *session) Unselect() error {
	c := s.conn
	if !c.continues(otelmail.IMAPClose) {
		c.beginSelected(otelmail.IMAPUnselect)
	}
	defer c.guard()
	err := s.inner.Unselect()
	if err == nil {
		c.mailboxChanged(authenticated, "")
	}
	c.polled(err)
	return err
}

// Expunge is the commands EXPUNGE and UID EXPUNGE, or the first half of CLOSE.
func (s *session) Expunge(w *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	verb := otelmail.IMAPExpunge
	if w != nil && *w == (imapserver.ExpungeWriter{}) { // CLOSE tells the client nothing
		verb = otelmail.IMAPClose
	}
	s.conn.beginSelected(verb)
	defer s.conn.guard()
	err := s.inner.Expunge(w, uids)
	s.conn.polled(err)
	return err
}
