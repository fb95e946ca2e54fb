package otelimap

import (
	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
)

// Search is the commands SEARCH and UID SEARCH.
func (s *session) Search(kind imapserver.NumKind, criteria *imap.SearchCriteria, options *imap.SearchOptions) (*imap.SearchData, error) {
	s.conn.beginSelected(otelmail.IMAPSearch)
	defer s.conn.guard()
	data, err := s.inner.Search(kind, criteria, options)
	s.conn.polled(err)
	return data, err
}

// Fetch is the commands FETCH and UID FETCH.
func (s *session) Fetch(w *imapserver.FetchWriter, numSet imap.NumSet, options *imap.FetchOptions) error {
	s.conn.beginSelected(otelmail.IMAPFetch)
	defer s.conn.guard()
	err := s.inner.Fetch(w, numSet, options)
	s.conn.polled(err)
	return err
}

// Store is the commands STORE and UID STORE.
func (s *session) Store(w *imapserver.FetchWriter, numSet imap.NumSet, flags *imap.StoreFlags, options *imap.StoreOptions) error {
	s.conn.beginSelected(otelmail.IMAPStore)
	defer s.conn.guard()
	err := s.inner.Store(w, numSet, flags, options)
	s.conn.polled(err)
	return err
}

// Copy is the commands COPY and UID COPY; they are about the selected mailbox.
func (s *session) Copy(numSet imap.NumSet, dest string) (*imap.CopyData, error) {
	s.conn.beginSelected(otelmail.IMAPCopy)
	defer s.conn.guard()
	data, err := s.inner.Copy(numSet, dest)
	s.conn.polled(err)
	return data, err
}

// mover is a session that supports MOVE (RFC 6851).
type mover struct{ s *session }

// Move is the commands MOVE and UID MOVE; they are about the selected mailbox.
func (m mover) Move(w *imapserver.MoveWriter, numSet imap.NumSet, dest string) error {
	c := m.s.conn
	c.beginSelected(otelmail.IMAPMove)
	defer c.guard()
	err := m.s.inner.(inMove).Move(w, numSet, dest)
	c.polled(err)
	return err
}
