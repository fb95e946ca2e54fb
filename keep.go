package otelmail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/internal/guard"
	"github.com/rusmes/otelmail/internal/sampling"
	"github.com/rusmes/otelmail/internal/settings"
)

// Keep says which traces are kept, once it is known what has become of the work: those of
// messages that bounced or were given up, of what failed by our own fault, of what was slow
// or late, and of the others a share. The page docs/sampling.md has the rules in full.
// A zero Slow, Deferred, Wait or MaxBytes is its default, see [WithKeep].
type Keep struct {
	// Rest is the share that is kept of the traces of which no rule wants to know, 0.0
	// to 1.0: 0.01 is one in a hundred. 0 keeps none of them.
	Rest float64
	// Slow keeps a trace with a span of so long or longer, 1 ms to 30 days: except for
	// sessions, and commands that last as the client pleases (DATA, BDAT, AUTH, AUTHENTICATE,
	// APPEND).
	Slow time.Duration
	// Deferred keeps the trace of an attempt that was deferred when the message was so old
	// or older, 1 s to 30 days, and of a message that took so long to leave the queue.
	Deferred time.Duration
	// Wait bounds for how long spans are held, 100 ms to an hour. What is not decided by then
	// is decided by what is known. A crash costs what is held.
	Wait time.Duration
	// MaxBytes bounds the memory of what is held, roughly, 1 MiB to 64 GiB. Beyond it the
	// oldest traces are decided about at once.
	MaxBytes int64
}

// WithKeep has Start hold the spans of a trace in memory until the work is done: no span is
// open, and the messages that were put into the queue have left it ([Queue.Remove]). Then the
// trace is passed on to the exporters whole, or left out, as k says. It is for servers whose
// spans go to no Collector with tail sampling. Of what the sampler left out nothing can be kept:
// leave [WithSampleRatio] at 1.0.
//
// Each span's tracestate (ot=th:…) says for how many it stands: what a rule keeps for one, the
// rest for 1/Rest. So sums over the spans that are kept are those of all work. Metrics, log
// records and events do not depend on it; an exemplar may name a trace that was left out.
//
// Default: RUSMES_KEEP_REST and its siblings; without it every span leaves as it ends. Those of
// the fields are a Slow of 10 s, a Deferred of 1 h, a Wait of 30 s and a MaxBytes of 64 MiB, which may
// be 1 MiB to 64 GiB.
func WithKeep(k Keep) StartOption {
	return startOption(func(c *config) error {
		k := k.orDefaults()
		if err := k.check("WithKeep"); err != nil {
			return err
		}
		c.keep = &k
		return nil
	})
}

// NewKeeper is [WithKeep] for an application with a TracerProvider of its own: a processor that
// decides, and passes what it keeps to next, which sends it. Give it to the TracerProvider in
// next's place, and to [New] with [WithKeeper]. A span without ot=th in its
// tracestate counts as one of all: so the provider's sampler has to record all traces, as
// AlwaysSample does, or to be a ProbabilitySampler of OpenTelemetry's specification.
func NewKeeper(k Keep, next sdktrace.SpanProcessor) (sdktrace.SpanProcessor, error) {
	k = k.orDefaults()
	err := k.check("NewKeeper")
	if next == nil {
		err = errors.Join(err, settings.Invalid("NewKeeper", "nil", "a SpanProcessor that gets what is kept"))
	}
	if err != nil {
		return nil, fmt.Errorf("otelmail: %w", err)
	}
	next = guard.NewHooks(otel.Handle).SpanProcessor(next)
	return newKeeper(&k, newKeptCounters(), []sdktrace.SpanProcessor{next}), nil
}

// WithKeeper tells what [NewKeeper] returned what happens to messages, which the spans alone do
// not say: that they wait in the queue, bounce, or are refused by our own fault.
func WithKeeper(p sdktrace.SpanProcessor) NewOption {
	return newOption(func(c *config) error {
		k, ok := p.(*keeper)
		if !ok {
			return settings.Invalid("WithKeeper", fmt.Sprintf("a %T", p), "what NewKeeper returned")
		}
		c.keeper, c.self.kept = k, k.counters
		return nil
	})
}

func (k Keep) orDefaults() Keep {
	unset := &settings.Env{Lookup: func(string) (string, bool) { return "", false }}
	if k.Slow == 0 {
		k.Slow = unset.Duration(settings.KeepSlow)
	}
	if k.Deferred == 0 {
		k.Deferred = unset.Duration(settings.KeepDeferred)
	}
	if k.Wait == 0 {
		k.Wait = unset.Duration(settings.KeepWait)
	}
	if k.MaxBytes == 0 {
		k.MaxBytes = unset.Size(settings.KeepMaxBytes)
	}
	return k
}

func (k Keep) check(who string) error {
	var rest error
	if !(k.Rest >= 0 && k.Rest <= 1) { // NaN, too
		rest = settings.Invalid(who+": Rest", fmt.Sprint(k.Rest), settings.KeepRest.Wants())
	}
	return errors.Join(rest,
		settings.KeepSlow.Check(who+": Slow", int64(k.Slow)),
		settings.KeepDeferred.Check(who+": Deferred", int64(k.Deferred)),
		settings.KeepWait.Check(who+": Wait", int64(k.Wait)),
		settings.KeepMaxBytes.Check(who+": MaxBytes", k.MaxBytes))
}

// readKeep reads which traces are kept.
func (c *config) readKeep(env *settings.Env) {
	if c.keep != nil {
		return
	}
	k := Keep{
		Rest:     env.Ratio(settings.KeepRest),
		Slow:     env.Duration(settings.KeepSlow),
		Deferred: env.Duration(settings.KeepDeferred),
		Wait:     env.Duration(settings.KeepWait),
		MaxBytes: env.Size(settings.KeepMaxBytes),
	}
	if _, name := env.Holds(settings.KeepRest); name != "" { // 0 is a share, too
		c.keep = &k
	}
}

// keeper is a [sampling.Keeper] that knows mail. A nil one does nothing.
type keeper struct {
	*sampling.Keeper
	deferred time.Duration
	counters *keptCounters
}

func newKeeper(k *Keep, counters *keptCounters, next []sdktrace.SpanProcessor) *keeper {
	return &keeper{
		Keeper: sampling.NewKeeper(sampling.KeeperConfig{
			Rule: keepRule{k.Slow}.wants,
			Rest: k.Rest, Wait: k.Wait, MaxBytes: k.MaxBytes, Next: next,
			Decided: func(d sampling.Decision, spans int) { counters.decided[d].Add(int64(spans)) },
			Early:   func(e sampling.Early) { counters.early[e].Add(1) },
		}),
		deferred: k.Deferred, counters: counters,
	}
}

func (k *keeper) close(context.Context) error {
	k.Close()
	return nil
}

// keep keeps the trace of ctx.
func (t *tracer) keep(ctx context.Context) {
	if t != nil && t.keeper != nil {
		t.keeper.Keep(trace.SpanContextFromContext(ctx))
	}
}

// awaits says that a message of ctx's trace waits in the queue.
func (t *tracer) awaits(ctx context.Context) {
	if t != nil && t.keeper != nil {
		t.keeper.Await(trace.SpanContextFromContext(ctx))
	}
}

// removed says that a message has left the queue. Work on it may be in a trace of its own.
func (t *tracer) removed(ctx context.Context, m *Message, why Removal, age time.Duration) {
	if t == nil || t.keeper == nil {
		return
	}
	stored := m.Trace.SpanContext()
	if why == RemovedBounced || why == RemovedExpired || age >= t.keeper.deferred {
		t.keep(ctx)
		t.keeper.Keep(stored)
	}
	t.keeper.Came(stored)
}

// attempted keeps the trace of an attempt by which a message bounces, or is late.
func (t *tracer) attempted(ctx context.Context, outcome Outcome, age time.Duration) {
	if t == nil || t.keeper == nil || outcome == OutcomeDelivered {
		return
	}
	if outcome != OutcomeDeferred || age >= t.keeper.deferred {
		t.keep(ctx)
	}
}

var (
	selfDecided = define(catalog.Metric{
		Name: "telemetry_span_decisions_total", Kind: catalog.Counter, Unit: "{span}",
		Help: "Spans that were decided about when their work was done, by WithKeep; 0 without it",
		Rise: "More work. decision=rule: more of it fails, is slow or late than usual. The sum is all spans that the sampler has recorded.",
		Labels: []catalog.Label{{Key: "decision", Values: sampling.Decisions(),
			Help: "Kept whole by a rule; kept as a part of the share; or left out"}},
	})
	selfEarly = define(catalog.Metric{
		Name: "telemetry_early_decisions_total", Kind: catalog.Counter, Unit: "{trace}",
		Help: "Traces that were decided about before their work was done, and again for what came later, by WithKeep; 0 without it",
		Rise: "age: messages wait in the queue, or sessions last, for longer than spans are held, which is as usual; or messages that are gone are not removed from the queue (Queue.Remove). memory: raise " + settings.KeepMaxBytes.Name() + ", or a failure that comes late is kept without what came before it. The numbers stay true.",
		Labels: []catalog.Label{{Key: "reason", Values: sampling.EarlyReasons(),
			Help: "Its spans were held for as long as is allowed; it has 512 of them; or what is held takes more memory than is allowed"}},
	})
)

// keptCounters are by sampling.Decision and sampling.Early.
type keptCounters struct{ decided, early []*count.Counter }

func newKeptCounters() *keptCounters {
	k := &keptCounters{}
	for range selfDecided.Labels[0].Values {
		k.decided = append(k.decided, count.NewCounter())
	}
	for range selfEarly.Labels[0].Values {
		k.early = append(k.early, count.NewCounter())
	}
	return k
}
