package otelimap

import (
	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
)

// Create is the command CREATE.
func (s *session) Create(mailbox string, options *imap.CreateOptions) error {
	s.conn.begin(otelmail.IMAPCreate, mailbox)
	defer s.conn.guard()
	err := s.inner.Create(mailbox, options)
	s.conn.polled(err)
	return err
}

// Delete is the command DELETE.
func (s *session) Delete(mailbox string) error {
	s.conn.begin(otelmail.IMAPDelete, mailbox)
	defer s.conn.guard()
	err := s.inner.Delete(mailbox)
	s.conn.polled(err)
	return err
}

// Rename is the command RENAME, which is about the mailbox of the old name.
func (s *session) Rename(mailbox, newName string, options *imap.RenameOptions) error {
	s.conn.begin(otelmail.IMAPRename, mailbox)
	defer s.conn.guard()
	err := s.inner.Rename(mailbox, newName, options)
	s.conn.polled(err)
	return err
}

// Subscribe is the command SUBSCRIBE.
func (s *session) Subscribe(mailbox string) error {
	s.conn.begin(otelmail.IMAPSubscribe, mailbox)
	defer s.conn.guard()
	err := s.inner.Subscribe(mailbox)
	s.conn.polled(err)
	return err
}

// Unsubscribe is the command UNSUBSCRIBE.
func (s *session) Unsubscribe(mailbox string) error {
	s.conn.begin(otelmail.IMAPUnsubscribe, mailbox)
	defer s.conn.guard()
	err := s.inner.Unsubscribe(mailbox)
	s.conn.polled(err)
	return err
}

// List is the commands LIST and LSUB.
func (s *session) List(w *imapserver.ListWriter, ref string, patterns []string, options *imap.ListOptions) error {
	verb := otelmail.IMAPList
	if isLsub(w) {
		verb = otelmail.IMAPLsub
	}
	s.conn.begin(verb, "")
	defer s.conn.guard()
	err := s.inner.List(w, ref, patterns, options)
	s.conn.polled(err)
	return err
}

// Status is the command STATUS.
func (s *session) Status(mailbox string, options *imap.StatusOptions) (*imap.StatusData, error) {
	s.conn.begin(otelmail.IMAPStatus, mailbox)
	defer s.conn.guard()
	data, err := s.inner.Status(mailbox, options)
	s.conn.polled(err)
	return data, err
}

// namespacer is a session that supports NAMESPACE (RFC 2342).
type namespacer struct{ s *session }

func (n namespacer) Namespace() (*imap.NamespaceData, error) {
	c := n.s.conn
	c.begin(otelmail.IMAPNamespace, "")
	defer c.guard()
	data, err := n.s.inner.(inNamespace).Namespace()
	c.polled(err)
	return data, err
}
