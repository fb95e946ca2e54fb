package sampling

import (
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// verdict are spans of one trace that are decided about: found by the rule, or some of the rest.
type verdict struct {
	spans []sdktrace.ReadOnlySpan
	found bool
}

// emit passes on what is kept. It is not called with the lock held: who is next may be slow.
func (k *Keeper) emit(verdicts []verdict) {
	for _, v := range verdicts {
		decided := [...]int{KeptByRule: 0, KeptByShare: 0, LeftOut: 0}
		for _, s := range v.spans {
			sc, decision := s.SpanContext(), LeftOut
			switch {
			case v.found:
				sc, decision = whole(sc), KeptByRule
			case k.some:
				var ok bool
				if sc, ok = k.rest.thin(sc); ok {
					decision = KeptByShare
				}
			}
			decided[decision]++
			if decision == LeftOut {
				continue
			}
			if !sc.Equal(s.SpanContext()) {
				s = &weighted{s, sc}
			}
			k.pass(s)
		}
		for decision, n := range decided {
			if n > 0 {
				k.Decided(Decision(decision), n)
			}
		}
	}
}

func (k *Keeper) pass(s sdktrace.ReadOnlySpan) {
	for _, next := range k.Next {
		next.OnEnd(s)
	}
}

// weighted is a span whose tracestate says for how many it stands, which was decided after
// it had begun.
type weighted struct {
	sdktrace.ReadOnlySpan
	sc trace.SpanContext
}

func (w *weighted) SpanContext() trace.SpanContext { return w.sc }

// thin reports whether the span of sc is in the share, and returns sc as it is then. What was
// sampled by a smaller share stands for more already.
func (s probability) thin(sc trace.SpanContext) (trace.SpanContext, bool) {
	state := sc.TraceState()
	if randomness(state, sc.TraceID()) < s.threshold {
		return sc, false
	}
	if before, ok := number(threshold(sc)); ok && before >= s.threshold {
		return sc, true
	}
	return sc.WithTraceState(withThreshold(state, s.text)), true
}

// whole is sc where nothing was left out on top of how it was sampled. Where that is not known it
// counts as one of all that there were; so does it for thin, and for a Collector.
func whole(sc trace.SpanContext) trace.SpanContext {
	if threshold(sc) != "" {
		return sc
	}
	return sc.WithTraceState(withThreshold(sc.TraceState(), "0"))
}
