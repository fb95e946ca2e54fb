package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

// maxAge is how long a message is tried.
const maxAge = 5 * 24 * time.Hour

// attemptTime is how long one attempt may take.
const attemptTime = 30 * time.Second

// queue holds each message as two files: ID.eml, its text, and ID.json, an entry.
type queue struct {
	dir, next string
	retry     time.Duration
	tel       *otelmail.Telemetry

	added   chan struct{} // there is something new to deliver
	stopped chan struct{} // no new attempt begins
	done    chan struct{}
}

// entry is what is known of a message beside its text.
type entry struct {
	From    string
	To      []string // those to whom it is still to be delivered
	Due     time.Time
	Refused bool // for somebody, for good

	Message otelmail.Message // otelmail: the message's trace, and how often it was tried
}

func openQueue(dir, next string, retry time.Duration, tel *otelmail.Telemetry) (*queue, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	q := &queue{dir: dir, next: next, retry: retry, tel: tel,
		added: make(chan struct{}, 1), stopped: make(chan struct{}), done: make(chan struct{})}
	left, err := q.ids()
	tel.Queue.Size.Add(int64(len(left))) // otelmail: what an earlier run has left
	return q, err
}

// put queues a message. It is safely stored when put returns nil.
func (q *queue) put(ctx context.Context, from string, to []string, text io.Reader) error {
	id := rand.Text()
	// otelmail: what to store with the message, so that its trace goes on after a restart.
	message, queueing := q.tel.Queue.Enqueue(ctx, otelmail.MessageFacts{QueueID: id, Sender: from})
	err := q.storeText(id, text)
	if err == nil {
		err = q.store(&entry{From: from, To: to, Due: time.Now(), Message: message})
	}
	queueing.End(otelmail.CauseOf(err))
	if err != nil {
		_ = os.Remove(q.file(id, ".eml")) // it may not be there
		return err
	}
	select {
	case q.added <- struct{}{}:
	default:
	}
	return nil
}

// run delivers until shutdown.
func (q *queue) run() {
	defer close(q.done)
	for {
		ids, err := q.ids()
		if err != nil {
			log.Print(err)
		}
		for _, id := range ids {
			select {
			case <-q.stopped:
				return
			default:
			}
			if err := q.work(id); err != nil {
				log.Printf("%s: %v", id, err)
			}
		}
		select {
		case <-q.stopped:
			return
		case <-q.added:
		case <-time.After(min(q.retry, time.Second)):
		}
	}
}

// shutdown lets the attempt in progress end.
func (q *queue) shutdown(ctx context.Context) error {
	close(q.stopped)
	select {
	case <-q.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work tries to deliver a message, if it is due, once to each domain.
func (q *queue) work(id string) (err error) {
	e, err := q.load(id)
	if err != nil || time.Now().Before(e.Due) {
		return err
	}
	// otelmail: the trace of the session that brought the message goes on.
	work := q.tel.Queue.Dequeue(context.Background(), e.Message, otelmail.MessageFacts{Sender: e.From})
	defer func() { work.End(otelmail.CauseOf(err)) }()
	for domain, to := range byDomain(e.To) {
		err = errors.Join(err, q.try(work.Context(), e, domain, to))
	}
	expired := time.Since(e.Message.Enqueued) > maxAge
	if len(e.To) > 0 && !expired {
		e.Due = time.Now().Add(q.retry)
		return errors.Join(err, q.store(e))
	}
	if err := errors.Join(os.Remove(q.file(id, ".json")), os.Remove(q.file(id, ".eml"))); err != nil {
		return err
	}
	// otelmail: how the message has left. A server that sends a bounce here calls tel.Mail.Bounced, too.
	removal := otelmail.RemovedDelivered
	switch {
	case len(e.To) > 0:
		removal = otelmail.RemovedExpired
	case e.Refused:
		removal = otelmail.RemovedBounced
	}
	q.tel.Queue.Remove(work.Context(), e.Message, removal)
	return err
}

// try delivers to the recipients in one domain, and leaves in e.To who is to be tried again.
func (q *queue) try(ctx context.Context, e *entry, domain string, to []string) error {
	text, err := os.Open(q.file(e.Message.QueueID, ".eml"))
	if err != nil {
		return err
	}
	defer text.Close()
	// otelmail: the attempt, counted in e.Message. It ends with the other side's reply.
	next := e.Message.Attempt(otelmail.TransportSMTP, domain)
	next.Due, next.Server = e.Due, q.next
	attempt := q.tel.Delivery.Attempt(ctx, next)
	reply, refused := q.send(attempt, e.From, to, text)
	outcome := attempt.End(reply)
	again := map[string]bool{} // those who were not refused one by one have the message's reply
	for _, r := range to {
		again[r] = outcome == otelmail.OutcomeDeferred
	}
	e.Refused = e.Refused || outcome == otelmail.OutcomeFailed
	for _, r := range refused {
		again[r.Recipient] = r.Reply.Temporary()
		e.Refused = e.Refused || !r.Reply.Temporary()
	}
	e.To = slices.DeleteFunc(e.To, func(r string) bool { return slices.Contains(to, r) && !again[r] })
	return nil
}

func (q *queue) send(attempt otelmail.Delivering, from string, to []string, text io.Reader) (otelmail.Reply, []otelmail.RecipientReply) {
	ctx, cancel := context.WithTimeout(attempt.Context(), attemptTime)
	defer cancel()
	conn, err := attempt.Dial(ctx, new(net.Dialer).DialContext, "tcp", q.next) // otelmail: the phase "connect"
	if err != nil {
		return otelsmtp.ClientReply(err), nil
	}
	defer conn.Close()
	// The context bounds the dialling alone: without a deadline a server that says nothing holds up the queue.
	if err := conn.SetDeadline(time.Now().Add(attemptTime)); err != nil {
		return otelsmtp.ClientReply(err), nil
	}
	client := smtp.NewClient(conn)
	if err := client.Hello("relay.example.org"); err != nil {
		return otelsmtp.ClientReply(err), nil
	}
	reply, refused := otelsmtp.Send(attempt, client, from, to, text) // otelmail: the phase "transfer", and the reply
	_ = client.Quit()                                                // the message is theirs, whatever they say now
	return reply, refused
}

func byDomain(addresses []string) map[string][]string {
	domains := map[string][]string{}
	for _, a := range addresses {
		domain := strings.ToLower(a[strings.LastIndexByte(a, '@')+1:])
		domains[domain] = append(domains[domain], a)
	}
	return domains
}

func (q *queue) file(id, suffix string) string { return filepath.Join(q.dir, id+suffix) }

func (q *queue) ids() (ids []string, err error) {
	files, err := filepath.Glob(q.file("*", ".json"))
	for _, f := range files {
		ids = append(ids, strings.TrimSuffix(filepath.Base(f), ".json"))
	}
	return ids, err
}

func (q *queue) load(id string) (*entry, error) {
	text, err := os.ReadFile(q.file(id, ".json"))
	if err != nil {
		return nil, err
	}
	e := new(entry)
	if err := json.Unmarshal(text, e); err != nil {
		return nil, fmt.Errorf("%s: %w", q.file(id, ".json"), err)
	}
	return e, nil
}

func (q *queue) store(e *entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	part := q.file(e.Message.QueueID, ".part")
	if err := write(part, func(f *os.File) error { _, err := f.Write(text); return err }); err != nil {
		return err
	}
	return os.Rename(part, q.file(e.Message.QueueID, ".json"))
}

func (q *queue) storeText(id string, text io.Reader) error {
	return write(q.file(id, ".eml"), func(f *os.File) error { _, err := io.Copy(f, text); return err })
}

// write leaves on disk what fill has written.
func write(name string, fill func(*os.File) error) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(fill(f), f.Sync(), f.Close())
}
