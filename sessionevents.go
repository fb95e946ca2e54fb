package otelmail

import (
	"cmp"
	"context"
	"crypto/tls"
	"sync"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/mailconv"
)

// sessionEvents are the events that a session may bring, by protocol.
var sessionEvents = [...][]*mailevent.Event{
	protocolSMTP: {mailevent.Accepted, mailevent.Rejected, mailevent.LoginFailed},
	protocolIMAP: {mailevent.LoginFailed},
	protocolJMAP: nil,
	protocolPOP3: {mailevent.LoginFailed},
}

// knownSession is what is known of a session and of its transaction, as it was said: the
// privacy policy is applied when an event is emitted. Contexts of an SMTP session carry
// it, so that it learns the queue id of the message that comes. nil knows nothing.
type knownSession struct {
	protocol string

	mu      sync.Mutex
	conn    Conn
	helo    string
	user    string // who has logged in
	login   string // who tries to, by the command in progress
	mail    string // the reverse-path of the MAIL in progress
	from    string // that of the transaction
	to      string // the forward-path of the RCPT in progress
	queueID string
	coming  bool // a message: DATA or BDAT is in progress
}

type sessionKey struct{}

// bringsMessage notes the queue id of the message that the session in ctx brings: the
// first that is put into the queue before the message is answered.
func bringsMessage(ctx context.Context, queueID string) {
	if ctx == nil {
		return
	}
	if k, _ := ctx.Value(sessionKey{}).(*knownSession); k != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.coming && k.queueID == "" {
			k.queueID = queueID
		}
	}
}

func (k *knownSession) noteTLS(state *tls.ConnectionState) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conn.TLS = shownOf(state)
}

// noteLogin notes who tries to log in, if that is known.
func (k *knownSession) noteLogin(user string) {
	if k == nil || user == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.login = user
}

// beginsLogin forgets whom another command has named.
func (k *knownSession) beginsLogin() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.login = ""
}

// loggedIn takes the user of a login that has succeeded.
func (k *knownSession) loggedIn() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.login != "" {
		k.user = k.login
	}
}

// note takes the facts about an SMTP command.
func (k *knownSession) note(verb mailconv.SMTPVerb, f *SMTPFacts) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.helo, k.mail = cmp.Or(f.Helo, k.helo), cmp.Or(f.From, k.mail)
	k.to, k.queueID = cmp.Or(f.To, k.to), cmp.Or(f.QueueID, k.queueID)
	switch {
	case f.User == "":
	case verb == mailconv.SMTPAuth:
		k.login = f.User
	default:
		k.user = f.User
	}
}

// begins forgets what belongs to another command of SMTP.
func (k *knownSession) begins(verb mailconv.SMTPVerb) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch verb {
	case mailconv.SMTPAuth:
		k.login = ""
	case mailconv.SMTPMail:
		k.mail = ""
	case mailconv.SMTPRcpt:
		k.to = ""
	case mailconv.SMTPData, mailconv.SMTPBdat:
		k.coming = true
	}
}

// noMessage takes that no message comes by the DATA or BDAT in progress.
func (k *knownSession) noMessage() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.coming = false
}

// ends takes what the end of an SMTP command means for the transaction.
func (k *knownSession) ends(verb mailconv.SMTPVerb, r *Reply) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch verb {
	case mailconv.SMTPMail:
		if r.accepted() {
			k.from, k.queueID = k.mail, ""
		}
	case mailconv.SMTPData, mailconv.SMTPBdat:
		k.from, k.queueID, k.coming = "", "", false
	case mailconv.SMTPHelo, mailconv.SMTPEhlo, mailconv.SMTPLhlo, mailconv.SMTPRset:
		if r.accepted() {
			k.from, k.queueID = "", ""
		}
	}
}

// session is what is known of an SMTP session and the transaction in it: the sender of the
// MAIL in progress or of the transaction, and the user.
func (a *attributes) session(k *knownSession, verb mailconv.SMTPVerb) *attributes {
	if k == nil {
		return a
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	from := k.from
	if verb == mailconv.SMTPMail {
		from = k.mail
	}
	return a.text(semconv.MessagingMessageIDKey, k.queueID).address(mailconv.From(), from).
		openText(mailconv.SMTPHeloKey, k.helo, clean.MaxDomain).user(k.user)
}

// connection is the connection of a session.
func (a *attributes) connection(k *knownSession) *attributes {
	if k == nil {
		return a
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return a.conn(k.protocol, k.conn)
}

// knows is what is known of a session, nothing for nil.
func (s *session) knows() *knownSession {
	if s == nil {
		return nil
	}
	return s.known
}

// tellAccepted emits that the message was accepted.
func (c *SMTPCommand) tellAccepted(r *Reply, size int64, recipients []string) {
	t := c.smtp.tracer
	if !t.takes(c.ctx, mailevent.Accepted) {
		return
	}
	a := t.describe(nil).session(c.session.knows(), c.verb)
	if len(recipients) == 1 {
		a.address(mailconv.To(), recipients[0])
	}
	if len(recipients) > 0 {
		a.add(mailconv.SMTPRecipientCountKey.Int(len(recipients)))
	}
	if size > 0 {
		a.add(semconv.MessagingMessageBodySizeKey.Int64(size))
	}
	a.add(mailconv.SMTPRoleKey.String(c.role.String())).reply(r)
	t.tell(c.ctx, mailevent.Accepted, a.connection(c.session.knows()))
}

// refused counts a refusal of mail, and emits it. The recipient is that of an LMTP reply.
func (c *SMTPCommand) refused(stage smtpStage, r *Reply, recipient string) {
	t := c.smtp.tracer
	if !c.smtp.refuse(c.role, stage, r) || !t.takes(c.ctx, mailevent.Rejected) {
		return
	}
	k := c.session.knows()
	if recipient == "" && c.verb == mailconv.SMTPRcpt {
		recipient = k.recipient()
	}
	a := t.describe(nil).rejection(c.role, stage, r).reply(r).failed(r.errorType()).
		session(k, c.verb).address(mailconv.To(), recipient)
	t.tell(c.ctx, mailevent.Rejected, a.connection(k))
}

// rejection is why mail was refused.
func (a *attributes) rejection(role SMTPRole, stage smtpStage, r *Reply) *attributes {
	return a.add(mailconv.SMTPRoleKey.String(role.String())).
		add(mailconv.RejectionStageKey.String(smtpStages[stage])).
		add(mailconv.RejectionReasonKey.String(r.reason().String())).
		add(mailconv.FaultKey.String(r.fault().String()))
}

func (k *knownSession) recipient() string {
	if k == nil {
		return ""
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.to
}

// authEnded counts how AUTH has ended, and emits it.
func (c *SMTPCommand) authEnded(r *Reply) {
	l := login{result: r.authResult(), reply: *r, role: c.role.String()}
	if r.failed() {
		l.errorType = r.errorType()
	}
	c.smtp.conns.authEnded(c.ctx, c.smtp.tracer, c.session, protocolSMTP, l)
}

// login is an attempt to log in that has ended.
type login struct {
	mechanism int
	result    authResult
	errorType string
	reply     Reply // of SMTP; no pointer, for which each command's reply would be allocated
	role      string
}

// authEnded counts an attempt to log in with the mechanism that was noted, and emits one that
// has failed.
func (c *connections) authEnded(ctx context.Context, t *tracer, s *session, p protocol, l login) {
	l.mechanism = len(mechanisms) - 1
	if c != nil {
		if s != nil {
			if noted := s.mechanism.Swap(0); noted > 0 {
				l.mechanism = int(noted) - 1
			}
		}
		c.commands.authenticated(p, l.mechanism, l.result)
	}
	t.loginEnded(ctx, s, l)
}

// loginEnded emits that nobody has logged in, or remembers who has.
func (t *tracer) loginEnded(ctx context.Context, s *session, l login) {
	k := s.knows()
	if l.result == authSuccess {
		k.loggedIn()
		return
	}
	if l.fault() == FaultOurs {
		t.keep(ctx)
	}
	if !t.takes(ctx, mailevent.LoginFailed) {
		return
	}
	a := t.describe(nil).login(l)
	if k != nil {
		k.mu.Lock()
		a.user(k.login)
		k.mu.Unlock()
	}
	t.tell(ctx, mailevent.LoginFailed, a.connection(k))
}

// fault is whose it is that nobody has logged in.
func (l *login) fault() Fault {
	if l.result == authError {
		return l.reply.Fault.or(FaultOurs)
	}
	return l.reply.Fault.or(FaultTheirs)
}

func (a *attributes) login(l login) *attributes {
	a.add(mailconv.LoginMechanismKey.String(mechanisms[l.mechanism])).
		add(mailconv.LoginResultKey.String(authResults[l.result])).
		add(mailconv.FaultKey.String(l.fault().String())).
		reply(&l.reply)
	return a.text(mailconv.SMTPRoleKey, l.role).failed(l.errorType)
}
