package sampling

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// KeeperConfig is what a [Keeper] goes by.
type KeeperConfig struct {
	// Rule reports whether a span makes its trace one to be kept whole.
	Rule func(sdktrace.ReadOnlySpan) bool
	// Rest is the share that is kept of the traces without such a span.
	Rest float64
	// Wait is how long the spans of a trace are held at most.
	Wait time.Duration
	// MaxBytes bounds what is held.
	MaxBytes int64
	// Next get the beginning of each span, and the end of those that are kept.
	Next []sdktrace.SpanProcessor
	// Decided is told of so many spans what was decided.
	Decided func(Decision, int)
	// Early is told of each trace that was decided about before its work was done.
	Early func(Early)
}

// Decision is what has been decided about a span.
type Decision int

// The decisions.
const (
	KeptByRule Decision = iota
	KeptByShare
	LeftOut
)

// Decisions are their names.
func Decisions() []string { return []string{"rule", "share", "none"} }

// Early is why a trace was decided about before its work was done.
type Early int

// The reasons.
const (
	EarlyByAge    Early = iota // its spans were held for as long as is allowed
	EarlyByLength              // it has too many of them
	EarlyByMemory              // what is held of all traces is more than is allowed
)

// EarlyReasons are their names.
func EarlyReasons() []string { return []string{"age", "length", "memory"} }

// Keeper decides about traces when their work is done: it holds a trace's spans until none
// is open and nobody waits for it ([Keeper.Await]), and passes all of them on if one was found
// by the rule. Of the other traces it keeps a share, by the randomness that the head sampler
// decides with, so that all who keep this share keep the same. The tracestate of what is kept
// says for how many it stands. A rule never looks at the randomness, and neither does what
// cuts the holding short: so the weights add up to the truth, whatever is decided when.
//
// From the first span that the rule finds a trace is passed on as it comes; that is remembered
// of the last ten thousand such traces.
type Keeper struct {
	KeeperConfig
	rest probability
	some bool // of the rest is kept

	mu     sync.Mutex
	traces map[trace.TraceID]*list.Element // of *held
	oldest *list.List                      // of *held, by when each began to be held
	bytes  int64
	kept   remembered
	timer  *time.Timer // runs while anything is held
	closed bool
}

var _ sdktrace.SpanProcessor = (*Keeper)(nil)

// NewKeeper returns a Keeper. It has no goroutine.
func NewKeeper(c KeeperConfig) *Keeper {
	k := &Keeper{KeeperConfig: c, traces: map[trace.TraceID]*list.Element{}, oldest: list.New()}
	k.rest, k.some = newProbability(c.Rest)
	k.timer = time.AfterFunc(c.Wait, k.age)
	k.timer.Stop()
	return k
}

// OnStart implements [sdktrace.SpanProcessor].
func (k *Keeper) OnStart(parent context.Context, s sdktrace.ReadWriteSpan) {
	if sc := s.SpanContext(); sc.IsSampled() {
		k.emit(k.begin(sc.TraceID()))
	}
	for _, next := range k.Next {
		next.OnStart(parent, s)
	}
}

func (k *Keeper) begin(id trace.TraceID) []verdict {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || k.kept.has(id) {
		return nil
	}
	h := k.find(id)
	if h == nil {
		h = k.hold(id)
	}
	h.open++
	return k.shrink()
}

// OnEnd implements [sdktrace.SpanProcessor].
func (k *Keeper) OnEnd(s sdktrace.ReadOnlySpan) {
	sc := s.SpanContext()
	if !sc.IsSampled() { // nobody sends it
		k.pass(s)
		return
	}
	k.emit(k.end(sc.TraceID(), s, k.Rule(s)))
}

func (k *Keeper) end(id trace.TraceID, s sdktrace.ReadOnlySpan, found bool) []verdict {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.find(id)
	switch {
	case found || k.kept.has(id):
		return []verdict{{append(k.keep(id), s), true}}
	case h == nil: // it began before its trace was given up
		return []verdict{{[]sdktrace.ReadOnlySpan{s}, false}}
	}
	h.open--
	if h.spans == nil {
		h.spans = make([]sdktrace.ReadOnlySpan, 0, usualSpans)
	}
	h.spans = append(h.spans, s)
	k.grow(h, weigh(s))
	switch {
	case h.done():
		return []verdict{{k.drop(h), false}}
	case len(h.spans) >= maxSpans:
		k.Early(EarlyByLength)
		return []verdict{{k.take(h), false}}
	}
	return k.shrink()
}

// Keep has the trace of sc kept, as if the rule had found a span of it.
func (k *Keeper) Keep(sc trace.SpanContext) {
	if k == nil || !sc.IsValid() || !sc.IsSampled() {
		return
	}
	k.mu.Lock()
	spans := k.keep(sc.TraceID())
	k.mu.Unlock()
	k.emit([]verdict{{spans, true}})
}

// Await says that something is to come of sc's trace although no span of it is open: a
// message waits in the queue.
func (k *Keeper) Await(sc trace.SpanContext) { k.await(sc, 1) }

// Came takes back one Await.
func (k *Keeper) Came(sc trace.SpanContext) { k.await(sc, -1) }

func (k *Keeper) await(sc trace.SpanContext, n int) {
	if k == nil {
		return
	}
	k.emit(k.awaited(sc.TraceID(), n))
}

func (k *Keeper) awaited(id trace.TraceID, n int) []verdict {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.find(id)
	if h == nil {
		return nil
	}
	if h.awaited = max(0, h.awaited+n); h.done() {
		return []verdict{{k.drop(h), false}}
	}
	return nil
}

// Decide decides about all that is held, at once.
func (k *Keeper) Decide() {
	if k != nil {
		k.emit(k.all(false))
	}
}

// Close is Decide, and has all that comes later decided span by span.
func (k *Keeper) Close() {
	if k != nil {
		k.emit(k.all(true))
	}
}

func (k *Keeper) all(closing bool) (verdicts []verdict) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = k.closed || closing
	for range k.oldest.Len() {
		h := k.oldest.Front().Value.(*held) // is moved to the back, or dropped
		if k.closed {
			verdicts = append(verdicts, verdict{k.drop(h), false})
		} else {
			verdicts = append(verdicts, verdict{k.take(h), false})
		}
	}
	return verdicts
}

// ForceFlush implements [sdktrace.SpanProcessor].
func (k *Keeper) ForceFlush(ctx context.Context) error {
	k.Decide()
	var errs []error
	for _, next := range k.Next {
		errs = append(errs, next.ForceFlush(ctx))
	}
	return errors.Join(errs...)
}

// Shutdown implements [sdktrace.SpanProcessor].
func (k *Keeper) Shutdown(ctx context.Context) error {
	k.Close()
	var errs []error
	for _, next := range k.Next {
		errs = append(errs, next.Shutdown(ctx))
	}
	return errors.Join(errs...)
}
