package otelmail_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/mailconv"
	"github.com/rusmes/otelmail/otelmailtest"
)

// noted adds facts to a command.
func noted(c otelmail.IMAPCommand, facts otelmail.IMAPFacts) otelmail.IMAPCommand {
	c.Note(facts)
	return c
}

// enqueue puts a message into the queue, or fails to with a cause.
func enqueue(ctx context.Context, tel *otelmail.Telemetry, facts otelmail.MessageFacts, cause otelmail.Cause) {
	_, queueing := tel.Queue.Enqueue(ctx, facts)
	queueing.End(cause)
}

// traced starts a Telemetry whose spans are recorded.
func traced(t *testing.T, opts ...otelmail.StartOption) (*otelmail.Telemetry, *tracetest.SpanRecorder) {
	t.Helper()
	rec := tracetest.NewSpanRecorder()
	opts = append(opts,
		otelmail.WithHashKey([]byte("a key for the tests only")),
		otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
			p.AddSpanProcessor(rec)
			return nil
		})))
	tel, _ := start(t, opts...)
	t.Cleanup(func() { holdsConventions(t, rec.Ended()...) })
	return tel, rec
}

// recorded is everything that a Telemetry records, spans and events as the registry has them.
func recorded(t *testing.T, opts ...otelmail.StartOption) *otelmailtest.Recorder {
	t.Helper()
	rec := otelmailtest.New(t, append(opts, otelmail.WithHashKey(testKey),
		otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
			p.AddLogProcessor(conventionalEvents{t})
			return nil
		})))...)
	t.Cleanup(func() {
		for _, s := range rec.Spans("") {
			holdsConventions(t, s)
		}
	})
	return rec
}

func attrs(s sdktrace.ReadOnlySpan) map[string]string {
	m := map[string]string{}
	for _, kv := range s.Attributes() {
		m[string(kv.Key)] = kv.Value.String()
	}
	return m
}

func tcp(s string) net.Addr {
	a, err := net.ResolveTCPAddr("tcp", s)
	if err != nil {
		panic(err)
	}
	return a
}

// hashOf returns the user.hash of an address under the tests' key.
func hashOf(t *testing.T, user string) string {
	t.Helper()
	tel, rec := traced(t)
	c := tel.POP3.Session(t.Context(), otelmail.Conn{}).Command(mailconv.POP3User)
	c.Note(otelmail.POP3Facts{User: user})
	c.End(otelmail.POP3Reply{OK: true})
	return attrs(rec.Ended()[0])["user.hash"]
}

// hashOfText returns the hash of a name or id.
func hashOfText(t *testing.T, text string) string {
	t.Helper()
	tel, rec := traced(t)
	tel.JMAP.Request(t.Context()).Call(t.Context(), otelmail.JMAPFacts{CallID: text}).End("")
	return attrs(rec.Ended()[0])["jmap.call_id"]
}

func TestSpans(t *testing.T) {
	ctx := context.Background()
	bob := hashOf(t, "bob@example.org")
	eve := hashOf(t, "eve@example.net")
	facts := otelmail.MessageFacts{QueueID: "q1", MessageID: "<1@example.org>", Sender: "bob@example.org",
		Recipient: "eve@example.net", Direction: mailconv.Outbound, Size: 1024}
	message := otelmailtest.Attributes{
		"messaging.message.id": "q1", "email.message_id": hashOfText(t, "<1@example.org>"), "email.direction": "outbound",
		"email.from.domain": "example.org", "email.from.hash": bob,
		"email.to.domain": "example.net", "email.to.hash": eve, "messaging.message.body.size": 1024,
	}
	with := func(more otelmailtest.Attributes) otelmailtest.Attributes {
		m := maps.Clone(message)
		maps.Copy(m, more)
		return m
	}
	for _, tc := range []struct {
		span string
		do   func(*otelmail.Telemetry)
		want otelmailtest.Attributes
	}{
		{"SMTP RCPT [server, error 5.1.1]", func(tel *otelmail.Telemetry) {
			c := otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPRcpt)
			c.Note(otelmail.SMTPFacts{To: "<Eve@EXAMPLE.net>", User: "bob@example.org"})
			c.End(otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}, Text: "no eve@example.net here"})
		}, otelmailtest.Attributes{"smtp.command": "RCPT", "smtp.response.status_code": 550, "smtp.response.enhanced_code": "5.1.1",
			"error.type": "5.1.1", "email.to.domain": "example.net", "email.to.hash": eve, "user.hash": bob}},
		{"SMTP DATA [server]", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPData).EndMessage(otelmail.Reply{Code: 250}, "a@b.example", "c@d.example")
		}, otelmailtest.Attributes{"smtp.command": "DATA", "smtp.response.status_code": 250, "smtp.recipient.count": 2}},
		{"SMTP AUTH [server, error 535]", func(tel *otelmail.Telemetry) {
			c := otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPAuth)
			c.Note(otelmail.SMTPFacts{Mechanism: "plain"})
			c.End(otelmail.Reply{Code: 535})
		}, otelmailtest.Attributes{"smtp.command": "AUTH", "smtp.auth.mechanism": "PLAIN", "smtp.response.status_code": 535, "error.type": "535"}},
		{"SMTP _OTHER [server, error 502]", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.ParseSMTPVerb("STEAL\xff")).End(otelmail.Reply{Code: 502})
		}, otelmailtest.Attributes{"smtp.command": "_OTHER", "smtp.response.status_code": 502, "error.type": "502"}},
		{"SMTP _OTHER [server, error timeout]", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPVerb(200)).End(otelmail.Reply{Code: 9999, Cause: otelmail.CauseTimeout})
		}, otelmailtest.Attributes{"smtp.command": "_OTHER", "error.type": "timeout"}},
		{"IMAP FETCH [server]", func(tel *otelmail.Telemetry) {
			noted(otelmail.BeginIMAPCommand(ctx, tel, mailconv.IMAPFetch), otelmail.IMAPFacts{User: "bob@example.org", Mailbox: "INBOX", State: mailconv.IMAPSelected}).
				End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
		}, otelmailtest.Attributes{"network.protocol.name": "imap", "network.transport": "tcp", "imap.command": "FETCH", "imap.mailbox": "INBOX", "imap.state": "selected",
			"user.hash": bob, "imap.response.status": "ok"}},
		{"IMAP SELECT [server, error no]", func(tel *otelmail.Telemetry) {
			noted(otelmail.BeginIMAPCommand(ctx, tel, mailconv.IMAPSelect), otelmail.IMAPFacts{Mailbox: "Bob's secret"}).End(otelmail.IMAPReply{Result: otelmail.IMAPNo})
		}, otelmailtest.Attributes{"network.protocol.name": "imap", "network.transport": "tcp", "imap.command": "SELECT", "imap.mailbox": hashOfText(t, "Bob's secret"), "imap.response.status": "no", "error.type": "no"}},
		{"JMAP Email/get [server, error accountNotFound]", func(tel *otelmail.Telemetry) {
			tel.JMAP.Request(ctx).Call(ctx, otelmail.JMAPFacts{Method: "Email/get", AccountID: "bob@example.org", CallID: "c0", RequestID: "r1"}).
				End("accountNotFound")
		}, otelmailtest.Attributes{"jmap.method": "Email/get", "jmap.account_id": bob, "jmap.call_id": hashOfText(t, "c0"),
			"jmap.request_id": "r1", "error.type": "accountNotFound"}},
		{"JMAP _OTHER [server, error _OTHER]", func(tel *otelmail.Telemetry) {
			tel.JMAP.Request(ctx).Call(ctx, otelmail.JMAPFacts{Method: "email/GET"}).End("bob@example.org")
		}, otelmailtest.Attributes{"jmap.method": "_OTHER", "error.type": "_OTHER"}},
		{"mailet spam-filter [internal]", func(tel *otelmail.Telemetry) {
			tel.Mail.Stage(ctx, "spam-filter", facts).End(otelmail.StageDrop, otelmail.CauseNone)
		}, with(otelmailtest.Attributes{"email.stage.name": "spam-filter", "email.stage.result": "drop"})},
		{"mailet virus-scan [internal, error _OTHER]", func(tel *otelmail.Telemetry) {
			tel.Mail.Stage(ctx, "virus-scan", otelmail.MessageFacts{}).End(otelmail.StageError, otelmail.CauseNone)
		}, otelmailtest.Attributes{"email.stage.name": "virus-scan", "email.stage.result": "error", "error.type": "_OTHER"}},
		{"mail process [internal]", func(tel *otelmail.Telemetry) {
			tel.Mail.Process(ctx, facts).End(otelmail.FateQueued, otelmail.CauseNone)
		}, with(otelmailtest.Attributes{"email.fate": "queued"})},
		{"deliver smtp [client, error 4.3.0]", func(tel *otelmail.Telemetry) {
			d := tel.Delivery.Attempt(ctx, otelmail.Attempt{Number: 2, Domain: "Example.NET", Server: "mx.example.net",
				TLSPolicy: mailconv.TLSOpportunistic, Message: facts})
			d.Peer(tcp("192.0.2.25:25"))
			d.TLS(tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256})
			d.End(otelmail.Reply{Code: 451, Enhanced: otelmail.EnhancedCode{4, 3, 0}})
		}, with(otelmailtest.Attributes{"email.delivery.transport": "smtp", "email.delivery.attempt": 2, "email.delivery.outcome": "deferred",
			"email.recipient.domain": "example.net", "server.address": "mx.example.net", "email.tls.policy": "opportunistic",
			"network.protocol.name": "smtp", "network.peer.address": "192.0.2.25", "network.peer.port": 25,
			"tls.established": true, "tls.resumed": false, "tls.protocol.version": "1.3", "tls.cipher": "TLS_AES_128_GCM_SHA256",
			"smtp.response.status_code": 451, "smtp.response.enhanced_code": "4.3.0", "error.type": "4.3.0",
			"email.delivery.reason": "system"})},
		{"deliver local [client]", func(tel *otelmail.Telemetry) {
			tel.Delivery.Attempt(ctx, otelmail.Attempt{Transport: otelmail.TransportLocal}).End(otelmail.Reply{Code: 250})
		}, otelmailtest.Attributes{"email.delivery.transport": "local", "email.delivery.attempt": 1, "email.delivery.outcome": "delivered",
			"smtp.response.status_code": 250}},
		{"deliver lmtp [client, error refused]", func(tel *otelmail.Telemetry) {
			tel.Delivery.Attempt(ctx, otelmail.Attempt{Transport: otelmail.TransportLMTP}).
				EndAs(otelmail.OutcomeFailed, otelmail.Reply{Cause: otelmail.CauseRefused})
		}, otelmailtest.Attributes{"email.delivery.transport": "lmtp", "network.protocol.name": "lmtp", "email.delivery.attempt": 1,
			"email.delivery.outcome": "failed", "email.delivery.reason": "network", "error.type": "refused"}},
		{"push [client, error 410]", func(tel *otelmail.Telemetry) {
			tel.WebPush.Attempt(ctx, "Push.Example").End(otelmail.WebPushReply{Status: 410})
		}, otelmailtest.Attributes{"server.address": "push.example", "http.response.status_code": 410, "email.push.final": true, "error.type": "410"}},
		{"push [client, error dns]", func(tel *otelmail.Telemetry) {
			tel.WebPush.Attempt(ctx, "").End(otelmail.WebPushReply{Status: 0, Cause: otelmail.CauseDNS})
		}, otelmailtest.Attributes{"email.push.final": false, "error.type": "dns"}},
		{"push [client]", func(tel *otelmail.Telemetry) {
			tel.WebPush.Attempt(ctx, "push.example").End(otelmail.WebPushReply{Status: 201})
		}, otelmailtest.Attributes{"server.address": "push.example", "http.response.status_code": 201}},
		{"queue enqueue [producer]", func(tel *otelmail.Telemetry) {
			enqueue(ctx, tel, facts, otelmail.CauseNone)
		}, message},
		{"queue dequeue [consumer]", func(tel *otelmail.Telemetry) {
			tel.Queue.Dequeue(ctx, otelmail.Message{}, facts).End(otelmail.CauseNone)
		}, with(otelmailtest.Attributes{"email.queue.wait": 0.0})},
	} {
		t.Run(tc.span, func(t *testing.T) {
			rec := recorded(t)
			tc.do(rec.Tel)
			rec.Tree(tc.span)
			rec.Spans("")[0].HasOnly(tc.want)
		})
	}
}

func TestChildrenHaveTheirParent(t *testing.T) {
	rec := recorded(t)
	tel := rec.Tel
	conn := otelmail.Conn{Remote: tcp("203.0.113.77:4711"), Local: tcp("192.0.2.1:25")}
	session := tel.SMTP.Session(t.Context(), otelmail.RoleMX, conn)
	data := session.Command(mailconv.SMTPData)
	_, queued := tel.Queue.Enqueue(data.Context(), otelmail.MessageFacts{})
	queued.End(otelmail.CauseNone)
	data.End(otelmail.Reply{Code: 250})
	session.End(otelmail.CauseNone)

	rec.Tree(`
		SMTP session
		  SMTP DATA
		    queue enqueue`)
	rec.Span("SMTP session").HasOnly(otelmailtest.Attributes{"network.protocol.name": "smtp", "network.transport": "tcp", "smtp.role": "mx",
		"client.address": "203.0.113.0", "network.peer.address": "203.0.113.0",
		"server.address": "192.0.2.1", "server.port": 25})
}

// TestTraceSurvivesTheQueue restores a stored trace in another Telemetry (another
// process), and continues it.
func TestTraceSurvivesTheQueue(t *testing.T) {
	tel, rec := traced(t)
	stored, queued := tel.Queue.Enqueue(t.Context(), otelmail.MessageFacts{})
	tc := stored.Trace
	queued.End(otelmail.CauseNone)
	enqueue := rec.Ended()[0].SpanContext()
	if !strings.HasPrefix(tc.Parent, "00-"+enqueue.TraceID().String()) {
		t.Fatalf("stored %v, want a traceparent of trace %s", stored, enqueue.TraceID())
	}

	tel2, rec2 := traced(t)
	worker, other := tel2.TracerProvider().Tracer("worker").Start(t.Context(), "worker")
	dequeued := tel2.Queue.Dequeue(worker, otelmail.Message{Trace: tc}, otelmail.MessageFacts{})
	tel2.Delivery.Attempt(dequeued.Context(), otelmail.Attempt{}).End(otelmail.Reply{Code: 250})
	dequeued.End(otelmail.CauseNone)
	tel2.Delivery.Attempt(t.Context(), otelmail.Attempt{Queue: tc}).End(otelmail.Reply{Code: 250})
	other.End()

	spans := rec2.Ended()
	deliver, dequeue, elsewhere := spans[0], spans[1], spans[2]
	if dequeue.SpanContext().TraceID() != enqueue.TraceID() || dequeue.Parent().SpanID() != enqueue.SpanID() || !dequeue.Parent().IsRemote() {
		t.Errorf("dequeue has parent %v, want the remote span %v", dequeue.Parent(), enqueue)
	}
	links := dequeue.Links()
	if len(links) != 2 || links[0].SpanContext.SpanID() != enqueue.SpanID() || links[1].SpanContext.SpanID() != other.SpanContext().SpanID() {
		t.Errorf("dequeue has links %v, want one to the enqueue span and one to the worker's", links)
	}
	if deliver.SpanContext().TraceID() != enqueue.TraceID() || deliver.Parent().SpanID() != dequeue.SpanContext().SpanID() {
		t.Error("the delivery is not a child of the dequeue span in the message's trace")
	}
	if elsewhere.SpanContext().TraceID() == enqueue.TraceID() || elsewhere.Parent().IsValid() {
		t.Error("a delivery with the stored trace in Attempt.Queue must have its own trace")
	}
	if l := elsewhere.Links(); len(l) != 1 || l[0].SpanContext.SpanID() != enqueue.SpanID() || l[0].SpanContext.TraceID() != enqueue.TraceID() {
		t.Errorf("its links are %v, want one to the enqueue span", l)
	}
}

func FuzzTraceContext(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=x")
	f.Add("", "")
	f.Add("00-\xff", "=,=")
	f.Fuzz(func(t *testing.T, parent, state string) {
		tc := otelmail.TraceContext{Parent: parent, State: state}
		if sc := tc.SpanContext(); sc.IsValid() && !sc.IsRemote() {
			t.Fatalf("%+v is not remote", sc)
		}
	})
}

// TestPrivacy sends the same facts through every policy and looks for what must
// not be there.
func TestPrivacy(t *testing.T) {
	const (
		local, domain, helo, id, box, text = "canary-bob", "canary.example", "canary-helo.example", "<canary-id@x>", "canary-box", "canary-text"
		ip                                 = "203.0.113.77"
	)
	for _, tc := range []struct {
		policy otelmail.Privacy
		shown  []string // which of the canaries
	}{
		{otelmail.PrivacyDomain, []string{domain}},
		{otelmail.PrivacyHash, nil},
		{otelmail.PrivacyNone, nil},
		{otelmail.PrivacyFull, []string{local, domain, helo, id, box, text, ip}},
	} {
		t.Run(tc.policy.String(), func(t *testing.T) {
			tel, rec := traced(t, otelmail.WithPrivacy(tc.policy))
			address := local + "@" + domain
			facts := otelmail.MessageFacts{MessageID: id, Sender: address, Recipient: address}
			s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{Remote: tcp(ip + ":1")})
			c := s.Command(mailconv.SMTPEhlo)
			c.Note(otelmail.SMTPFacts{Helo: helo, From: address, To: address, User: address})
			c.End(otelmail.Reply{Code: 550, Text: text})
			s.End(otelmail.CauseNone)
			noted(otelmail.BeginIMAPCommand(t.Context(), tel, mailconv.IMAPSelect), otelmail.IMAPFacts{User: address, Mailbox: box}).End(otelmail.IMAPReply{Result: otelmail.IMAPNo})
			tel.JMAP.Request(t.Context()).Call(t.Context(), otelmail.JMAPFacts{AccountID: address, CallID: id, Method: box}).End(text)
			tel.Mail.Process(t.Context(), facts).End(otelmail.FateError, otelmail.CauseNone)
			tel.Mail.Stage(t.Context(), "stage", facts).End(otelmail.StageError, otelmail.CauseNone)
			tel.Delivery.Attempt(t.Context(), otelmail.Attempt{Domain: domain, Message: facts}).End(otelmail.Reply{Code: 550, Text: text})
			enqueue(t.Context(), tel, facts, otelmail.CauseNone)

			var all strings.Builder
			hashes := 0
			for _, span := range rec.Ended() {
				all.WriteString(span.Name() + "\n" + span.Status().Description + "\n")
				for _, kv := range span.Attributes() {
					all.WriteString(string(kv.Key) + "=" + kv.Value.String() + "\n")
					if strings.HasSuffix(string(kv.Key), ".hash") {
						hashes++
					}
				}
			}
			for _, canary := range []string{local, domain, helo, id, box, text, ip} {
				if got, want := strings.Contains(all.String(), canary), slices.Contains(tc.shown, canary); got != want {
					t.Errorf("%q is shown: %t, want %t\n%s", canary, got, want, all.String())
				}
			}
			if (hashes == 0) != (tc.policy == otelmail.PrivacyNone) {
				t.Errorf("%d hashes", hashes)
			}
		})
	}
}

func TestHashesCorrelateWithinAKeyOnly(t *testing.T) {
	hash := func(key, user string) string {
		rec := tracetest.NewSpanRecorder()
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec))
		tel, err := otelmail.New(otelmail.WithTracerProvider(tp), otelmail.WithHashKey([]byte(key)))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tel.Shutdown(context.Background()) }()
		c := otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPMail)
		c.Note(otelmail.SMTPFacts{User: user})
		c.End(otelmail.Reply{Code: 250})
		return attrs(rec.Ended()[0])["user.hash"]
	}
	const key, otherKey = "0123456789abcdef", "fedcba9876543210"
	if hash(key, "bob@example.org") != hash(key, "<Bob@EXAMPLE.ORG>") {
		t.Error("one user has two hashes")
	}
	if hash(key, "bob@example.org") == hash(key, "eve@example.org") {
		t.Error("two users have one hash")
	}
	if hash(key, "bob@example.org") == hash(otherKey, "bob@example.org") {
		t.Error("the hash does not depend on the key")
	}
}

func TestRotateHashKey(t *testing.T) {
	tel, rec := traced(t)
	hash := func() string {
		c := otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPMail)
		c.Note(otelmail.SMTPFacts{User: "bob@example.org"})
		c.End(otelmail.Reply{Code: 250})
		ended := rec.Ended()
		return attrs(ended[len(ended)-1])["user.hash"]
	}
	before := hash()
	if err := tel.RotateHashKey([]byte("too short")); err == nil || before != hash() {
		t.Errorf("a short key: error %v", err)
	}
	if err := tel.RotateHashKey([]byte("another key for the tests")); err != nil || before == hash() {
		t.Errorf("another key: error %v", err)
	}
	if err := tel.RotateHashKey([]byte("a key for the tests only")); err != nil || before != hash() {
		t.Errorf("the first key again: error %v", err)
	}
}

// TestUnsampledWorkIsNotDescribed keeps the cost of unsampled work low.
func TestUnsampledWorkIsNotDescribed(t *testing.T) {
	tel, rec := traced(t, otelmail.WithSampleRatio(0))
	s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
	s.Command(mailconv.SMTPData).EndMessage(otelmail.Reply{Code: 250}, "bob@example.org")
	s.End(otelmail.CauseNone)
	if n := len(rec.Ended()); n != 0 {
		t.Errorf("%d spans recorded", n)
	}
	checkValue(t, tel, 1, "smtp_messages_received_total")
}

// TestWithoutASpanExporter records no span, and keeps the trace for logs,
// exemplars and the queue.
func TestWithoutASpanExporter(t *testing.T) {
	tel, reader := start(t)
	s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
	c := s.Command(mailconv.SMTPData)
	c.Note(otelmail.SMTPFacts{User: "bob@example.org"})
	stored, q := tel.Queue.Enqueue(c.Context(), otelmail.MessageFacts{})
	q.End(otelmail.CauseNone)
	d := tel.Queue.Dequeue(t.Context(), stored, otelmail.MessageFacts{})
	id := s.Span().SpanContext().TraceID()
	if !id.IsValid() || s.Span().IsRecording() || stored.Trace.SpanContext().TraceID() != id || d.Span().SpanContext().TraceID() != id {
		t.Errorf("trace %v, stored %v, resumed %v", id, stored.Trace, d.Span().SpanContext().TraceID())
	}
	tel.Delivery.Attempt(d.Context(), otelmail.Attempt{Queue: stored.Trace}).End(otelmail.Reply{Code: 250})
	d.End(otelmail.CauseNone)
	c.End(otelmail.Reply{Code: 250})
	s.End(otelmail.CauseNone)
	h := collect(t, reader)["rusmes_smtp_session_duration_seconds"].Data.(metricdata.Histogram[float64])
	if e := h.DataPoints[0].Exemplars; len(e) != 1 || trace.TraceID(e[0].TraceID) != id {
		t.Errorf("exemplars %+v, want one of trace %v", e, id)
	}
	unsampled, reader := start(t, otelmail.WithSampleRatio(0))
	unsampled.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{}).End(otelmail.CauseNone)
	h = collect(t, reader)["rusmes_smtp_session_duration_seconds"].Data.(metricdata.Histogram[float64])
	if len(h.DataPoints[0].Exemplars) != 0 {
		t.Error("an unsampled session has an exemplar")
	}
}

// TestUnsampledChildrenFollowTheSampler: children of an unsampled span are left
// out only where the sampler would not have sampled them anyway.
func TestUnsampledChildrenFollowTheSampler(t *testing.T) {
	remote := trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}}))
	for name, tc := range map[string]struct {
		sampler sdktrace.Sampler
		want    int
	}{
		"parent-based": {sdktrace.ParentBased(sdktrace.AlwaysSample()), 0},
		"always":       {sdktrace.AlwaysSample(), 1},
		"parent-based except for remote parents": {sdktrace.ParentBased(sdktrace.AlwaysSample(),
			sdktrace.WithRemoteParentNotSampled(sdktrace.AlwaysSample())), 1},
		"parent-based except for local parents": {sdktrace.ParentBased(sdktrace.AlwaysSample(),
			sdktrace.WithLocalParentNotSampled(sdktrace.AlwaysSample())), 0},
	} {
		tel, rec := traced(t, otelmail.WithSampler(tc.sampler))
		c := otelmail.BeginSMTPCommand(remote, tel, mailconv.SMTPData)
		if got := trace.SpanContextFromContext(c.Context()).TraceID(); got != (trace.TraceID{1}) {
			t.Errorf("%s: the trace is lost: %v", name, got)
		}
		c.End(otelmail.Reply{Code: 250})
		if got := len(rec.Ended()); got != tc.want {
			t.Errorf("%s: %d spans, want %d", name, got, tc.want)
		}
	}
}

// TestMessageIsWhatServersStore takes a Message through JSON, as a restart does.
func TestMessageIsWhatServersStore(t *testing.T) {
	tel, rec := traced(t)
	stored, queued := tel.Queue.Enqueue(t.Context(), otelmail.MessageFacts{QueueID: "q1"})
	queued.End(otelmail.CauseNone)
	file, err := json.Marshal(stored)
	if err != nil {
		t.Fatal(err)
	}
	var m otelmail.Message
	if err := json.Unmarshal(file, &m); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if m.QueueID != "q1" || !m.Enqueued.Equal(stored.Enqueued) || m.Trace != stored.Trace {
		t.Errorf("%s came back as %+v", file, m)
	}
	for want := 1; want <= 2; want++ {
		d := tel.Queue.Dequeue(t.Context(), m, otelmail.MessageFacts{})
		attempt := tel.Delivery.Attempt(d.Context(), m.Attempt(otelmail.TransportSMTP, "example.net"))
		if !trace.SpanContextFromContext(attempt.Context()).IsValid() {
			t.Error("the attempt's context has no span")
		}
		outcome := attempt.End(otelmail.Reply{Code: 451})
		d.End(otelmail.CauseNone)
		if outcome != otelmail.OutcomeDeferred || m.Attempts["example.net"] != want {
			t.Errorf("attempt %d: %v, attempts %v", want, outcome, m.Attempts)
		}
	}
	checkValue(t, tel, 1, "queue_retries_total")
	first := rec.Ended()[0].SpanContext().TraceID()
	for _, s := range rec.Ended() {
		if s.SpanContext().TraceID() != first {
			t.Errorf("%s is in another trace", s.Name())
		}
	}
}

// A panic's value may hold what a stranger sent, and the SDK would write it into a span
// that is ended by defer.
func TestPanicsOfTheApplicationsOwnSpans(t *testing.T) {
	for policy, want := range map[otelmail.Privacy]int{
		otelmail.PrivacyDomain: 0, otelmail.PrivacyHash: 0, otelmail.PrivacyNone: 0, otelmail.PrivacyFull: 1,
	} {
		tel, spans := traced(t, otelmail.WithPrivacy(policy))
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is gone")
				}
			}()
			_, span := tel.TracerProvider().Tracer("app").Start(t.Context(), "work")
			defer span.End()
			panic("bob@example.org")
		}()
		if got := len(spans.Ended()[0].Events()); got != want {
			t.Errorf("policy %d: %d events, want %d", policy, got, want)
		}
	}
}

func TestRecordingSaysWhatTheSpanDoes(t *testing.T) {
	for ratio, want := range map[float64]bool{0: false, 1: true} {
		spansOf(t, func(tel *otelmail.Telemetry) {
			s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
			c := s.Command(mailconv.SMTPMail)
			if c.Recording() != want || c.Span().IsRecording() != want {
				t.Errorf("ratio %v: recording %v, its span %v, want %v", ratio, c.Recording(), c.Span().IsRecording(), want)
			}
			c.End(otelmail.Reply{Code: 250})
			s.End(otelmail.CauseNone)
			if c.Recording() {
				t.Errorf("ratio %v: recording after its end", ratio)
			}
		}, otelmail.WithSampleRatio(ratio))
	}
	if (otelmail.SMTPCommand{}).Recording() {
		t.Error("the zero value is recording")
	}
}
