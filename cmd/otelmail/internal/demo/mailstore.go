package demo

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/rusmes/otelmail"
)

// The mail domain of the demo, and the name of its server.
const (
	localDomain = "example.org"
	localHost   = "mail.example.org"
)

const inbox = "INBOX"

// mailStore is one user's mailboxes, in memory.
type mailStore struct {
	tel      *otelmail.Telemetry
	userName string
	user     *imapmemserver.User

	mu    sync.Mutex
	names []string // the mailboxes there are
}

func newMailStore(tel *otelmail.Telemetry, userName, password string) (*mailStore, error) {
	s := &mailStore{tel: tel, userName: userName, user: imapmemserver.NewUser(userName, password)}
	for _, name := range []string{inbox, "Archive", "Drafts", "Junk", "Sent", "Trash"} {
		if err := s.create(name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// create makes a mailbox.
func (s *mailStore) create(name string) error {
	if err := s.user.Create(name, nil); err != nil {
		return fmt.Errorf("mail store: create %s: %w", name, err)
	}
	s.mu.Lock()
	s.names = append(s.names, name)
	s.mu.Unlock()
	return s.report()
}

// has reports whether an address of our domain has a mailbox.
func (s *mailStore) has(address string) bool {
	return domainOf(address) == localDomain && localPartOf(address) == s.userName
}

// login checks a password.
func (s *mailStore) login(userName, password string) bool {
	return s.user.Login(userName, password) == nil
}

// deliver appends a message to the recipient's INBOX.
func (s *mailStore) deliver(_ otelmail.Delivering, _ string, recipients []string, message []byte) (otelmail.Reply, []failure) {
	for _, recipient := range recipients {
		if !s.has(recipient) {
			return allFail(recipients, otelmail.Reply{
				Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}, Text: "no such mailbox",
			})
		}
		if err := s.append(message); err != nil {
			return allFail(recipients, otelmail.Reply{
				Code: 452, Enhanced: otelmail.EnhancedCode{4, 3, 1}, Cause: otelmail.CauseStorage, Text: "mailbox cannot be written",
			})
		}
	}
	return otelmail.Reply{Code: 250, Enhanced: otelmail.EnhancedCode{2, 0, 0}}, nil
}

func (s *mailStore) append(message []byte) error {
	_, err := s.user.Append(inbox, bytes.NewReader(message), &imap.AppendOptions{})
	if err != nil {
		return fmt.Errorf("mail store: append: %w", err)
	}
	if err := s.forgetOldest(); err != nil {
		return err
	}
	return s.report()
}

// A demo may run for days, and its mailboxes are memory: when INBOX holds
// inboxMost messages, the oldest inboxForget of them go.
const (
	inboxMost   = 5000
	inboxForget = 500
)

func (s *mailStore) forgetOldest() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	status, err := s.user.Status(inbox, &imap.StatusOptions{NumMessages: true})
	if err != nil || *status.NumMessages < inboxMost {
		return err
	}
	view := imapmemserver.NewUserSession(s.user)
	if _, err := view.Select(inbox, &imap.SelectOptions{}); err != nil {
		return fmt.Errorf("mail store: forget the oldest: %w", err)
	}
	defer view.Close()
	oldest := imap.SeqSet{{Start: 1, Stop: inboxForget}}
	found, err := view.Search(imapserver.NumKindUID, &imap.SearchCriteria{SeqNum: []imap.SeqSet{oldest}}, &imap.SearchOptions{ReturnAll: true})
	if err != nil {
		return fmt.Errorf("mail store: forget the oldest: %w", err)
	}
	uids, ok := found.All.(imap.UIDSet)
	if !ok {
		return fmt.Errorf("mail store: forget the oldest: the search answered with a %T", found.All)
	}
	deleted := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	if err := view.Store(nil, uids, deleted, &imap.StoreOptions{}); err != nil {
		return fmt.Errorf("mail store: forget the oldest: %w", err)
	}
	return view.Expunge(nil, &uids)
}

// report measures what is stored and sets the gauges. Measuring each time,
// rather than counting along, keeps them true whoever changes a mailbox.
func (s *mailStore) report() error {
	s.mu.Lock() // held until the gauges are set: the latest measure must win
	defer s.mu.Unlock()
	var messages, size int64
	for _, name := range s.names {
		status, err := s.user.Status(name, &imap.StatusOptions{NumMessages: true, Size: true})
		if err != nil {
			return fmt.Errorf("mail store: status of %s: %w", name, err)
		}
		messages += int64(*status.NumMessages)
		size += *status.Size
	}
	s.tel.Storage.SetMailboxes(int64(len(s.names)))
	s.tel.Storage.SetMessages(messages)
	s.tel.Storage.SetBytes(size)
	return nil
}
