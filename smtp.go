package otelmail

import (
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/mailconv"
)

// smtpSpans are the names of the spans, by verb.
var smtpSpans = spanNames("SMTP", mailconv.SMTPStartTLS)

// SMTPRole is what a listener is for.
type SMTPRole uint8

// The roles.
const (
	RoleMX         SMTPRole = iota // receives from other servers (RFC 5321)
	RoleSubmission                 // receives from users (RFC 6409)
	RoleLMTP                       // receives for local delivery (RFC 2033)
)

var (
	smtpRoleNames = []string{"mx", "submission", "lmtp"}
	smtpProtocols = []string{"smtp", "smtp", "lmtp"}
)

// String returns "mx", "submission" or "lmtp", and "_OTHER" for what is none of them.
func (r SMTPRole) String() string { return memberOf(smtpRoleNames, r, other) }

var (
	smtpConnections = define(catalog.Metric{
		Name: "smtp_connections_total", Kind: catalog.Counter, Unit: "{connection}",
		Help: "SMTP, LMTP and submission connections accepted",
		Rise: "More clients connect. Without more messages received: scanners, a loop of failing clients, or password guessing (see " + smtpAuthFailure.Name + ").",
	})
	smtpReceived = define(catalog.Metric{
		Name: "smtp_messages_received_total", Kind: catalog.Counter, Unit: "{message}",
		Help: "Messages accepted after DATA or BDAT",
		Rise: "More mail comes in. A fall to zero while connections go on means that everything is refused.",
	})
	smtpErrors = define(catalog.Metric{
		Name: "smtp_errors_total", Kind: catalog.Counter, Unit: "{error}",
		Help: "Commands that ended in 4xx or 5xx, protocol errors and broken sessions",
		Rise: "Some come with every day's spam. A rise with a steady rate of connections means that something refuses mail: look at error.type of the spans.",
	})
	smtpAuthSuccess = define(catalog.Metric{
		Name: "smtp_auth_success_total", Kind: catalog.Counter, Unit: "{attempt}",
		Help: "AUTH commands that succeeded",
		Rise: "Users log in. A fall to zero while failures rise: the user database is away.",
	})
	smtpAuthFailure = define(catalog.Metric{
		Name: "smtp_auth_failure_total", Kind: catalog.Counter, Unit: "{attempt}",
		Help: "AUTH commands that failed, whatever the reason",
		Rise: "Password guessing, or a user database that is away; the latter when successes fall to zero at the same time.",
	})
	smtpRejected = define(catalog.Metric{
		Name: "smtp_messages_rejected_total", Kind: catalog.Counter, Unit: "{message}",
		Help: "Messages refused with 4xx or 5xx at or after DATA or BDAT",
		Rise: "Content is refused: too large, spam, a full disk (452). 4xx come again, 5xx bounce at the sender.",
	})
	smtpBlocked = define(catalog.Metric{
		Name: "smtp_connections_rejected_blocked_total", Kind: catalog.Counter, Unit: "{connection}",
		Help: "SMTP connections refused because the address is blocked",
		Rise: "A blocked network keeps trying, or a block list has grown too wide.",
	})
	smtpOverload = define(catalog.Metric{
		Name: "smtp_connections_rejected_overload_total", Kind: catalog.Counter, Unit: "{connection}",
		Help: "SMTP connections refused because of the connection limit",
		Rise: "The limit is reached: a flood, or sessions that hang; see " + activeConnections.Name + ".",
	})
	smtpDuration = define(catalog.Metric{
		Name: "smtp_session_duration_seconds", Kind: catalog.Histogram, Unit: "s",
		Help:    "How long SMTP sessions lasted",
		Rise:    "Clients or our own checks have become slow; a hump at a timeout's length means that clients hang.",
		Buckets: []float64{0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600},
	})
)

// SMTP records what an SMTP, LMTP or submission server does (RFC 5321, 2033,
// 6409). All methods are safe for concurrent use.
type SMTP struct {
	tracer      *tracer
	conns       *connections
	domains     domains
	senders     *senders
	connections *count.Counter
	received    stamped
	errors      *count.Counter
	authSuccess *count.Counter
	authFailure *count.Counter
	rejected    *count.Counter
	blocked     *count.Counter
	overload    *count.Counter
	duration    histogram
	rejections  labelledCounter
	lost        labelledCounter
	sizes       labelledHistogram
	recipients  labelledHistogram
}

func newSMTP(b *binder, t *tracer, conns *connections, doms domains, last *lastSuccess) *SMTP {
	return &SMTP{
		tracer: t, conns: conns, domains: doms,
		connections: b.counter(smtpConnections),
		received:    stamped{b.counter(smtpReceived), &last[mailIn]},
		errors:      b.counter(smtpErrors),
		authSuccess: b.counter(smtpAuthSuccess),
		authFailure: b.counter(smtpAuthFailure),
		rejected:    b.counter(smtpRejected),
		blocked:     b.counter(smtpBlocked),
		overload:    b.counter(smtpOverload),
		duration:    b.histogram(smtpDuration),
		rejections:  b.labelledCounter(rejections),
		lost:        b.labelledCounter(connectionsLost),
		sizes:       b.labelledHistogram(messageSize),
		recipients:  b.labelledHistogram(messageRecipients),
	}
}

// Refusal is why a connection was refused before a session began.
type Refusal uint8

// The refusals.
const (
	RefusedBlocked  Refusal = iota // the address is blocked
	RefusedOverload                // the connection limit is reached
)

// Refuse counts a connection that was refused before its session began. It is a rejection
// for policy, of theirs, where the address is blocked, and one of ours where there is no
// room. A reason that is neither of the two counts as [RefusedOverload], so that all refused
// connections are counted.
func (s *SMTP) Refuse(role SMTPRole, why Refusal) {
	s = orEmpty(s)
	if why == RefusedBlocked {
		s.blocked.Add(1)
		s.turnAway(role, &Reply{Code: 554})
		return
	}
	s.overload.Add(1)
	s.turnAway(role, &Reply{Code: 421})
}

// SMTPCommand is a command in progress. End it exactly once, with one of the
// methods whose names begin with End, or with Abandon.
type SMTPCommand struct {
	Op
	smtp    *SMTP
	session *session
	role    SMTPRole
	verb    mailconv.SMTPVerb
	begun   instant
}

// SMTPFacts are what is known of a command. All are optional.
type SMTPFacts struct {
	Helo      string // the name given in HELO, EHLO or LHLO; shown under PrivacyFull alone
	User      string // who has logged in, or does with this AUTH; shown as the privacy policy allows
	Mechanism string // the SASL mechanism of AUTH; an unknown one is "_OTHER"
	From      string // the reverse-path of MAIL; shown as the privacy policy allows
	To        string // the forward-path of RCPT; likewise
	QueueID   string // the server's own id of the message that the command brings
	Size      int64  // of the message that the command brings, in bytes; 0 for unknown
}

// Note adds what is known of the command, for its span and for what its end counts.
func (c SMTPCommand) Note(facts SMTPFacts) {
	c.session.noteUser(facts.User)
	if c.session != nil {
		c.session.noteMechanism(facts.Mechanism)
		if facts.Size > 0 {
			c.session.size.Store(facts.Size)
		}
		c.session.known.note(c.verb, &facts)
	}
	if c.Recording() {
		c.note(&facts)
	}
}

func (c *SMTPCommand) note(facts *SMTPFacts) {
	a := c.describe().
		openText(mailconv.SMTPHeloKey, facts.Helo, clean.MaxDomain).
		user(facts.User).
		address(mailconv.From(), facts.From).
		address(mailconv.To(), facts.To).
		text(semconv.MessagingMessageIDKey, facts.QueueID)
	if facts.Mechanism != "" {
		a.add(mailconv.SMTPAuthMechanismKey.String(saslMechanism(facts.Mechanism)))
	}
	a.set()
}

func (c *SMTPCommand) describe() *attributes { return c.smtp.tracer.describe(c.span) }

// End ends the command. A 4xx or 5xx reply is an error, and so is the lack of a
// reply. AUTH also counts as a success or a failure, and DATA and BDAT as a message
// accepted (2xx) or refused (4xx, 5xx); use EndMessage for these two where the
// recipients are known. A message that comes by BDAT is one command, which ends with
// the reply to the last chunk or to the one that was refused.
func (c SMTPCommand) End(r Reply) {
	if c.smtp != nil {
		c.count(&r, nil)
		c.finish(&r)
	}
}

// count counts the command and its reply, and emits what has happened by it. There are no
// recipients where they are not known.
func (c *SMTPCommand) count(r *Reply, recipients []string) {
	c.smtp.conns.commandEnded(c, r)
	if r.failed() {
		c.smtp.errors.Add(1)
		c.refused(stageOf(c.verb), r, "")
	}
	switch c.verb {
	case mailconv.SMTPAuth:
		if r.accepted() {
			c.smtp.authSuccess.Add(1)
		} else if r.failed() {
			c.smtp.authFailure.Add(1)
			c.session.noteFailed()
		}
		c.authEnded(r)
	case mailconv.SMTPData, mailconv.SMTPBdat:
		size := c.messageEnds()
		if r.accepted() {
			c.smtp.received.Add(1)
			c.smtp.measure(c.Context(), c.role, size, len(recipients))
			c.smtp.senders.addMessage(c.session)
			c.tellAccepted(r, size, recipients)
		} else if r.refused() {
			c.smtp.rejected.Add(1)
		}
	}
	c.session.knows().ends(c.verb, r)
}

// messageEnds returns the size that was noted of the message whose command ends.
func (c *SMTPCommand) messageEnds() int64 {
	if c.session == nil {
		return 0
	}
	c.session.stage.Store(int32(stageIdle))
	return c.session.size.Swap(0)
}

// EndOutOfOrder ends a DATA or BDAT that was refused for its syntax or its place in
// the dialogue, when there was no message to refuse (RFC 5321 section 4.1.1.4: no
// valid recipients): an error, and no refused message.
func (c SMTPCommand) EndOutOfOrder(r Reply) {
	if c.smtp == nil {
		return
	}
	c.smtp.conns.commandEnded(&c, &r)
	if r.failed() {
		c.smtp.errors.Add(1)
	}
	c.messageEnds()
	c.session.knows().noMessage()
	c.finish(&r)
}

// Abandon ends a command that the server has passed over or never got to, such as one
// that was sent behind QUIT: its span is over, but it has no reply and is not counted.
func (c SMTPCommand) Abandon() {
	c.session.answers(int(c.verb), c.begun)
	if c.Recording() {
		c.describe().add(mailconv.SMTPCommandKey.String(c.verb.String())).set()
	}
	c.end("")
}

// EndMessage ends DATA or the last BDAT of a message for the given recipients.
// In addition to what End counts, an accepted message counts once for each distinct
// recipient domain.
func (c SMTPCommand) EndMessage(r Reply, recipients ...string) {
	if c.smtp == nil {
		return
	}
	if r.accepted() {
		c.smtp.domains.addMessage(recipients)
	}
	if c.Recording() {
		c.describe().add(mailconv.SMTPRecipientCountKey.Int(len(recipients))).set()
	}
	c.count(&r, recipients)
	c.finish(&r)
}

// RecipientReply is the reply for one recipient, as LMTP gives it after DATA
// (RFC 2033 section 4.2).
type RecipientReply struct {
	Recipient string
	Reply     Reply
}

// EndEach ends DATA or the last BDAT of an LMTP transaction, which has a reply
// for each recipient: the message is accepted when one recipient is, and
// refused when all are refused; every refusal is an error of its own.
func (c SMTPCommand) EndEach(replies ...RecipientReply) {
	if c.smtp == nil {
		return
	}
	accepted := make([]string, 0, len(replies))
	var failed, refused int
	span := Reply{Code: 250} // what the span shows: the last that was not accepted, if any
	c.smtp.conns.took(&c)
	for _, r := range replies {
		c.smtp.conns.replied(&c, &r.Reply)
		if r.Reply.Accepted() {
			accepted = append(accepted, r.Recipient)
			continue
		}
		failed++
		if r.Reply.ourFailure() {
			c.smtp.tracer.keep(c.ctx)
		}
		c.refused(stageData, &r.Reply, r.Recipient)
		if r.Reply.Refused() {
			refused++
		}
		span = r.Reply
	}
	c.smtp.errors.Add(int64(failed))
	size := c.messageEnds()
	switch {
	case len(accepted) > 0:
		c.smtp.received.Add(1)
		c.smtp.measure(c.Context(), c.role, size, len(accepted))
		c.smtp.senders.addMessage(c.session)
		c.smtp.domains.addMessage(accepted)
		c.tellAccepted(&Reply{Code: 250}, size, accepted)
	case refused > 0 && refused == failed:
		c.smtp.rejected.Add(1)
	}
	c.session.knows().ends(c.verb, &span)
	if c.Recording() {
		c.describe().add(mailconv.SMTPRecipientCountKey.Int(len(accepted))).set()
	}
	c.finish(&span)
}

// finish ends the span, and counts nothing but a panic.
func (c *SMTPCommand) finish(r *Reply) {
	c.session.answers(int(c.verb), c.begun)
	if r.Cause == CausePanic {
		c.session.panics()
	}
	if c.span != nil {
		c.finishSpan(r)
	}
}

func (c *SMTPCommand) finishSpan(r *Reply) {
	if !c.Recording() {
		c.end("")
		return
	}
	c.describe().add(mailconv.SMTPCommandKey.String(c.verb.String())).reply(r).set()
	if r.failed() {
		if r.ourFailure() {
			c.smtp.tracer.keep(c.ctx)
		}
		c.end(r.errorType())
		return
	}
	c.end("")
}
