package demo

import (
	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// What IMAP clients change is changed in the store, or told to it.

// Create implements [imapserver.Session].
func (s *imapSession) Create(mailbox string, _ *imap.CreateOptions) error {
	return s.server.store.create(mailbox)
}

// Delete implements [imapserver.Session].
func (s *imapSession) Delete(mailbox string) error { return s.server.store.delete(mailbox) }

// Rename implements [imapserver.Session].
func (s *imapSession) Rename(mailbox, newName string, _ *imap.RenameOptions) error {
	return s.server.store.rename(mailbox, newName)
}

// Append implements [imapserver.Session].
func (s *imapSession) Append(mailbox string, r imap.LiteralReader, options *imap.AppendOptions) (*imap.AppendData, error) {
	if err := s.server.store.room(); err != nil {
		return nil, err
	}
	data, err := s.UserSession.Append(mailbox, r, options)
	return data, s.changed(err)
}

// Copy implements [imapserver.Session].
func (s *imapSession) Copy(messages imap.NumSet, mailbox string) (*imap.CopyData, error) {
	if err := s.server.store.room(); err != nil {
		return nil, err
	}
	data, err := s.copyOne(func() (*imap.CopyData, error) { return s.UserSession.Copy(messages, mailbox) })
	return data, s.changed(err)
}

// Move implements [imapserver.SessionMove].
func (s *imapSession) Move(w *imapserver.MoveWriter, messages imap.NumSet, mailbox string) error {
	_, err := s.copyOne(func() (*imap.CopyData, error) { return nil, s.UserSession.Move(w, messages, mailbox) })
	return s.changed(err)
}

// copyOne has one client at a time copy: imapmemserver locks one mailbox and
// then the other, and two clients could do so the opposite way round.
func (s *imapSession) copyOne(work func() (*imap.CopyData, error)) (*imap.CopyData, error) {
	s.server.store.mu.Lock()
	defer s.server.store.mu.Unlock()
	return work()
}

// Expunge implements [imapserver.Session].
func (s *imapSession) Expunge(w *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	return s.changed(s.UserSession.Expunge(w, uids))
}

// Store implements [imapserver.Session].
func (s *imapSession) Store(w *imapserver.FetchWriter, messages imap.NumSet, flags *imap.StoreFlags, options *imap.StoreOptions) error {
	defer s.server.store.changes.Add(1)
	return s.UserSession.Store(w, messages, flags, options)
}

// Fetch implements [imapserver.Session]. It may mark messages as seen.
func (s *imapSession) Fetch(w *imapserver.FetchWriter, messages imap.NumSet, options *imap.FetchOptions) error {
	for _, section := range options.BodySection {
		if !section.Peek {
			defer s.server.store.changes.Add(1)
			break
		}
	}
	return s.UserSession.Fetch(w, messages, options)
}

// changed has the store measured after a change that has succeeded.
func (s *imapSession) changed(err error) error {
	if err != nil {
		return err
	}
	return s.server.store.report()
}
