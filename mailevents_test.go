package otelmail_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/embedded"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/mailconv"
)

// mailEvent is an event as it leaves.
type mailEvent struct {
	name  string
	attrs map[string]string
	trace trace.TraceID
}

// listener is a LoggerProvider of an application's own.
type listener struct {
	embedded.LoggerProvider
	deaf  func(log.EnabledParameters) bool // to what it does not listen; nil for nothing
	panic bool

	mu     sync.Mutex
	events []mailEvent
}

func (l *listener) Logger(string, ...log.LoggerOption) log.Logger { return listening{listener: l} }

// listening is the Logger of a listener.
type listening struct {
	embedded.Logger
	*listener
}

func (l listening) Enabled(_ context.Context, p log.EnabledParameters) bool {
	return l.deaf == nil || !l.deaf(p)
}

func (l listening) Emit(ctx context.Context, r log.Record) {
	if l.panic {
		panic("for bob@example.org")
	}
	attrs := map[string]string{}
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		attrs[string(kv.Key)] = kv.Value.String()
		return true
	})
	l.add(mailEvent{r.EventName(), attrs, trace.SpanContextFromContext(ctx).TraceID()})
}

func (l *listener) add(e mailEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// names are the events in their order.
func (l *listener) names() (names []string) {
	for _, e := range l.heard() {
		names = append(names, e.name)
	}
	return names
}

func (l *listener) heard() []mailEvent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}

// processor has a listener hear what the SDK's provider emits.
type processor struct{ *listener }

func (p processor) OnEmit(_ context.Context, r *sdklog.Record) error {
	if r.EventName() == "" {
		return nil
	}
	attrs := map[string]string{}
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		attrs[string(kv.Key)] = kv.Value.String()
		return true
	})
	p.add(mailEvent{r.EventName(), attrs, r.TraceID()})
	return nil
}
func (p processor) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (p processor) Shutdown(context.Context) error                         { return nil }
func (p processor) ForceFlush(context.Context) error                       { return nil }

// listened starts a Telemetry whose log records l hears.
func listened(t testing.TB, l *listener, opts ...otelmail.StartOption) *otelmail.Telemetry {
	t.Helper()
	tel, _ := start(t, append(opts, otelmail.WithHashKey(testKey),
		otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
			p.AddLogProcessor(processor{l})
			p.AddLogProcessor(conventionalEvents{t})
			return nil
		})))...)
	return tel
}

var testKey = []byte("a key for the tests only")

// listenedModes are the ways to have somebody listen.
var listenedModes = map[string]func(*testing.T, *listener, otelmail.Option) *otelmail.Telemetry{
	"Start": func(t *testing.T, l *listener, o otelmail.Option) *otelmail.Telemetry { return listened(t, l, o) },
	"Start, spans exported": func(t *testing.T, l *listener, o otelmail.Option) *otelmail.Telemetry {
		return listened(t, l, o, withSpans())
	},
	"Start, nothing sampled": func(t *testing.T, l *listener, o otelmail.Option) *otelmail.Telemetry {
		return listened(t, l, o, withSpans(), otelmail.WithSampleRatio(0))
	},
	"New on an SDK's provider": func(t *testing.T, l *listener, o otelmail.Option) *otelmail.Telemetry {
		return newTelemetry(t, o, otelmail.WithHashKey(testKey), otelmail.WithTracerProvider(sdktrace.NewTracerProvider()),
			otelmail.WithLoggerProvider(sdklog.NewLoggerProvider(sdklog.WithProcessor(processor{l}))))
	},
	"New on another provider": func(t *testing.T, l *listener, o otelmail.Option) *otelmail.Telemetry {
		return newTelemetry(t, o, otelmail.WithHashKey(testKey), otelmail.WithTracerProvider(sdktrace.NewTracerProvider()),
			otelmail.WithLoggerProvider(l))
	},
}

func withSpans() otelmail.StartOption {
	return otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		p.AddSpanProcessor(sdktrace.NewSimpleSpanProcessor(nil))
		return nil
	}))
}

// An event of the table has these attributes besides.
const (
	someTime = "some time" // in seconds
)

// with returns the union of maps; later ones win.
func with(all ...map[string]string) map[string]string {
	m := map[string]string{}
	for _, one := range all {
		maps.Copy(m, one)
	}
	return m
}

// story is something that happens, and the events that it has to bring.
type story struct {
	name string
	do   func(context.Context, *otelmail.Telemetry)
	want []mailEvent
}

// canary is in every name that the stories give away.
const canary = "qxyzzyq"

// stories bring each event with each of its attributes, under the default policy and with
// these names.
func stories(t *testing.T) []story {
	t.Helper()
	sender, recipient, user := hashOf(t, canary+".from@sender.example"), hashOf(t, canary+".to@here.example"), hashOf(t, canary+"@user.example")
	conn := otelmail.Conn{Remote: tcp("203.0.113.77:4711"), Local: tcp("192.0.2.1:25")}
	handshake := tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}
	secured := map[string]string{"tls.established": "true", "tls.resumed": "false", "tls.protocol.version": "1.3", "tls.cipher": "TLS_AES_128_GCM_SHA256"}
	connection := map[string]string{"network.transport": "tcp", "client.address": "203.0.113.0", "network.peer.address": "203.0.113.0",
		"server.address": "192.0.2.1", "server.port": "25"}
	over := func(protocol string) map[string]string {
		return with(connection, map[string]string{"network.protocol.name": protocol})
	}
	from := map[string]string{"email.from.domain": "sender.example", "email.from.hash": sender}
	to := map[string]string{"email.to.domain": "here.example", "email.to.hash": recipient}
	facts := otelmail.MessageFacts{QueueID: "q1", MessageID: "<" + canary + "@sender.example>", Sender: canary + ".from@sender.example",
		Recipient: canary + ".to@here.example", Direction: mailconv.Inbound, Size: 1024}
	message := with(from, to, map[string]string{"messaging.message.id": "q1", "email.message_id": hashOfText(t, "<"+canary+"@sender.example>"),
		"email.direction": "inbound", "messaging.message.body.size": "1024"})
	waiting := with(message, map[string]string{"email.queue.wait": someTime})
	reply := func(code, enhanced string) map[string]string {
		return map[string]string{"smtp.response.status_code": code, "smtp.response.enhanced_code": enhanced}
	}
	told := func(code int, enhanced ...int) otelmail.Reply {
		return otelmail.Reply{Code: code, Enhanced: otelmail.EnhancedCode(enhanced), Text: "for " + canary}
	}
	// submit is a session up to its message.
	submit := func(ctx context.Context, tel *otelmail.Telemetry, role otelmail.SMTPRole) (otelmail.SMTPSession, otelmail.SMTPCommand) {
		s := tel.SMTP.Session(ctx, role, conn)
		hello := s.Command(mailconv.SMTPEhlo)
		hello.Note(otelmail.SMTPFacts{Helo: canary + ".example"})
		hello.End(told(250, 0, 0, 0))
		s.TLS(handshake)
		auth := s.Command(mailconv.SMTPAuth)
		auth.Note(otelmail.SMTPFacts{Mechanism: "plain", User: canary + "@user.example"})
		auth.End(told(235, 2, 7, 0))
		mail := s.Command(mailconv.SMTPMail)
		mail.Note(otelmail.SMTPFacts{From: canary + ".from@sender.example"})
		mail.End(told(250, 2, 1, 0))
		return s, s.Command(mailconv.SMTPData)
	}
	who := map[string]string{"user.hash": user}
	accepted := with(from, who, secured, over("smtp"), reply("250", "2.0.0"), map[string]string{"smtp.role": "submission",
		"smtp.recipient.count": "1", "messaging.message.id": "q1", "messaging.message.body.size": "1024"})
	rejected := func(stage, reason, fault, code, enhanced string) map[string]string {
		return with(reply(code, enhanced), map[string]string{"smtp.role": "mx", "email.rejection.stage": stage,
			"email.rejection.reason": reason, "email.fault": fault, "error.type": enhanced})
	}
	attempt := with(waiting, map[string]string{"email.delivery.transport": "smtp", "email.delivery.attempt": "1",
		"email.recipient.domain": "here.example", "server.address": "mx.here.example", "email.tls.policy": "opportunistic", "network.protocol.name": "smtp"})
	answered := with(attempt, secured, map[string]string{"network.peer.address": "198.51.100.9", "network.peer.port": "25"})
	// tried is a delivery of the queued message.
	tried := func(r otelmail.Reply) func(context.Context, *otelmail.Telemetry) {
		return func(ctx context.Context, tel *otelmail.Telemetry) {
			m := otelmail.Message{QueueID: "q1", Enqueued: time.Now(), Trace: otelmail.TraceContextOf(ctx)}
			work := tel.Queue.Dequeue(ctx, m, facts)
			about := m.Attempt(otelmail.TransportSMTP, canary+".to@here.example")
			about.Server, about.TLSPolicy = "mx.here.example", mailconv.TLSOpportunistic
			d := tel.Delivery.Attempt(work.Context(), about)
			d.Peer(tcp("198.51.100.9:25"))
			d.TLS(handshake)
			d.End(r)
			work.End(otelmail.CauseNone)
		}
	}
	piped := func(fate otelmail.Fate, result otelmail.StageResult, cause otelmail.Cause) func(context.Context, *otelmail.Telemetry) {
		return func(ctx context.Context, tel *otelmail.Telemetry) {
			m := otelmail.Message{QueueID: "q1", Enqueued: time.Now(), Trace: otelmail.TraceContextOf(ctx)}
			p := tel.Mail.Process(tel.Queue.Dequeue(ctx, m, facts).Context(), otelmail.MessageFacts{})
			tel.Mail.Stage(p.Context(), "first", facts).End(otelmail.StageContinue, otelmail.CauseNone)
			tel.Mail.Stage(p.Context(), "spam-filter", facts).End(result, cause)
			p.End(fate, cause)
		}
	}
	within := func(do func(context.Context, *otelmail.Telemetry)) func(context.Context, *otelmail.Telemetry) {
		return func(ctx context.Context, tel *otelmail.Telemetry) {
			work := tel.Queue.Dequeue(ctx, otelmail.Message{QueueID: "q1", Enqueued: time.Now(), Trace: otelmail.TraceContextOf(ctx)}, facts)
			do(work.Context(), tel)
		}
	}
	stage := map[string]string{"email.stage.name": "spam-filter"}
	tenWays := []story{
		{"accepted, queued before", func(ctx context.Context, tel *otelmail.Telemetry) {
			s, data := submit(ctx, tel, otelmail.RoleSubmission)
			_, queueing := tel.Queue.Enqueue(data.Context(), facts)
			queueing.End(otelmail.CauseNone)
			_, bounce := tel.Queue.Enqueue(data.Context(), otelmail.MessageFacts{QueueID: "q2"})
			bounce.End(otelmail.CauseStorage)
			data.Note(otelmail.SMTPFacts{Size: 1024})
			data.EndMessage(told(250, 2, 0, 0), canary+".to@here.example")
			s.End(otelmail.CauseNone)
		}, []mailEvent{{name: "email.queued", attrs: message}, {name: "email.accepted", attrs: with(accepted, to)}}},
		{"accepted for two, with a queue id of its own", func(ctx context.Context, tel *otelmail.Telemetry) {
			_, data := submit(ctx, tel, otelmail.RoleSubmission)
			data.Note(otelmail.SMTPFacts{Size: 1024, QueueID: "q1"})
			data.EndMessage(told(250, 2, 0, 0), "a@here.example", "b@there.example")
		}, []mailEvent{{name: "email.accepted", attrs: with(accepted, map[string]string{"smtp.recipient.count": "2"})}}},
		{"the next message of a session", func(ctx context.Context, tel *otelmail.Telemetry) {
			s, data := submit(ctx, tel, otelmail.RoleSubmission)
			data.Note(otelmail.SMTPFacts{QueueID: "q0"})
			data.EndOutOfOrder(told(503, 5, 5, 1))
			late := data.Context()
			enqueue(late, tel, otelmail.MessageFacts{QueueID: "late"}, otelmail.CauseStorage)
			s.Command(mailconv.SMTPRset).End(told(250, 2, 0, 0))
			data = s.Command(mailconv.SMTPData)
			data.End(told(250, 2, 0, 0))
		}, []mailEvent{{name: "email.accepted", attrs: with(who, secured, over("smtp"), reply("250", "2.0.0"), map[string]string{"smtp.role": "submission"})}}},
		{"a message without MAIL, after one whose id came too late", func(ctx context.Context, tel *otelmail.Telemetry) {
			s, data := submit(ctx, tel, otelmail.RoleSubmission)
			data.End(told(250, 2, 0, 0))
			enqueue(data.Context(), tel, otelmail.MessageFacts{QueueID: "late"}, otelmail.CauseStorage)
			s.Command(mailconv.SMTPData).End(told(250, 2, 0, 0))
		}, []mailEvent{
			{name: "email.accepted", attrs: with(from, who, secured, over("smtp"), reply("250", "2.0.0"), map[string]string{"smtp.role": "submission"})},
			{name: "email.accepted", attrs: with(who, secured, over("smtp"), reply("250", "2.0.0"), map[string]string{"smtp.role": "submission"})}}},
		{"a recipient refused", func(ctx context.Context, tel *otelmail.Telemetry) {
			s, _ := submit(ctx, tel, otelmail.RoleMX)
			rcpt := s.Command(mailconv.SMTPRcpt)
			rcpt.Note(otelmail.SMTPFacts{To: canary + ".to@here.example"})
			rcpt.End(told(550, 5, 1, 1))
		}, []mailEvent{{name: "email.rejected", attrs: with(from, to, who, secured, over("smtp"), rejected("rcpt", "unknown_user", "theirs", "550", "5.1.1"))}}},
		{"a second sender refused inside a transaction, which goes on", func(ctx context.Context, tel *otelmail.Telemetry) {
			s, _ := submit(ctx, tel, otelmail.RoleMX)
			mail := s.Command(mailconv.SMTPMail)
			mail.Note(otelmail.SMTPFacts{From: "second@other.example"})
			mail.End(told(503, 5, 5, 1))
			s.Command(mailconv.SMTPData).End(told(452, 4, 3, 1))
		}, []mailEvent{
			{name: "email.rejected", attrs: with(who, secured, over("smtp"), rejected("mail", "protocol", "theirs", "503", "5.5.1"),
				map[string]string{"email.from.domain": "other.example", "email.from.hash": hashOf(t, "second@other.example")})},
			{name: "email.rejected", attrs: with(from, who, secured, over("smtp"), rejected("data", "system", "ours", "452", "4.3.1"))}}},
		{"LMTP: one of two recipients", func(ctx context.Context, tel *otelmail.Telemetry) {
			s := tel.SMTP.Session(ctx, otelmail.RoleLMTP, otelmail.Conn{})
			s.Command(mailconv.SMTPData).EndEach(
				otelmail.RecipientReply{Recipient: canary + ".to@here.example", Reply: told(452, 4, 2, 2)},
				otelmail.RecipientReply{Recipient: "b@there.example", Reply: told(250, 2, 1, 5)})
		}, []mailEvent{
			{name: "email.rejected", attrs: with(to, rejected("data", "mailbox_full", "theirs", "452", "4.2.2"),
				map[string]string{"smtp.role": "lmtp", "network.protocol.name": "lmtp", "network.transport": "tcp"})},
			{name: "email.accepted", attrs: map[string]string{"smtp.role": "lmtp", "network.protocol.name": "lmtp", "network.transport": "tcp",
				"smtp.recipient.count": "1", "smtp.response.status_code": "250",
				"email.to.domain": "there.example", "email.to.hash": hashOf(t, "b@there.example")}}}},
		{"connections turned away", func(_ context.Context, tel *otelmail.Telemetry) {
			tel.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedBlocked)
			tel.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedOverload)
		}, []mailEvent{
			{name: "email.rejected", attrs: map[string]string{"smtp.role": "mx", "email.rejection.stage": "connect", "email.rejection.reason": "policy", "email.fault": "theirs"}},
			{name: "email.rejected", attrs: map[string]string{"smtp.role": "mx", "email.rejection.stage": "connect", "email.rejection.reason": "system", "email.fault": "ours"}}}},
		{"no mail refused", func(ctx context.Context, tel *otelmail.Telemetry) {
			s := tel.SMTP.Session(ctx, otelmail.RoleMX, conn)
			s.Command(mailconv.SMTPVrfy).End(told(502, 5, 5, 1))
			s.Command(mailconv.SMTPMail).End(otelmail.Reply{Cause: otelmail.CauseEOF})
			s.Command(mailconv.SMTPData).EndOutOfOrder(told(503, 5, 5, 1))
			s.End(otelmail.CauseEOF)
		}, nil},
		{"delivered", tried(told(250, 2, 0, 0)), []mailEvent{{name: "email.attempt", attrs: attempt},
			{name: "email.delivered", attrs: with(answered, reply("250", "2.0.0"))}}},
		{"deferred", tried(told(451, 4, 7, 1)), []mailEvent{{name: "email.attempt", attrs: attempt},
			{name: "email.deferred", attrs: with(answered, reply("451", "4.7.1"), map[string]string{"email.delivery.reason": "policy", "error.type": "4.7.1"})}}},
		{"no answer", tried(otelmail.Reply{Cause: otelmail.CauseTimeout}), []mailEvent{{name: "email.attempt", attrs: attempt},
			{name: "email.deferred", attrs: with(answered, map[string]string{"email.delivery.reason": "timeout", "error.type": "timeout"})}}},
		{"failed", tried(told(550, 5, 1, 1)), []mailEvent{{name: "email.attempt", attrs: attempt},
			{name: "email.failed", attrs: with(answered, reply("550", "5.1.1"), map[string]string{"email.delivery.reason": "unknown_user", "error.type": "5.1.1"})}}},
		{"a delivery by another process, which knows only what it is told", func(ctx context.Context, tel *otelmail.Telemetry) {
			tel.Delivery.Attempt(ctx, otelmail.Attempt{Transport: otelmail.TransportLocal, Number: 3}).EndAs(otelmail.OutcomeFailed, otelmail.Reply{Code: 452})
		}, []mailEvent{{name: "email.attempt", attrs: map[string]string{"email.delivery.transport": "local", "email.delivery.attempt": "3"}},
			{name: "email.failed", attrs: map[string]string{"email.delivery.transport": "local", "email.delivery.attempt": "3",
				"smtp.response.status_code": "452", "error.type": "452", "email.delivery.reason": "system"}}}},
		{"bounced", within(func(ctx context.Context, tel *otelmail.Telemetry) { tel.Mail.Bounced(ctx) }),
			[]mailEvent{{name: "email.bounced", attrs: waiting}}},
		{"bounced by a stage", func(ctx context.Context, tel *otelmail.Telemetry) {
			p := tel.Mail.Process(ctx, otelmail.MessageFacts{QueueID: "q1"})
			tel.Mail.Stage(p.Context(), "spam-filter", facts).End(otelmail.StageReject, otelmail.CauseNone)
			tel.Mail.Bounced(p.Context())
			p.End(otelmail.FateBounced, otelmail.CauseNone)
		}, []mailEvent{{name: "email.bounced", attrs: with(stage, map[string]string{"messaging.message.id": "q1"})}}},
		{"expired", within(func(ctx context.Context, tel *otelmail.Telemetry) {
			tel.Queue.Remove(ctx, otelmail.Message{QueueID: "q1", Enqueued: time.Now()}, otelmail.RemovedExpired)
		}), []mailEvent{{name: "email.expired", attrs: waiting}}},
		{"expired, another message", within(func(ctx context.Context, tel *otelmail.Telemetry) {
			tel.Queue.Remove(ctx, otelmail.Message{QueueID: "q2"}, otelmail.RemovedExpired)
		}), []mailEvent{{name: "email.expired", attrs: map[string]string{"messaging.message.id": "q2"}}}},
		{"dropped from the queue", within(func(ctx context.Context, tel *otelmail.Telemetry) { tel.Mail.Dropped(ctx) }),
			[]mailEvent{{name: "email.dropped", attrs: waiting}}},
		{"dropped by a stage", piped(otelmail.FateDropped, otelmail.StageDrop, otelmail.CauseNone),
			[]mailEvent{{name: "email.dropped", attrs: with(waiting, stage)}}},
		{"rejected by a stage", piped(otelmail.FateRejected, otelmail.StageReject, otelmail.CauseNone),
			[]mailEvent{{name: "email.rejected", attrs: with(waiting, stage)}}},
		{"deferred by a stage", piped(otelmail.FateDeferred, otelmail.StageError, otelmail.CauseDNS),
			[]mailEvent{{name: "email.deferred", attrs: with(waiting, stage, map[string]string{"error.type": "dns"})}}},
		{"fates with calls of their own", piped(otelmail.FateQueued, otelmail.StageContinue, otelmail.CauseNone), nil},
		{"SMTP: AUTH fails, and after it succeeded once", func(ctx context.Context, tel *otelmail.Telemetry) {
			s, _ := submit(ctx, tel, otelmail.RoleMX)
			auth := s.Command(mailconv.SMTPAuth)
			auth.Note(otelmail.SMTPFacts{Mechanism: "LOGIN"})
			auth.End(told(535, 5, 7, 8))
		}, []mailEvent{{name: "email.login_failed", attrs: with(secured, over("smtp"), reply("535", "5.7.8"), map[string]string{"smtp.role": "mx",
			"email.login.mechanism": "LOGIN", "email.login.result": "failure", "email.fault": "theirs", "error.type": "5.7.8"})}}},
		{"SMTP: the user database is away, but the rule is ours", func(ctx context.Context, tel *otelmail.Telemetry) {
			auth := tel.SMTP.Session(ctx, otelmail.RoleSubmission, conn).Command(mailconv.SMTPAuth)
			auth.Note(otelmail.SMTPFacts{Mechanism: "plain", User: canary + "@user.example"})
			r := told(454, 4, 7, 0)
			r.Fault = otelmail.FaultTheirs
			auth.End(r)
		}, []mailEvent{{name: "email.login_failed", attrs: with(who, over("smtp"), reply("454", "4.7.0"), map[string]string{"smtp.role": "submission",
			"email.login.mechanism": "PLAIN", "email.login.result": "error", "email.fault": "theirs", "error.type": "4.7.0"})}}},
		{"IMAP: LOGIN fails", func(ctx context.Context, tel *otelmail.Telemetry) {
			s := tel.IMAP.Session(ctx, conn)
			s.TLS(handshake)
			noop := s.Command(mailconv.IMAPNoop)
			noop.Note(otelmail.IMAPFacts{User: "somebody@else.example"})
			noop.End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
			login := s.Command(mailconv.IMAPLogin)
			login.Note(otelmail.IMAPFacts{User: canary + "@user.example"})
			login.End(otelmail.IMAPReply{Result: otelmail.IMAPNo, Code: "UNAVAILABLE"})
		}, []mailEvent{{name: "email.login_failed", attrs: with(who, secured, over("imap"), map[string]string{
			"email.login.mechanism": "LOGIN", "email.login.result": "error", "email.fault": "ours", "error.type": "UNAVAILABLE"})}}},
		{"IMAP: AUTHENTICATE is cancelled", func(ctx context.Context, tel *otelmail.Telemetry) {
			s := tel.IMAP.Session(ctx, conn)
			s.Command(mailconv.IMAPLogin).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
			auth := s.Command(mailconv.IMAPAuthenticate)
			auth.Note(otelmail.IMAPFacts{Mechanism: "steal"})
			auth.End(otelmail.IMAPReply{Result: otelmail.IMAPBad})
		}, []mailEvent{{name: "email.login_failed", attrs: with(over("imap"), map[string]string{
			"email.login.mechanism": "_OTHER", "email.login.result": "aborted", "email.fault": "theirs", "error.type": "bad"})}}},
		{"POP3: PASS fails", func(ctx context.Context, tel *otelmail.Telemetry) {
			s := tel.POP3.Session(ctx, conn)
			name := s.Command(mailconv.POP3User)
			name.Note(otelmail.POP3Facts{User: canary + "@user.example"})
			name.End(otelmail.POP3Reply{OK: true})
			s.Command(mailconv.POP3Pass).End(otelmail.POP3Reply{})
			s.Command(mailconv.POP3Auth).End(otelmail.POP3Reply{Cause: otelmail.CauseEOF})
		}, []mailEvent{
			{name: "email.login_failed", attrs: with(who, over("pop3"), map[string]string{
				"email.login.mechanism": "PASS", "email.login.result": "failure", "email.fault": "theirs", "error.type": "err"})},
			{name: "email.login_failed", attrs: with(over("pop3"), map[string]string{
				"email.login.mechanism": "_OTHER", "email.login.result": "aborted", "email.fault": "theirs", "error.type": "eof"})}}},
		{"JMAP: credentials refused", func(ctx context.Context, tel *otelmail.Telemetry) {
			tel.JMAP.Authenticated(ctx, otelmail.JMAPLogin{Scheme: "Bearer"}, true)
			tel.JMAP.Authenticated(ctx, otelmail.JMAPLogin{Scheme: "basic", User: canary + "@user.example", Conn: conn}, false)
		}, []mailEvent{{name: "email.login_failed", attrs: with(who, over("jmap"), map[string]string{
			"email.login.mechanism": "Basic", "email.login.result": "failure", "email.fault": "theirs"})}}},
	}
	return tenWays
}

// TestMailEvents: what happens is emitted once, with exactly these attributes, whoever
// listens and whatever is sampled.
func TestMailEvents(t *testing.T) {
	all := stories(t)
	for name, open := range listenedModes {
		t.Run(name, func(t *testing.T) {
			for _, s := range all {
				var l listener
				tel := open(t, &l, otelmail.WithPrivacy(otelmail.PrivacyDomain))
				ctx := trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{7}, SpanID: trace.SpanID{7}}))
				s.do(ctx, tel)
				checkEvents(t, s, l.heard())
			}
		})
	}
}

func checkEvents(t *testing.T, s story, got []mailEvent) {
	t.Helper()
	for i, want := range s.want {
		if i >= len(got) {
			t.Errorf("%s: no %s", s.name, want.name)
			continue
		}
		attrs := maps.Clone(got[i].attrs)
		if _, ok := attrs["email.queue.wait"]; ok {
			attrs["email.queue.wait"] = someTime
		}
		if got[i].name != want.name || !maps.Equal(attrs, want.attrs) {
			t.Errorf("%s: %s %v, want %s %v", s.name, got[i].name, attrs, want.name, want.attrs)
		}
		if away := want.attrs["email.rejection.stage"] == "connect"; (got[i].trace != trace.TraceID{7}) != away {
			t.Errorf("%s: %s is of the trace %v", s.name, want.name, got[i].trace)
		}
	}
	for _, more := range got[min(len(s.want), len(got)):] {
		t.Errorf("%s: beside what was to come: %s %v", s.name, more.name, more.attrs)
	}
}

// TestEventsAreThoseOfTheTable: no event has an attribute that docs/events.md does not
// list, and the stories bring every one that it lists.
func TestEventsAreThoseOfTheTable(t *testing.T) {
	seen := map[string]map[string]bool{}
	for _, policy := range []otelmail.Privacy{otelmail.PrivacyDomain, otelmail.PrivacyFull} {
		for _, s := range stories(t) {
			var l listener
			s.do(t.Context(), listened(t, &l, otelmail.WithPrivacy(policy)))
			for _, e := range l.heard() {
				if seen[e.name] == nil {
					seen[e.name] = map[string]bool{}
				}
				for key := range e.attrs {
					seen[e.name][key] = true
				}
			}
		}
	}
	for _, e := range mailevent.All() {
		for _, u := range e.Uses {
			if !seen[e.Name][string(u.Key)] {
				t.Errorf("%s never has %s", e.Name, u.Key)
			}
			delete(seen[e.Name], string(u.Key))
		}
		if len(seen[e.Name]) > 0 {
			t.Errorf("%s has %v, which the table does not list", e.Name, slices.Sorted(maps.Keys(seen[e.Name])))
		}
		delete(seen, e.Name)
	}
	if len(seen) > 0 {
		t.Errorf("events that the table does not list: %v", slices.Sorted(maps.Keys(seen)))
	}
}

// TestEventsNameNobody puts one word into every name, id and text of the stories, and
// looks for it in all that comes out: events, lines of the local log, labels of series.
func TestEventsNameNobody(t *testing.T) {
	for _, policy := range []otelmail.Privacy{otelmail.PrivacyDomain, otelmail.PrivacyHash, otelmail.PrivacyNone, otelmail.PrivacyFull} {
		var l listener
		var local syncBuffer
		reader := sdkmetric.NewManualReader()
		tel := listened(t, &l, otelmail.WithPrivacy(policy), otelmail.WithLogMailEvents(), otelmail.WithLogHandler(jsonLines(&local)),
			otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
				p.AddReader(reader)
				return nil
			})))
		for _, s := range stories(t) {
			s.do(t.Context(), tel)
		}
		series := strings.ToLower(fmt.Sprint(collect(t, reader)))
		if i := strings.Index(series, canary); i >= 0 && policy != otelmail.PrivacyFull {
			t.Errorf("%v: a series has it: %.300s", policy, series[max(i-200, 0):])
		}
		if !strings.Contains(series, "rejections_total") {
			t.Errorf("no series were read: %.300s", series)
		}
		found := strings.Count(strings.ToLower(local.String()), canary)
		for _, e := range l.heard() {
			for key, value := range e.attrs {
				if !strings.Contains(strings.ToLower(value), canary) {
					continue
				}
				found++
				if policy != otelmail.PrivacyFull {
					t.Errorf("%v: %s has %s=%s", policy, e.name, key, value)
				}
			}
			for _, part := range []string{"here.example", "sender.example", "203.0.113"} {
				if policy == otelmail.PrivacyNone || policy == otelmail.PrivacyHash {
					for key, value := range e.attrs {
						if strings.Contains(value, part) && key != "server.address" {
							t.Errorf("%v: %s has %s=%s", policy, e.name, key, value)
						}
					}
				}
			}
		}
		if policy != otelmail.PrivacyFull && found > 0 || policy == otelmail.PrivacyFull && found == 0 {
			t.Errorf("%v: the word was found %d times", policy, found)
		}
		if len(l.heard()) < 30 || strings.Count(local.String(), "\n") != len(l.heard()) {
			t.Errorf("%v: only %d events, %d lines", policy, len(l.heard()), strings.Count(local.String(), "\n"))
		}
	}
}

// TestAsManyEventsAsCounted: an event that stands beside a counter is emitted as often as
// that counts, for every use of the record methods.
func TestAsManyEventsAsCounted(t *testing.T) {
	for _, e := range events() {
		var l listener
		tel := listened(t, &l)
		e.do(tel)
		got := map[string]int64{}
		for _, one := range l.heard() {
			if one.name != "email.rejected" || one.attrs["email.rejection.stage"] != "" { // the pipeline's are not counted there
				got[one.name]++
			}
		}
		want := map[string]int64{}
		for series, n := range e.want {
			name, labels, _ := strings.Cut(series, "/")
			switch {
			case name == "smtp_messages_received_total":
				want["email.accepted"] += n
			case name == "rejections_total":
				want["email.rejected"] += n
			case name == "mail_delivered_total":
				want["email.delivered"] += n
			case name == "mail_bounced_total":
				want["email.bounced"] += n
			case name == "mail_dropped_total":
				want["email.dropped"] += n
			case name == "auth_attempts_total" && !strings.HasSuffix(labels, "/success"):
				want["email.login_failed"] += n
			}
		}
		for _, name := range []string{"email.accepted", "email.rejected", "email.delivered", "email.bounced", "email.dropped", "email.login_failed"} {
			if got[name] != want[name] {
				t.Errorf("%s: %d %s, counted were %d", e.name, got[name], name, want[name])
			}
		}
	}
}

// TestTheLifeOfAMessage: from the session to the delivery hours later, all in one trace.
func TestTheLifeOfAMessage(t *testing.T) {
	var l listener
	tel := listened(t, &l)
	s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
	data := s.Command(mailconv.SMTPData)
	facts := otelmail.MessageFacts{QueueID: "q1"}
	stored, queueing := tel.Queue.Enqueue(data.Context(), facts)
	queueing.End(otelmail.CauseNone)
	data.End(otelmail.Reply{Code: 250})
	s.End(otelmail.CauseNone)
	for _, code := range []int{451, 250} {
		work := tel.Queue.Dequeue(t.Context(), stored, otelmail.MessageFacts{})
		tel.Delivery.Attempt(work.Context(), stored.Attempt(otelmail.TransportSMTP, "there.example")).End(otelmail.Reply{Code: code})
		work.End(otelmail.CauseNone)
	}
	want := []string{"email.queued", "email.accepted", "email.attempt", "email.deferred", "email.attempt", "email.delivered"}
	if got := l.names(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, e := range l.heard() {
		if e.attrs["messaging.message.id"] != "q1" || e.trace != l.heard()[0].trace || !e.trace.IsValid() {
			t.Errorf("%s: %v, of the trace %v", e.name, e.attrs, e.trace)
		}
	}
	if n := l.heard()[4].attrs["email.delivery.attempt"]; n != "2" {
		t.Errorf("the second attempt is number %s", n)
	}
}
