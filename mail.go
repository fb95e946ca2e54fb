package otelmail

import (
	"cmp"
	"context"
	"time"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/mailconv"
)

var (
	mailProcessed = define(catalog.Metric{
		Name: "mail_processed_total", Kind: catalog.Counter, Unit: "{message}",
		Help: "Messages that left the processing pipeline, whatever their fate",
		Rise: "More mail is worked on. If fewer are processed than received, the pipeline falls behind, see " + queueSize.Name + " and " + mailLatency.Name + ".",
	})
	mailDelivered = define(catalog.Metric{
		Name: "mail_delivered_total", Kind: catalog.Counter, Unit: "{message}",
		Help: "Deliveries that succeeded, to a local mailbox or a remote server",
		Rise: "More mail arrives where it should. A message to two destinations is delivered twice.",
	})
	mailBounced = define(catalog.Metric{
		Name: "mail_bounced_total", Kind: catalog.Counter, Unit: "{message}",
		Help: "Bounces (delivery status notifications) generated",
		Rise: "Mail cannot be delivered: a remote server refuses ours, or a user's list is old. Many bounces harm the reputation of the sending address.",
	})
	mailDropped = define(catalog.Metric{
		Name: "mail_dropped_total", Kind: catalog.Counter, Unit: "{message}",
		Help: "Messages discarded on purpose",
		Rise: "A rule discards more: spam, or a rule that is too wide. Dropped mail is gone without a word to anyone.",
	})
	mailLatency = define(catalog.Metric{
		Name: "message_processing_latency_seconds", Kind: catalog.Histogram, Unit: "s",
		Help:    "How long a message's way through the pipeline took",
		Rise:    "A stage has become slow: a lookup, a scanner, the disk. The exemplars lead to traces of slow messages.",
		Buckets: []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
	})
	roundTrip = define(catalog.Metric{
		Name: "round_trip_duration_seconds", Kind: catalog.Histogram, Unit: "s",
		Help:    "How long a mail of our own took from our listener into a mailbox, where the server checks that",
		Rise:    "Everybody's mail takes as long: see " + schedulerLag.Name + ", " + mailLatency.Name + " and " + storeDuration.Name + " for where. Mail that does not arrive at all is not in it: then the health check fails.",
		Buckets: []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300},
	})
	stageDuration = define(catalog.Metric{
		Name: "stage_duration_seconds", Kind: catalog.Histogram, Unit: "s",
		Help: "How long the stages of the pipeline took",
		Rise: "This stage is what makes " + mailLatency.Name + " rise: the scanner, the lookup or the disk behind it.",
		Labels: []catalog.Label{{Key: "stage",
			Help: "The configured name of the stage: the first 20, the rest are `_OTHER`"}},
		Buckets: durationBuckets,
	})
)

// Mail records messages on their way through the processing pipeline and its
// stages (mailets). All methods are safe for concurrent use.
type Mail struct {
	tracer    *tracer
	processed *count.Counter
	delivered *count.Counter
	bounced   *count.Counter
	dropped   *count.Counter
	latency   histogram
	trip      histogram
	stages    stageNames
}

func newMail(b *binder, t *tracer) *Mail {
	return &Mail{
		tracer:    t,
		processed: b.counter(mailProcessed),
		delivered: b.counter(mailDelivered),
		bounced:   b.counter(mailBounced),
		dropped:   b.counter(mailDropped),
		latency:   b.histogram(mailLatency),
		trip:      b.histogram(roundTrip),
		stages:    stageNames{duration: b.histogram(stageDuration), rest: newStageName(other)},
	}
}

// RoundTrip records how long a mail took that the server has sent to itself in order to see
// that mail arrives, as health/checks.RoundTrip does.
func (m *Mail) RoundTrip(ctx context.Context, took time.Duration) {
	orEmpty(m).trip.record(ctx, took)
}

// Fate is how a message left the pipeline.
type Fate uint8

// The fates.
const (
	FateDelivered Fate = iota // into a mailbox, by the pipeline itself
	FateQueued                // handed to the queue for delivery
	FateDropped               // discarded on purpose
	FateRejected              // refused, and the sender is notified
	FateDeferred              // to be processed again
	FateBounced               // a bounce was generated
	FateError                 // the pipeline failed
)

var fates = []string{"delivered", "queued", "dropped", "rejected", "deferred", "bounced", "error"}

// String returns "delivered", "queued", "dropped", "rejected", "deferred",
// "bounced" or "error", and "_OTHER" for what is none of them, which is a failure.
func (f Fate) String() string { return memberOf(fates, f, other) }

// MessageFacts are what is known of a message. All are optional.
type MessageFacts struct {
	QueueID   string             // the server's own id
	MessageID string             // the Message-ID header; shown as the privacy policy allows
	Sender    string             // the envelope's reverse-path; likewise
	Recipient string             // one forward-path; likewise
	Direction mailconv.Direction // which way it goes
	Size      int64              // bytes; 0 for unknown
}

// Process begins a message's way through the pipeline.
func (m *Mail) Process(ctx context.Context, facts MessageFacts) Processing {
	p := Processing{Op: orEmpty(m).tracer.begin(ctx, "mail process", internalKind), mail: m, begun: time.Now()}
	if p.Recording() || orEmpty(m).tracer.takesAny(p.ctx, messageEvents...) {
		facts.QueueID = queueID(p.ctx, facts.QueueID)
		p.ctx, _ = withMessage(p.ctx, &facts, time.Time{})
	}
	if p.Recording() {
		m.tracer.describe(p.span).message(&facts).set()
	}
	return p
}

// Processing is a message in the pipeline. End it exactly once.
type Processing struct {
	Op
	mail  *Mail
	begun time.Time
}

// End counts the message as processed, and as dropped where that is its fate,
// and records how long it took. A delivery counts by [Delivery.Attempt], a bounce by
// [Mail.Bounced]. The cause says why for [FateError], and may for
// other fates.
func (p Processing) End(fate Fate, cause Cause) {
	if p.mail == nil {
		return
	}
	p.mail.processed.Add(1)
	if fate == FateDropped {
		p.mail.dropped.Add(1)
	}
	if cause == CausePanic {
		p.mail.tracer.panicked(ComponentPipeline)
	}
	if fate >= FateBounced {
		p.mail.tracer.keep(p.ctx)
	}
	p.mail.latency.record(p.Context(), time.Since(p.begun))
	p.tellFate(fate, cause)
	if p.Recording() {
		p.mail.tracer.describe(p.span).add(mailconv.FateKey.String(fate.String())).set()
	}
	if fate >= FateError && cause == CauseNone {
		cause = CauseOther
	}
	p.end(cause.String())
}

// Dropped counts a message that was discarded on purpose outside of the
// pipeline, from the queue for example: that of ctx, if it is from [Queue.Dequeue].
func (m *Mail) Dropped(ctx context.Context) {
	m = orEmpty(m)
	m.dropped.Add(1)
	m.tracer.messageEvent(ctx, mailevent.Dropped)
}

// Bounced counts a bounce (RFC 3464) that was generated for the message of ctx, which is
// from [Queue.Dequeue], [Mail.Process] or [Delivery.Attempt].
func (m *Mail) Bounced(ctx context.Context) {
	m = orEmpty(m)
	m.bounced.Add(1)
	m.tracer.keep(ctx)
	m.tracer.messageEvent(ctx, mailevent.Bounced)
}

// StageResult is how a stage left a message.
type StageResult uint8

// The results.
const (
	StageContinue StageResult = iota // on to the next stage
	StageDrop                        // discard
	StageReject                      // refuse
	StageDefer                       // try again later
	StageError                       // the stage itself failed
)

var stageResults = []string{"continue", "drop", "reject", "defer", "error"}

// String returns "continue", "drop", "reject", "defer" or "error", and "_OTHER" for what is
// none of them, which is a failure.
func (r StageResult) String() string { return memberOf(stageResults, r, other) }

// Stage begins a stage of the pipeline, a mailet. ctx is that of the
// [Processing]. name is the configured name of the stage; the first 100 names
// become span names ("mailet spam-filter"), further ones "mailet _OTHER", and the first 20
// label values.
func (m *Mail) Stage(ctx context.Context, name string, facts MessageFacts) Stage {
	m = orEmpty(m)
	known := m.stages.known(name)
	s := Stage{Op: m.tracer.begin(ctx, known.span, internalKind), mail: m, name: known, named: name, begun: time.Now()}
	if s.Recording() {
		facts.QueueID = queueID(s.ctx, facts.QueueID)
		m.tracer.describe(s.span).text(mailconv.StageNameKey, cmp.Or(name, other)).message(&facts).set()
	}
	return s
}

// Stage is a stage at work on a message. End it exactly once.
type Stage struct {
	Op
	mail  *Mail
	name  stageName
	named string // by the configuration
	begun time.Time
}

// End ends the stage and records how long it took. [StageError] sets the span's status to Error, with the cause
// as error.type; the other results are decisions, not failures.
func (s Stage) End(result StageResult, cause Cause) {
	if s.mail == nil {
		return
	}
	if cause == CausePanic {
		s.mail.tracer.panicked(ComponentStage)
	}
	s.mail.stages.duration.record(s.Context(), time.Since(s.begun), s.name.labels...)
	s.decided(result)
	if s.Recording() {
		s.mail.tracer.describe(s.span).add(mailconv.StageResultKey.String(result.String())).set()
	}
	if result < StageError {
		s.end("")
		return
	}
	s.end(cmp.Or(cause.String(), other))
}
