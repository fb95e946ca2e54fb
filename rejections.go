package otelmail

import (
	"context"
	"slices"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/internal/refusal"
	"github.com/rusmes/otelmail/mailconv"
)

var rejections = define(catalog.Metric{
	Name: "rejections_total", Kind: catalog.Counter, Unit: "{rejection}",
	Help: "Refusals of mail: connections that were turned away, and EHLO, MAIL, RCPT and DATA answered by 4xx or 5xx; in LMTP each recipient of a message",
	Rise: "With fault=ours: mail is refused that should have come in, see the reason and the health checks. With fault=theirs: spam, dictionary attacks (unknown_user at rcpt), a broken client; a rise that began with a change of ours is a rule that is too wide.",
	Labels: []catalog.Label{
		{Key: "role", Values: append(slices.Clip(smtpRoleNames), other), Help: "What the listener is for"},
		{Key: "stage", Values: smtpStages[:stageAuth], Help: "How far the dialogue had come"},
		{Key: "class", Values: []string{"4xx", "5xx"}, Help: "4xx: may be tried again; 5xx: for good"},
		{Key: "reason", Values: refusal.Reasons(), Help: "Why, by the enhanced code, else the reply code, see [fault](fault.md)"},
		{Key: "fault", Values: faults[FaultOurs:], Help: "Whose fault it is, see [fault](fault.md)"},
	},
})

// smtpStage is how far an SMTP dialogue has come.
type smtpStage int

const (
	stageConnect smtpStage = iota
	stageHelo
	stageMail
	stageRcpt
	stageData
	stageAuth // from here on mail is not what is refused
	stageTLS
	stageIdle
)

var smtpStages = []string{"connect", "helo", "mail", "rcpt", "data", "auth", "tls", "idle"}

// stageOf is the stage of a verb, stageIdle for one that says nothing of it.
func stageOf(v mailconv.SMTPVerb) smtpStage {
	switch v {
	case mailconv.SMTPHelo, mailconv.SMTPEhlo, mailconv.SMTPLhlo:
		return stageHelo
	case mailconv.SMTPMail:
		return stageMail
	case mailconv.SMTPRcpt:
		return stageRcpt
	case mailconv.SMTPData, mailconv.SMTPBdat, mailconv.SMTPBurl:
		return stageData
	case mailconv.SMTPAuth:
		return stageAuth
	case mailconv.SMTPStartTLS:
		return stageTLS
	}
	return stageIdle
}

// turnAway counts a connection that was refused before its session, and emits it. The code
// only says why: nobody knows whether the client was told.
func (s *SMTP) turnAway(role SMTPRole, r *Reply) {
	s.refuse(role, stageConnect, r)
	if ctx := context.Background(); s.tracer.takes(ctx, mailevent.Rejected) {
		s.tracer.tell(ctx, mailevent.Rejected, s.tracer.describe(nil).rejection(role, stageConnect, r))
	}
}

// refuse counts a refusal, and reports whether it was one: not if it is no mail that was
// refused, or there was no reply.
func (s *SMTP) refuse(role SMTPRole, stage smtpStage, r *Reply) bool {
	if stage >= stageAuth || !r.refused() {
		return false
	}
	class := 0
	if r.Code >= 500 {
		class = 1
	}
	s.rejections.add(1, int(role), int(stage), class, int(r.reason()), int(r.fault()-FaultOurs))
	return true
}
