package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/emersion/go-smtp"
)

// backend accepts every message and counts it. It discards the messages or, with a
// directory, writes them to files that are safe on the disk before a message is accepted.
type backend struct {
	spool    string // "" discards
	accepted atomic.Int64
}

// NewSession begins a session.
func (b *backend) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailbox{b}, nil }

// mailbox is one client's session.
type mailbox struct{ *backend }

func (*mailbox) Mail(string, *smtp.MailOptions) error { return nil }
func (*mailbox) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (*mailbox) Reset()                               {}
func (*mailbox) Logout() error                        { return nil }

// Data takes a message.
func (m *mailbox) Data(r io.Reader) error {
	if m.spool == "" {
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		m.accepted.Add(1)
		return nil
	}
	n := m.accepted.Add(1)
	return m.store(filepath.Join(m.spool, strconv.FormatInt(n, 10)), r)
}

// store does what a mail server must before it says 250: the message and its
// name are on the disk.
func (m *mailbox) store(name string, r io.Reader) error {
	f, err := os.Create(name + ".part")
	if err != nil {
		return fmt.Errorf("spool a message: %w", err)
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(name+".part", name+".eml")
	}
	if err != nil {
		return fmt.Errorf("spool a message: %w", err)
	}
	return nil
}

// clear removes the spooled messages, between two turns.
func (b *backend) clear() error {
	if b.spool == "" {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(b.spool, "*.eml"))
	if err != nil {
		return fmt.Errorf("empty the spool: %w", err)
	}
	for _, n := range names {
		if err := os.Remove(n); err != nil {
			return fmt.Errorf("empty the spool: %w", err)
		}
	}
	return nil
}
