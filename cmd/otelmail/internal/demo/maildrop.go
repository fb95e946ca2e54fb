package demo

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/emersion/go-imap/v2"
)

// maildrop is INBOX as it was when a POP3 session has opened it (RFC 1939
// section 4). What comes later is not in it; what is deleted over IMAP in the
// meantime is, but can no longer be read.
type maildrop struct {
	server   *pop3Server
	reader   *mailReader
	validity uint32
	messages []popMessage
}

// popMessage is a message in the maildrop.
type popMessage struct {
	number  int // from 1
	uid     imap.UID
	size    int64 // bytes
	deleted bool  // marked, to be deleted at the end
}

// openMaildrop returns nil while another session has it.
func (s *pop3Server) openMaildrop() (*maildrop, error) {
	if !s.maildrop.TryLock() {
		return nil, nil
	}
	d := &maildrop{server: s}
	if err := d.load(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *maildrop) load() (err error) {
	if d.reader, err = d.server.store.read(); err != nil {
		return err
	}
	status, err := d.server.store.user.Status(inbox, &imap.StatusOptions{UIDValidity: true})
	if err != nil {
		return fmt.Errorf("mail store: status: %w", err)
	}
	d.validity = status.UIDValidity
	if err := d.reader.open(inbox); err != nil {
		return err
	}
	all, err := d.reader.list()
	for i, m := range all {
		d.messages = append(d.messages, popMessage{number: i + 1, uid: m.uid, size: m.size})
	}
	return err
}

// close gives the maildrop to others, as it is.
func (d *maildrop) close() {
	if d.reader != nil {
		d.reader.close()
	}
	d.server.maildrop.Unlock()
}

// message finds a message by the number that a client has sent.
func (d *maildrop) message(number string) (*popMessage, error) {
	n, err := strconv.Atoi(number)
	switch {
	case err != nil:
		return nil, errors.New("want the number of a message")
	case n < 1 || n > len(d.messages) || d.messages[n-1].deleted:
		return nil, fmt.Errorf("there is no message %d", n)
	}
	return &d.messages[n-1], nil
}

// stat is how many messages there are that are not marked, and their size.
func (d *maildrop) stat() string {
	var count, size int64
	for _, m := range d.messages {
		if !m.deleted {
			count++
			size += m.size
		}
	}
	return fmt.Sprintf("%d %d", count, size)
}

func (d *maildrop) uniqueID(m *popMessage) string { return fmt.Sprintf("%d.%d", d.validity, m.uid) }

// text reads a message; nil if it is no longer there.
func (d *maildrop) text(m *popMessage) ([]byte, error) {
	found, err := d.reader.fetch(imap.UIDSetNum(m.uid), maxStored)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return append([]byte{}, found[0].text...), nil // of an empty message, not nil
}

func (d *maildrop) reset() {
	for i := range d.messages {
		d.messages[i].deleted = false
	}
}

// update deletes what is marked.
func (d *maildrop) update() error {
	var marked imap.UIDSet
	for _, m := range d.messages {
		if m.deleted {
			marked.AddNum(m.uid)
		}
	}
	if len(marked) == 0 {
		return nil
	}
	return d.server.store.remove(marked)
}
