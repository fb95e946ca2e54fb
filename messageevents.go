package otelmail

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"

	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/mailconv"
)

// messageEvents are those that say more for what the context knows of the message.
var messageEvents = []*mailevent.Event{mailevent.Attempt, mailevent.Delivered, mailevent.Deferred, mailevent.Failed,
	mailevent.Bounced, mailevent.Expired, mailevent.Dropped, mailevent.Rejected}

// knownMessage is what is known of a message that is worked on. Contexts carry it, where
// spans are recorded or somebody listens to events, so that all that is within, and a bounce
// or a drop, says of which message.
type knownMessage struct {
	facts    MessageFacts
	enqueued time.Time
	stage    atomic.Pointer[string] // the one that has decided what becomes of it
}

type messageKey struct{}

func messageIn(ctx context.Context) *knownMessage {
	if ctx == nil {
		return nil
	}
	m, _ := ctx.Value(messageKey{}).(*knownMessage)
	return m
}

// withMessage returns ctx with a message in it. What the facts do not say is taken from
// the message that is in ctx, unless that is another one.
func withMessage(ctx context.Context, facts *MessageFacts, enqueued time.Time) (context.Context, *knownMessage) {
	m := &knownMessage{facts: *facts, enqueued: enqueued}
	if outer := messageIn(ctx); outer != nil && m.sameAs(outer) {
		m.fill(outer)
	}
	return context.WithValue(ctx, messageKey{}, m), m
}

// queueID is what is given or, where that is nothing, what ctx knows: so that a search for
// the id finds all spans of a message, in whichever trace they are.
func queueID(ctx context.Context, given string) string {
	if m := messageIn(ctx); given == "" && m != nil {
		return m.facts.QueueID
	}
	return given
}

func (m *knownMessage) sameAs(outer *knownMessage) bool {
	return m.facts.QueueID == "" || outer.facts.QueueID == "" || m.facts.QueueID == outer.facts.QueueID
}

func (m *knownMessage) fill(outer *knownMessage) {
	f, o := &m.facts, &outer.facts
	f.QueueID, f.MessageID = cmp.Or(f.QueueID, o.QueueID), cmp.Or(f.MessageID, o.MessageID)
	f.Sender, f.Recipient = cmp.Or(f.Sender, o.Sender), cmp.Or(f.Recipient, o.Recipient)
	f.Direction, f.Size = cmp.Or(f.Direction, o.Direction), cmp.Or(f.Size, o.Size)
	if m.enqueued.IsZero() {
		m.enqueued = outer.enqueued
	}
}

// known is what m says of the message, nothing for nil.
func (a *attributes) known(m *knownMessage) *attributes {
	if m == nil {
		return a
	}
	a.message(&m.facts)
	if stage := m.stage.Load(); stage != nil {
		a.text(mailconv.StageNameKey, *stage)
	}
	return a.waited(m.enqueued)
}

// waited is how long a message has been in the queue, nothing where that is not known. A
// negative wait is counted where the work begins that the event tells of, see [clock].
func (a *attributes) waited(enqueued time.Time) *attributes {
	if enqueued.IsZero() {
		return a
	}
	return a.add(mailconv.QueueWaitKey.Float64(max(time.Since(enqueued), 0).Seconds()))
}

// messageEvent emits an event of the message in ctx.
func (t *tracer) messageEvent(ctx context.Context, event *mailevent.Event) {
	if t.takes(ctx, event) {
		t.tell(ctx, event, t.describe(nil).known(messageIn(ctx)))
	}
}

// tellQueued emits that the message is in the queue.
func (o *Queueing) tellQueued() {
	if o.known == nil {
		return
	}
	if t := o.queue.tracer; t.takes(o.ctx, mailevent.Queued) {
		t.tell(o.ctx, mailevent.Queued, t.describe(nil).message(o.known))
	}
}

// expired emits that m was given up.
func (t *tracer) expired(ctx context.Context, m *Message) {
	if !t.takes(ctx, mailevent.Expired) {
		return
	}
	_, known := withMessage(orBackground(ctx), &MessageFacts{QueueID: m.QueueID}, m.Enqueued)
	t.tell(ctx, mailevent.Expired, t.describe(nil).known(known))
}

// fateEvents are what becomes of a message in the pipeline. A delivery and a bounce have
// calls of their own.
var fateEvents = map[Fate]*mailevent.Event{
	FateDropped:  mailevent.Dropped,
	FateRejected: mailevent.Rejected,
	FateDeferred: mailevent.Deferred,
}

// tellFate emits what has become of the message.
func (p *Processing) tellFate(fate Fate, cause Cause) {
	t := p.mail.tracer
	event := fateEvents[fate]
	if event == nil || !t.takes(p.Context(), event) {
		return
	}
	a := t.describe(nil).known(messageIn(p.Context()))
	if cause != CauseNone && event != mailevent.Dropped {
		a.failed(cause.String())
	}
	t.tell(p.Context(), event, a)
}

// decided notes the stage that has ended a message's way.
func (s *Stage) decided(result StageResult) {
	if result == StageContinue {
		return
	}
	if m := messageIn(s.ctx); m != nil {
		name := s.named // not &s.named, which would have every stage allocated
		m.stage.Store(&name)
	}
}

// knownAttempt is what is known of an attempt, for the events that end it.
type knownAttempt struct {
	about   Attempt
	message *knownMessage
	tls     atomic.Pointer[tls.ConnectionState]
	peer    atomic.Pointer[net.Addr]
}

// attempt is what is known of an attempt before it begins.
func (a *attributes) attempt(about *Attempt) *attributes {
	return a.add(mailconv.TransportKey.String(about.Transport.String())).
		add(mailconv.AttemptKey.Int(max(about.Number, 1))).
		destination(about).
		message(&about.Message)
}

// outcomeEvents are the events that end an attempt.
var outcomeEvents = [...]*mailevent.Event{mailevent.Delivered, mailevent.Deferred, mailevent.Failed}

// begins emits that the attempt begins, and has its end known.
func (o *Delivering) begins(about *Attempt) {
	t := o.delivery.tracer
	if !t.takesAny(o.Context(), mailevent.Attempt, mailevent.Delivered, mailevent.Deferred, mailevent.Failed) {
		return
	}
	o.known = &knownAttempt{about: *about}
	o.ctx, o.known.message = withMessage(o.Context(), &about.Message, about.enqueued)
	o.known.about.Message = o.known.message.facts
	if t.takes(o.ctx, mailevent.Attempt) {
		t.tell(o.ctx, mailevent.Attempt, o.described())
	}
}

func (o *Delivering) described() *attributes {
	return o.delivery.tracer.describe(nil).attempt(&o.known.about).waited(o.known.message.enqueued)
}

// ends emits how the attempt has ended.
func (o *Delivering) ends(outcome Outcome, r *Reply) {
	if o.known == nil {
		return
	}
	t, event := o.delivery.tracer, outcomeEvents[min(outcome, OutcomeFailed)]
	if !t.takes(o.ctx, event) {
		return
	}
	a := o.described().reply(r)
	if event != mailevent.Delivered {
		a.add(mailconv.ReasonKey.String(r.reason().String())).failed(r.errorType())
	}
	if addr := o.known.peer.Load(); addr != nil {
		a.peer(*addr)
	}
	t.tell(o.ctx, event, a.tls(o.known.tls.Load()))
}

func (k *knownAttempt) notePeer(addr net.Addr) {
	if k != nil {
		addr := addr // else it would be allocated where nobody listens, too
		k.peer.Store(&addr)
	}
}

func (k *knownAttempt) noteTLS(state *tls.ConnectionState) {
	if k != nil {
		k.tls.Store(shownOf(state))
	}
}
