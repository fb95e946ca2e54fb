package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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

// mailStore is one user's mailboxes, in memory. SMTP delivers into them; IMAP,
// JMAP and POP3 show them.
type mailStore struct {
	tel      *otelmail.Telemetry
	userName string
	user     *imapmemserver.User
	readers  *readerServer
	index    *subjectIndex
	guesses  *pace       // of the user's password
	away     atomic.Bool // nobody can be told from anybody else
	indexing context.CancelFunc
	changes  atomic.Int64 // counts on with every change

	// mu is held while mailboxes are made, taken away or measured, so that names
	// and gauges are of the same moment.
	mu    sync.Mutex
	names []string // the mailboxes there are
	count int64    // of messages, as last measured
	bytes int64
}

func newMailStore(tel *otelmail.Telemetry, userName, password string) (*mailStore, error) {
	user := imapmemserver.NewUser(userName, password)
	s := &mailStore{tel: tel, userName: userName, user: user, readers: startReaders(user), index: newSubjectIndex(),
		guesses: newPace(tel, otelmail.LimiterAuth, guessEvery)}
	ctx, cancel := context.WithCancel(context.Background())
	s.indexing = cancel
	go s.index.run(ctx)
	tel.Storage.IndexLag.Observe(s.index.lag)
	for _, name := range []string{inbox, "Archive", "Drafts", "Junk", "Sent", "Trash"} {
		if err := s.create(name); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// close ends reading.
func (s *mailStore) close() {
	s.indexing()
	s.readers.close()
}

// has reports whether an address of our domain has a mailbox. user+mailbox@ is the user's,
// too (RFC 5233).
func (s *mailStore) has(address string) bool {
	user, _, _ := strings.Cut(localPartOf(address), "+")
	return domainOf(address) == localDomain && user == s.userName
}

// mailboxOf is where mail for an address goes: the mailbox after a "+" if there is one of
// that name, else INBOX.
func (s *mailStore) mailboxOf(address string) string {
	_, detail, _ := strings.Cut(localPartOf(address), "+")
	for _, name := range s.mailboxNames() {
		if strings.EqualFold(name, detail) {
			return name
		}
	}
	return inbox
}

// Why somebody is not let in.
var (
	errWrongPassword = errors.New("wrong name or password")
	errUsersAway     = errors.New("the users cannot be looked up now")
)

// guessEvery is the least time between two wrong passwords of one account that need not
// wait: programs that try an old one are slower, and programs that guess are not.
const guessEvery = 20 * time.Millisecond

// login checks a password. The name may come alone or as an address of the
// local domain.
func (s *mailStore) login(userName, password string) error {
	if s.away.Load() {
		return errUsersAway
	}
	if domainOf(userName) == localDomain {
		userName = localPartOf(userName)
	}
	if s.user.Login(userName, password) == nil {
		return nil
	}
	if userName == s.userName {
		s.guesses.wait(userName)
	}
	return errWrongPassword
}

// deliver appends a message to each recipient's mailbox.
func (s *mailStore) deliver(attempt otelmail.Delivering, _ string, recipients []string, message []byte) (otelmail.Reply, []failure) {
	for _, recipient := range recipients {
		if !s.has(recipient) {
			return allFail(recipients, otelmail.Reply{
				Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}, Text: "no such mailbox",
			})
		}
		if err := s.append(attempt.Context(), s.mailboxOf(recipient), message); err != nil {
			return allFail(recipients, otelmail.Reply{
				Code: 452, Enhanced: otelmail.EnhancedCode{4, 3, 1}, Cause: otelmail.CauseStorage, Text: "mailbox cannot be written",
			})
		}
	}
	return otelmail.Reply{Code: 250, Enhanced: otelmail.EnhancedCode{2, 0, 0}}, nil
}

func (s *mailStore) append(ctx context.Context, mailbox string, message []byte) error {
	operation := s.tel.Storage.Operation(ctx, otelmail.StoreAppend)
	_, err := s.user.Append(mailbox, bytes.NewReader(message), &imap.AppendOptions{})
	operation.End(otelmail.CauseOf(err))
	if err != nil {
		return fmt.Errorf("mail store: append: %w", err)
	}
	s.index.add(message)
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
	return s.expunge(func(view *imapmemserver.UserSession) (imap.UIDSet, error) {
		oldest := imap.SeqSet{{Start: 1, Stop: inboxForget}}
		found, err := view.Search(imapserver.NumKindUID, &imap.SearchCriteria{SeqNum: []imap.SeqSet{oldest}}, &imap.SearchOptions{ReturnAll: true})
		if err != nil {
			return nil, err
		}
		uids, ok := found.All.(imap.UIDSet)
		if !ok {
			return nil, fmt.Errorf("the search answered with a %T", found.All)
		}
		return uids, nil
	})
}

// remove deletes messages from INBOX for good. Those that are gone already are
// no error.
func (s *mailStore) remove(uids imap.UIDSet) error {
	s.mu.Lock()
	err := s.expunge(func(*imapmemserver.UserSession) (imap.UIDSet, error) { return uids, nil })
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.report()
}

// expunge takes out of INBOX what which says.
func (s *mailStore) expunge(which func(*imapmemserver.UserSession) (imap.UIDSet, error)) (err error) {
	operation := s.tel.Storage.Operation(context.Background(), otelmail.StoreDelete)
	defer func() { operation.End(otelmail.CauseOf(err)) }()
	view := imapmemserver.NewUserSession(s.user)
	if _, err := view.Select(inbox, &imap.SelectOptions{}); err != nil {
		return fmt.Errorf("mail store: expunge: %w", err)
	}
	defer view.Close()
	uids, err := which(view)
	if err != nil {
		return fmt.Errorf("mail store: expunge: %w", err)
	}
	deleted := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	if err := view.Store(nil, uids, deleted, &imap.StoreOptions{}); err != nil {
		return fmt.Errorf("mail store: expunge: %w", err)
	}
	return view.Expunge(nil, &uids)
}

// report measures what is stored and sets the gauges. Measuring each time,
// rather than counting along, keeps them true whoever changes a mailbox.
func (s *mailStore) report() error {
	s.mu.Lock() // held until the gauges are set: the latest measure must win
	defer s.mu.Unlock()
	return s.measure()
}

// measure is report for those who hold s.mu.
func (s *mailStore) measure() error {
	s.changes.Add(1)
	var messages, size int64
	for _, name := range s.names {
		status, err := s.user.Status(name, &imap.StatusOptions{NumMessages: true, Size: true})
		if err != nil {
			return fmt.Errorf("mail store: status of %s: %w", name, err)
		}
		messages += int64(*status.NumMessages)
		size += *status.Size
	}
	s.count, s.bytes = messages, size
	s.tel.Storage.Mailboxes.Set(int64(len(s.names)))
	s.tel.Storage.Messages.Set(messages)
	s.tel.Storage.Bytes.Set(size)
	return nil
}
