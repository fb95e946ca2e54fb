package otelimap_test

import (
	"errors"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-sasl"
)

// backend is a session whose methods do what a test says; those that it says
// nothing about succeed.
type backend struct {
	run    func(method string) error
	idle   func(stop <-chan struct{}) error
	append func(imap.LiteralReader) error
	// nothing has Select return no data and no error.
	nothing bool
}

func (b *backend) do(method string) error {
	if b.run == nil {
		return nil
	}
	return b.run(method)
}

func (b *backend) Close() error               { return b.do("Close") }
func (b *backend) Login(string, string) error { return b.do("Login") }
func (b *backend) Select(string, *imap.SelectOptions) (*imap.SelectData, error) {
	if err := b.do("Select"); err != nil || b.nothing {
		return nil, err
	}
	return &imap.SelectData{}, nil
}
func (b *backend) Create(string, *imap.CreateOptions) error         { return b.do("Create") }
func (b *backend) Delete(string) error                              { return b.do("Delete") }
func (b *backend) Rename(string, string, *imap.RenameOptions) error { return b.do("Rename") }
func (b *backend) Subscribe(string) error                           { return b.do("Subscribe") }
func (b *backend) Unsubscribe(string) error                         { return b.do("Unsubscribe") }
func (b *backend) List(*imapserver.ListWriter, string, []string, *imap.ListOptions) error {
	return b.do("List")
}
func (b *backend) Status(string, *imap.StatusOptions) (*imap.StatusData, error) {
	return nil, b.do("Status") // go-imap panics on a nil without an error
}
func (b *backend) Append(_ string, r imap.LiteralReader, _ *imap.AppendOptions) (*imap.AppendData, error) {
	if b.append != nil {
		return nil, b.append(r)
	}
	return nil, b.do("Append")
}
func (b *backend) Poll(*imapserver.UpdateWriter, bool) error { return b.do("Poll") }
func (b *backend) Idle(_ *imapserver.UpdateWriter, stop <-chan struct{}) error {
	if b.idle != nil {
		return b.idle(stop)
	}
	<-stop
	return b.do("Idle")
}
func (b *backend) Unselect() error                                       { return b.do("Unselect") }
func (b *backend) Expunge(*imapserver.ExpungeWriter, *imap.UIDSet) error { return b.do("Expunge") }
func (b *backend) Search(imapserver.NumKind, *imap.SearchCriteria, *imap.SearchOptions) (*imap.SearchData, error) {
	return &imap.SearchData{All: imap.SeqSet{}}, b.do("Search")
}
func (b *backend) Fetch(*imapserver.FetchWriter, imap.NumSet, *imap.FetchOptions) error {
	return b.do("Fetch")
}
func (b *backend) Store(*imapserver.FetchWriter, imap.NumSet, *imap.StoreFlags, *imap.StoreOptions) error {
	return b.do("Store")
}
func (b *backend) Copy(imap.NumSet, string) (*imap.CopyData, error) { return nil, b.do("Copy") }

// saslBackend is a backend with a mechanism of its own, TALK, which asks twice.
type saslBackend struct{ *backend }

func (b saslBackend) AuthenticateMechanisms() []string { return []string{"TALK"} }

func (b saslBackend) Authenticate(mechanism string) (sasl.Server, error) {
	if mechanism != "TALK" {
		return nil, errors.New("no such mechanism")
	}
	return &talk{backend: b.backend}, nil
}

type talk struct {
	*backend
	asked int
}

func (t *talk) Next([]byte) ([]byte, bool, error) {
	if t.asked++; t.asked <= 2 {
		return []byte("go on"), false, nil
	}
	err := t.do("Login")
	return nil, err == nil, err
}

// serve is the constructor of sessions of one kind.
func serve(s imapserver.Session) func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
	return func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) { return s, nil, nil }
}

// fails is a run that returns err, or panics if there is none, in one method.
func fails(method string, err error) func(string) error {
	return func(called string) error {
		switch {
		case called != method:
			return nil
		case err == nil:
			panic("of the backend's " + method)
		}
		return err
	}
}
