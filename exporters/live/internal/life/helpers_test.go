package life_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/live/internal/life"
	"github.com/rusmes/otelmail/mailconv"
)

// listened starts a Telemetry whose mail events go into a store.
func listened(t testing.TB, c life.Config, opts ...otelmail.StartOption) (*otelmail.Telemetry, *life.Store) {
	t.Helper()
	var store *life.Store
	opts = append([]otelmail.StartOption{otelmail.WithoutGlobals(), otelmail.WithHashKey([]byte("a key for the tests only")),
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) (err error) {
			c.Forms = p.Forms
			if store, err = life.Open(c); err == nil {
				p.AddLogProcessor(store.Processor())
				p.OnShutdown("live", store.Close)
			}
			return err
		}))}, opts...)
	tel, err := otelmail.Start(context.Background(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, tel) })
	return tel, store
}

func stop(t testing.TB, tel *otelmail.Telemetry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := tel.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// The names in the mails of the tests.
const (
	sender    = "Ann.Canary@Sender.Example"
	recipient = "bob.canary@partner.example"
)

// mail is a message on its way.
type mail struct {
	t   testing.TB
	tel *otelmail.Telemetry
	ctx context.Context
	m   otelmail.Message
	otelmail.MessageFacts
}

// accepted is a message by SMTP, in the queue.
func accepted(t testing.TB, tel *otelmail.Telemetry, id string, recipients ...string) *mail {
	t.Helper()
	s := tel.SMTP.Session(context.Background(), otelmail.RoleSubmission, otelmail.Conn{})
	from := s.Command(mailconv.SMTPMail)
	from.Note(otelmail.SMTPFacts{From: sender})
	from.End(otelmail.Reply{Code: 250})
	data := s.Command(mailconv.SMTPData)
	m := &mail{t: t, tel: tel, MessageFacts: otelmail.MessageFacts{QueueID: id, MessageID: "<" + id + ".canary@sender.example>",
		Sender: sender, Direction: mailconv.Outbound, Size: 1024}}
	if len(recipients) == 1 {
		m.Recipient = recipients[0]
	}
	var queueing otelmail.Queueing
	m.m, queueing = tel.Queue.Enqueue(data.Context(), m.MessageFacts)
	queueing.End(otelmail.CauseNone)
	data.EndMessage(otelmail.Reply{Code: 250, Enhanced: otelmail.EnhancedCode{2, 0, 0}}, recipients...)
	s.End(otelmail.CauseNone)
	m.ctx = tel.Queue.Dequeue(context.Background(), m.m, m.MessageFacts).Context()
	return m
}

// tried is an attempt that ends with a reply.
func (m *mail) tried(to string, r otelmail.Reply) { m.begun(to).End(r) }

func (m *mail) triedLast(to string, r otelmail.Reply) {
	m.begun(to).EndAs(otelmail.OutcomeFailed, r)
}

func (m *mail) begun(to string) otelmail.Delivering {
	about := m.m.Attempt(otelmail.TransportSMTP, to)
	about.Server, about.TLSPolicy = "mx."+about.Domain, mailconv.TLSOpportunistic
	about.Message = m.MessageFacts
	about.Message.Recipient = ""
	if strings.Contains(to, "@") {
		about.Message.Recipient = to
	}
	return m.tel.Delivery.Attempt(m.ctx, about)
}

// bounced tells the sender by another message.
func (m *mail) bounced(id string) *mail {
	b := &mail{t: m.t, tel: m.tel, MessageFacts: otelmail.MessageFacts{QueueID: id, Recipient: m.Sender}}
	var queueing otelmail.Queueing
	b.m, queueing = m.tel.Queue.Enqueue(m.ctx, b.MessageFacts)
	queueing.End(otelmail.CauseNone)
	m.tel.Mail.Bounced(m.ctx)
	b.ctx = m.tel.Queue.Dequeue(context.Background(), b.m, b.MessageFacts).Context()
	return b
}

func reply(code int, enhanced ...int) otelmail.Reply {
	return otelmail.Reply{Code: code, Enhanced: otelmail.EnhancedCode(enhanced), Text: "for " + recipient}
}

// search finds what must be found without an error.
func search(t testing.TB, s *life.Store, text string) life.Result {
	t.Helper()
	r, err := s.Search(context.Background(), life.Query{Text: text})
	if err != nil {
		t.Fatalf("search: %v", err)
	}
	return r
}

// found are the queue ids of messages.
func found(r life.Result) string {
	var ids []string
	for _, l := range r.Messages {
		ids = append(ids, l.QueueID)
	}
	return strings.Join(ids, " ")
}

// names are the events of steps.
func names(steps []life.Step) string {
	var all []string
	for _, s := range steps {
		name := s.Event
		if s.Attempt > 0 {
			name = fmt.Sprintf("%s:%d", name, s.Attempt)
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

// eventually waits until what must come true has.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
