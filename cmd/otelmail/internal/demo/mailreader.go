package demo

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/rusmes/otelmail"
)

// imapmemserver shows messages to IMAP clients and to nobody else. So JMAP and
// POP3 read as one: over a pipe within the process, without telemetry, because
// nobody has connected. What they see is what IMAP clients see at that moment.

// readerServer is the server's side.
type readerServer struct {
	server *imapserver.Server
	pipes  *pipeListener
	loop   sync.WaitGroup
}

func startReaders(user *imapmemserver.User) *readerServer {
	r := &readerServer{
		server: imapserver.New(&imapserver.Options{
			NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
				return imapmemserver.NewUserSession(user), &imapserver.GreetingData{PreAuth: true}, nil
			},
			Logger: log.New(io.Discard, "", 0), // the client's side sees every failure
		}),
		pipes: &pipeListener{accepted: make(chan net.Conn), closed: make(chan struct{})},
	}
	r.loop.Go(func() { _ = r.server.Serve(r.pipes) }) // ends when the listener is closed
	return r
}

func (r *readerServer) close() {
	_ = r.pipes.Close()
	r.loop.Wait()
	_ = r.server.Close()
}

// mailReader reads mailboxes. Close it after use.
type mailReader struct {
	client *imapclient.Client
	tel    *otelmail.Telemetry
}

func (s *mailStore) read() (*mailReader, error) {
	conn, err := s.readers.pipes.dial()
	if err != nil {
		return nil, fmt.Errorf("mail store: read: %w", err)
	}
	return &mailReader{imapclient.New(conn, nil), s.tel}, nil
}

func (r *mailReader) close() { _ = r.client.Close() }

// open goes to a mailbox.
func (r *mailReader) open(mailbox string) error {
	if _, err := r.client.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		return fmt.Errorf("mail store: open: %w", err)
	}
	return nil
}

// stored is a message in a mailbox.
type stored struct {
	uid      imap.UID
	flags    []imap.Flag
	received time.Time
	size     int64  // bytes
	text     []byte // as far as it was asked for
}

// list returns all messages of the mailbox without their text, the oldest first.
func (r *mailReader) list() ([]stored, error) {
	return r.fetch(imap.UIDSet{{Start: 1, Stop: 0}}, 0)
}

// fetch returns those messages that are there, with the first most bytes of
// their text.
func (r *mailReader) fetch(uids imap.UIDSet, most int64) ([]stored, error) {
	options := &imap.FetchOptions{UID: true, Flags: true, InternalDate: true, RFC822Size: true}
	section := &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: most}}
	if most > 0 {
		options.BodySection = append(options.BodySection, section)
	}
	operation := r.tel.Storage.Operation(context.Background(), otelmail.StoreFetch)
	found, err := r.client.Fetch(uids, options).Collect()
	operation.End(otelmail.CauseOf(err))
	if err != nil {
		return nil, fmt.Errorf("mail store: fetch: %w", err)
	}
	all := make([]stored, 0, len(found))
	for _, m := range found {
		if m.InternalDate.IsZero() {
			continue // not asked for: the server tells of flags that others have changed
		}
		s := stored{uid: m.UID, flags: m.Flags, received: m.InternalDate.UTC(), size: m.RFC822Size}
		if most > 0 {
			s.text = m.FindBodySection(section)
		}
		all = append(all, s)
	}
	return all, nil
}

// search returns the messages that hold a text in header or body.
func (r *mailReader) search(text string) (imap.UIDSet, error) {
	operation := r.tel.Storage.Operation(context.Background(), otelmail.StoreSearch)
	found, err := r.client.UIDSearch(&imap.SearchCriteria{Text: []string{text}}, nil).Wait()
	operation.End(otelmail.CauseOf(err))
	if err != nil {
		return nil, fmt.Errorf("mail store: search: %w", err)
	}
	uids, _ := found.All.(imap.UIDSet) // nil when nothing was found
	return uids, nil
}

// pipeListener is a listener within the process.
type pipeListener struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (l *pipeListener) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.accepted <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Accept implements [net.Listener].
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements [net.Listener].
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
