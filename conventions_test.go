package otelmail_test

import (
	"context"
	"crypto/tls"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/registry"
	"github.com/rusmes/otelmail/mailconv"
)

// conventions are those of the committed registry.
var conventions = sync.OnceValue(func() *registry.Telemetry {
	r, err := registry.Read(os.DirFS("registry"))
	if err != nil {
		panic(err)
	}
	return r.Telemetry()
})

// holdsConventions wants spans to be as the registry has them: every test that records spans
// by traced or recorded asks for it.
func holdsConventions(t testing.TB, spans ...sdktrace.ReadOnlySpan) {
	t.Helper()
	for _, s := range spans {
		if s.InstrumentationScope().Name != otelmail.ScopeName {
			continue
		}
		id, err := conventions().Span(s.Name(), s.SpanKind().String(), s.Status().Code == codes.Error, plainly(s.Attributes()))
		if err != nil {
			t.Error(err)
		} else if len(s.Links()) > 0 && !conventions().Links(id) {
			t.Errorf("%s has links: the registry knows of none", s.Name())
		}
	}
}

func plainly(all []attribute.KeyValue) map[string]any {
	m := map[string]any{}
	for _, kv := range all {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

// conventionalEvents wants events to be as the registry has them.
type conventionalEvents struct{ t testing.TB }

func (c conventionalEvents) OnEmit(_ context.Context, r *sdklog.Record) error {
	if r.EventName() == "" {
		return nil
	}
	var all []attribute.KeyValue
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		all = append(all, kv)
		return true
	})
	if err := conventions().Event(r.EventName(), plainly(all)); err != nil {
		c.t.Error(err)
	}
	return nil
}
func (conventionalEvents) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (conventionalEvents) Shutdown(context.Context) error                         { return nil }
func (conventionalEvents) ForceFlush(context.Context) error                       { return nil }

// TestSpansAreThoseOfTheTable has every span recorded with every attribute that the table
// gives it: the spans' own tests see to it that there are no others.
func TestSpansAreThoseOfTheTable(t *testing.T) {
	missing := map[string]map[string]bool{}
	for id, keys := range conventions().Spans() {
		if id == "span.jmap.http_request" { // oteljmap's
			continue
		}
		missing[id] = map[string]bool{}
		for _, key := range keys {
			missing[id][key] = true
		}
	}
	for _, s := range spansOf(t, everyAttribute, otelmail.WithPrivacy(otelmail.PrivacyFull)) {
		id, _ := conventions().Span(s.Name(), s.SpanKind().String(), s.Status().Code == codes.Error, plainly(s.Attributes())) // what is wrong is said by traced
		for _, kv := range s.Attributes() {
			delete(missing[id], string(kv.Key))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		for _, key := range slices.Sorted(maps.Keys(missing[id])) {
			t.Errorf("no %s has %s", id, key)
		}
	}
}

// everyAttribute records each span with each attribute that it can have.
func everyAttribute(tel *otelmail.Telemetry) {
	ctx := context.Background()
	handshake := tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}
	conn := otelmail.Conn{Remote: tcp("203.0.113.77:4711"), Local: tcp("192.0.2.1:25"), TLS: &handshake}
	facts := otelmail.MessageFacts{QueueID: "q1", MessageID: "<1@example.org>", Sender: "bob@example.org", Recipient: "eve@example.net",
		Direction: mailconv.Outbound, Size: 1024}
	refused := otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}, Text: "no"}

	smtp := tel.SMTP.Session(ctx, otelmail.RoleSubmission, conn)
	data := smtp.Command(mailconv.SMTPData)
	data.Note(otelmail.SMTPFacts{Helo: "c.example", User: "bob", Mechanism: "PLAIN", From: "bob@example.org", To: "eve@example.net", QueueID: "q1"})
	data.EndMessage(refused, "eve@example.net")
	smtp.Command(mailconv.SMTPQuit).Abandon()
	smtp.End(otelmail.CauseEOF)

	imap := tel.IMAP.Session(ctx, conn)
	login := imap.Command(mailconv.IMAPSelect)
	login.Note(otelmail.IMAPFacts{User: "bob", Mailbox: "INBOX", State: mailconv.IMAPAuthenticated})
	login.End(otelmail.IMAPReply{Result: otelmail.IMAPNo})
	imap.Command(mailconv.IMAPNoop).Abandon()
	imap.End(otelmail.CauseNone)

	pop3 := tel.POP3.Session(ctx, conn)
	pass := pop3.Command(mailconv.POP3Pass)
	pass.Note(otelmail.POP3Facts{User: "bob"})
	pass.End(otelmail.POP3Reply{})
	pop3.End(otelmail.CauseEOF)

	call := otelmail.JMAPFacts{Method: "Email/get", AccountID: "a", CallID: "c", RequestID: "r"}
	tel.JMAP.Request(ctx).Call(ctx, call).End("forbidden")
	http, span := tel.TracerProvider().Tracer("http").Start(ctx, "POST /jmap")
	tel.JMAP.Request(http).Call(http, call).End("forbidden")
	span.End()

	stored, queueing := tel.Queue.Enqueue(ctx, facts)
	queueing.End(otelmail.CauseStorage)
	stored.Enqueued = time.Now()
	work := tel.Queue.Dequeue(ctx, stored, facts)
	processing := tel.Mail.Process(work.Context(), facts)
	tel.Mail.Stage(processing.Context(), "spam-filter", facts).End(otelmail.StageError, otelmail.CauseTimeout)
	tel.Mail.Stage(processing.Context(), "", facts).End(otelmail.StageContinue, otelmail.CauseNone)
	processing.End(otelmail.FateError, otelmail.CauseStorage)
	delivery := tel.Delivery.Attempt(work.Context(), otelmail.Attempt{Domain: "example.net", Server: "mx.example.net",
		TLSPolicy: mailconv.TLSRequired, Message: facts})
	delivery.Peer(tcp("198.51.100.9:25"))
	delivery.TLS(handshake)
	delivery.TLSFailed(mailconv.CertificateExpired, nil)
	delivery.End(refused)
	work.End(otelmail.CausePanic)
	tel.WebPush.Attempt(ctx, "push.example.net").End(otelmail.WebPushReply{Status: 410})
}
