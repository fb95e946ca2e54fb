// Package sampling decides which traces are recorded: by OpenTelemetry's consistent
// probability sampling, and alike in traces that belong together.
package sampling

import (
	"fmt"
	"math"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// precision is that of a threshold, in significant digits: what the specification recommends.
const precision = 4

// probability is the ProbabilitySampler of OpenTelemetry's specification, which the SDK has
// only in an experimental module.
type probability struct {
	share     float64
	threshold uint64
	text      string           // of the threshold
	alone     trace.TraceState // with it and nothing else: that of most traces
}

// Probability returns a sampler of the given share of traces, 0.0 to 1.0, whatever became of
// a span's parent. Below 2⁻⁵⁶ there is no share, and none is sampled.
func Probability(share float64) sdktrace.Sampler {
	s, ok := newProbability(share)
	if !ok {
		return sdktrace.NeverSample()
	}
	return s
}

// newProbability reports false for a share of nothing.
func newProbability(share float64) (s probability, ok bool) {
	if !(share >= 1.0/(1<<bits)) {
		return s, false
	}
	s.share = min(share, 1)
	s.threshold = 1<<bits - uint64(math.Round(s.share*(1<<bits)))
	// Digits f at the beginning are not significant: of a small share there are many.
	_, exponent := math.Frexp(s.share)
	if dropped := digits - precision - max(0, -exponent)/4; dropped > 0 {
		unit := uint64(1) << (4 * dropped)
		s.threshold = (s.threshold + unit/2) / unit * unit
	}
	s.text = strings.TrimRight(text(s.threshold), "0")
	if s.text == "" {
		s.text = "0"
	}
	s.alone = withThreshold(trace.TraceState{}, s.text)
	return s, true
}

func (s probability) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	state := trace.SpanContextFromContext(p.ParentContext).TraceState()
	if randomness(state, p.TraceID) < s.threshold {
		return sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: state}
	}
	switch {
	case state.Len() == 0:
		state = s.alone
	case subKey(state, thresholdKey) != s.text:
		state = withThreshold(state, s.text)
	}
	return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: state}
}

// Description implements [sdktrace.Sampler].
func (s probability) Description() string { return fmt.Sprintf("ProbabilitySampler{%g}", s.share) }

// ParentBased returns a sampler that decides about a child as its parent was decided, about a
// new trace that follows another ([Follow]) as that was, and about any other as roots does.
func ParentBased(roots sdktrace.Sampler) sdktrace.Sampler {
	return sdktrace.ParentBased(follower{roots},
		sdktrace.WithRemoteParentSampled(checked{sdktrace.AlwaysSample()}),
		sdktrace.WithRemoteParentNotSampled(checked{sdktrace.NeverSample()}))
}

type follower struct{ sdktrace.Sampler }

func (f follower) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	r, ok := trace.SpanFromContext(p.ParentContext).(*root)
	if !ok || !r.follows.IsValid() {
		return f.Sampler.ShouldSample(p)
	}
	state := r.begins.TraceState()
	if !r.follows.IsSampled() {
		return sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: state}
	}
	return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: withThreshold(state, threshold(r.follows))}
}

// checked erases a threshold that came with a parent from elsewhere and contradicts its
// sampled flag: spans would count for as many as they do not stand for.
type checked struct{ sdktrace.Sampler }

func (c checked) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	result := c.Sampler.ShouldSample(p)
	parent := trace.SpanContextFromContext(p.ParentContext)
	if subKey(parent.TraceState(), thresholdKey) != "" && threshold(parent) == "" {
		result.Tracestate = withThreshold(result.Tracestate, "")
	}
	return result
}
