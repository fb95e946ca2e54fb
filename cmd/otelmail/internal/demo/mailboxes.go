package demo

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// What clients may store. Mail that is delivered is bound by inboxMost.
const (
	mailboxesMost = 200
	mailboxName   = 200 // bytes
	storeMost     = 20_000
	storeBytes    = 256 << 20
)

// create makes a mailbox.
func (s *mailStore) create(name string) error {
	name, err := newMailboxName(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.names) >= mailboxesMost {
		return refusal(imap.ResponseCodeLimit, "There are as many mailboxes as may be")
	}
	if err := s.user.Create(name, nil); err != nil {
		return err
	}
	s.names = append(s.names, name)
	return s.measure()
}

// delete takes a mailbox away with what is in it. INBOX stays (RFC 9051 section
// 6.3.5), and so does what has others below it: they would lose their way up.
func (s *mailStore) delete(name string) error {
	if name == inbox {
		return refusal(imap.ResponseCodeCannot, "INBOX cannot be deleted")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.names, func(other string) bool { return strings.HasPrefix(other, name+"/") }) {
		return refusal(imap.ResponseCodeHasChildren, "There are mailboxes below it")
	}
	if err := s.user.Delete(name); err != nil {
		return err
	}
	s.names = slices.DeleteFunc(s.names, func(other string) bool { return other == name })
	return s.measure()
}

// rename gives a mailbox, and those below it, another name. To rename INBOX
// would be to move its messages (RFC 9051 section 6.3.6): too much for a demo.
func (s *mailStore) rename(name, newName string) error {
	newName, err := newMailboxName(newName)
	switch {
	case err != nil:
		return err
	case name == inbox:
		return refusal(imap.ResponseCodeCannot, "INBOX cannot be renamed here")
	case strings.HasPrefix(newName, name+"/"):
		return refusal(imap.ResponseCodeCannot, "A mailbox cannot be moved below itself")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.names, func(other string) bool { return strings.HasPrefix(other, newName+"/") }) {
		return refusal(imap.ResponseCodeAlreadyExists, "There are mailboxes below the new name")
	}
	if err := s.user.Rename(name, newName, nil); err != nil {
		return err
	}
	for i, other := range s.names {
		if below, ok := strings.CutPrefix(other, name+"/"); ok {
			if err := s.user.Rename(other, newName+"/"+below, nil); err != nil {
				return err
			}
			s.names[i] = newName + "/" + below
		} else if other == name {
			s.names[i] = newName
		}
	}
	return s.measure()
}

// mailboxNames returns the mailboxes there are, in the order of their making.
func (s *mailStore) mailboxNames() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.names)
}

// room says whether a client may store more.
func (s *mailStore) room() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count >= storeMost || s.bytes >= storeBytes {
		return refusal(imap.ResponseCodeOverQuota, "There is no room for more")
	}
	return nil
}

// newMailboxName is a name as imapmemserver will take it.
func newMailboxName(name string) (string, error) {
	name = strings.TrimRight(name, "/")
	if name == "" || len(name) > mailboxName || strings.HasPrefix(name, "/") || strings.Contains(name, "//") ||
		strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return "", refusal(imap.ResponseCodeCannot, "That cannot be the name of a mailbox")
	}
	return name, nil
}

// refusal is a NO.
func refusal(code imap.ResponseCode, text string) *imap.Error {
	return &imap.Error{Type: imap.StatusResponseTypeNo, Code: code, Text: text}
}
