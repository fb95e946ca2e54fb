package sampling_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/sampling"
)

const (
	keep = sdktrace.RecordAndSample
	drop = sdktrace.Drop

	sampled = trace.FlagsSampled
	// lastDigits are the last 56 bits of someID.
	lastDigits = "6e6d1a75832a2f"
)

var someID = idEndingIn(lastDigits)

// idEndingIn is a trace id that ends in the given 14 hexadecimal digits.
func idEndingIn(digits string) trace.TraceID {
	id, err := trace.TraceIDFromHex("0af7651916cd43dd84" + digits)
	if err != nil {
		panic(err)
	}
	return id
}

// spanContext is that of a span of the trace someID.
func spanContext(t testing.TB, flags trace.TraceFlags, state string) trace.SpanContext {
	t.Helper()
	parsed, err := trace.ParseTraceState(state)
	if err != nil {
		t.Fatal(err)
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: someID, SpanID: trace.SpanID{1}, TraceFlags: flags, TraceState: parsed})
}

func ask(ctx context.Context, s sdktrace.Sampler, id trace.TraceID) (sdktrace.SamplingDecision, string) {
	r := s.ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: id})
	return r.Decision, r.Tracestate.String()
}

// TestThresholds are the specification's, with the precision that it recommends.
func TestThresholds(t *testing.T) {
	for one, want := range map[float64]string{
		1: "0", 2: "8", 3: "aaab", 4: "c", 5: "cccd", 8: "e", 10: "e666", 16: "f", 100: "fd70a",
		1_000: "ffbe77", 10_000: "fff9724", 100_000: "ffff583a", 1_000_000: "ffffef39",
	} {
		s := sampling.ParentBased(sampling.Probability(1 / one))
		if got, state := ask(t.Context(), s, idEndingIn("ffffffffffffff")); got != keep || state != "ot=th:"+want {
			t.Errorf("one in %v: %v, %q, want th:%s", one, got, state, want)
		}
		lowest := (want + strings.Repeat("0", 14))[:14]
		if got, _ := ask(t.Context(), s, idEndingIn(lowest)); got != keep {
			t.Errorf("one in %v: the randomness %s is dropped", one, lowest)
		}
		if below := justBelow(lowest); below != "" {
			if got, state := ask(t.Context(), s, idEndingIn(below)); got != drop || state != "" {
				t.Errorf("one in %v: %v of the randomness %s, with %q", one, got, below, state)
			}
		}
	}
}

// justBelow is the number before the one in digits, "" for 0.
func justBelow(digits string) string {
	left := strings.TrimRight(digits, "0")
	if left == "" {
		return ""
	}
	last := left[len(left)-1] - 1
	if left[len(left)-1] == 'a' {
		last = '9'
	}
	return left[:len(left)-1] + string(last) + strings.Repeat("f", len(digits)-len(left))
}

// TestExplicitRandomness decides in the place of the trace id, as in the specification's
// example: from a share of 56.9 % on.
func TestExplicitRandomness(t *testing.T) {
	state, err := trace.ParseTraceState("ot=rv:6e6d1a75832a2f,v=1")
	if err != nil {
		t.Fatal(err)
	}
	ctx := trace.ContextWithSpanContext(t.Context(), trace.SpanContext{}.WithTraceState(state))
	for share, want := range map[float64]struct {
		decision sdktrace.SamplingDecision
		state    string
	}{
		0.568: {drop, "ot=rv:6e6d1a75832a2f,v=1"},
		0.569: {keep, "ot=th:6e56;rv:6e6d1a75832a2f,v=1"},
		1:     {keep, "ot=th:0;rv:6e6d1a75832a2f,v=1"},
	} {
		for _, id := range []trace.TraceID{idEndingIn("00000000000000"), idEndingIn("ffffffffffffff")} {
			if got, state := ask(ctx, sampling.ParentBased(sampling.Probability(share)), id); got != want.decision || state != want.state {
				t.Errorf("%v of %v: %v, %q, want %v, %q", share, id, got, state, want.decision, want.state)
			}
		}
	}
}

// TestFollow: a trace that follows another is decided as that was, whatever the share of new
// traces is here, and says so by the same threshold and randomness.
func TestFollow(t *testing.T) {
	for name, tc := range map[string]struct {
		flags trace.TraceFlags
		state string
		want  sdktrace.SamplingDecision
		ot    string
	}{
		"sampled":                                  {sampled, "ot=th:6", keep, "th:6;rv:" + lastDigits},
		"sampled, at the threshold":                {sampled, "ot=th:" + lastDigits, keep, "th:" + lastDigits + ";rv:" + lastDigits},
		"sampled, of all":                          {sampled | trace.FlagsRandom, "ot=th:0", keep, "th:0;rv:" + lastDigits},
		"sampled by nobody knows what":             {sampled, "", keep, "rv:" + lastDigits},
		"sampled, with a randomness":               {sampled, "ot=rv:ffffffffffffff;th:fd70a", keep, "th:fd70a;rv:ffffffffffffff"},
		"sampled, with others' values":             {sampled, "v=1,ot=p:8;th:0;r:62,w=2", keep, "th:0;rv:" + lastDigits},
		"sampled in spite of its threshold":        {sampled, "ot=th:6f", keep, "rv:" + lastDigits},
		"sampled in spite of its randomness":       {sampled, "ot=rv:00000000000000;th:6", keep, "rv:00000000000000"},
		"threshold too long":                       {sampled, "ot=th:600000000000000", keep, "rv:" + lastDigits},
		"threshold in upper case":                  {sampled, "ot=th:A", keep, "rv:" + lastDigits},
		"threshold of nothing":                     {sampled, "ot=th:", keep, "rv:" + lastDigits},
		"randomness too short":                     {sampled, "ot=rv:fffffffffffff;th:6", keep, "th:6;rv:" + lastDigits},
		"randomness in upper case":                 {sampled, "ot=rv:FFFFFFFFFFFFFF;th:6", keep, "th:6;rv:" + lastDigits},
		"unsampled":                                {0, "", drop, "rv:" + lastDigits},
		"unsampled, with a randomness":             {0, "ot=rv:00000000000001", drop, "rv:00000000000001"},
		"unsampled, with a threshold all the same": {trace.FlagsRandom, "ot=th:8", drop, "rv:" + lastDigits},
	} {
		followed := spanContext(t, tc.flags, tc.state)
		for _, roots := range []sdktrace.Sampler{sampling.Probability(1), sampling.Probability(0.5), sampling.Probability(0.001), sdktrace.NeverSample()} {
			s := sampling.ParentBased(roots)
			for _, id := range []trace.TraceID{idEndingIn("00000000000000"), idEndingIn("ffffffffffffff")} {
				ctx := sampling.Follow(t.Context(), followed)
				got, state := ask(ctx, s, id)
				if got != tc.want || state != "ot="+tc.ot {
					t.Errorf("%s: %v decides %v, %q, want %v, ot=%s", name, roots.Description(), got, state, tc.want, tc.ot)
				}
				if flagged, state := ask(sampling.Random(ctx), s, id); flagged != got || state != "ot="+tc.ot {
					t.Errorf("%s, with a random id: %v, %q", name, flagged, state)
				}
				// So does one that follows the follower.
				next, err := trace.ParseTraceState(state)
				if err != nil {
					t.Fatal(err)
				}
				follower := trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{2}, TraceState: next, TraceFlags: trace.TraceFlags(0).WithSampled(got == keep)})
				if again, state := ask(sampling.Follow(t.Context(), follower), s, someID); again != got || state != "ot="+tc.ot {
					t.Errorf("%s, at the next one: %v, %q", name, again, state)
				}
			}
		}
	}
}

// A sampler that knows nothing of following, but of consistent probability sampling, decides
// by the randomness of the trace that is followed.
func TestFollowWithAnotherSampler(t *testing.T) {
	ctx := sampling.Follow(t.Context(), spanContext(t, sampled, "ot=th:6"))
	for share, want := range map[float64]sdktrace.SamplingDecision{0.5: drop, 0.6: keep} {
		for _, s := range []sdktrace.Sampler{sampling.Probability(share), sdktrace.ParentBased(sampling.Probability(share))} {
			for _, id := range []trace.TraceID{idEndingIn("00000000000000"), idEndingIn("ffffffffffffff")} {
				if got, _ := ask(ctx, s, id); got != want {
					t.Errorf("%s of %v: %v, want %v", s.Description(), id, got, want)
				}
			}
		}
	}
}

// TestLinks are to what was sampled alone: the trace that is followed, and what the context had
// before, however often it has been told to follow; it has that again where no trace begins.
func TestLinks(t *testing.T) {
	for name, tc := range map[string]struct {
		before, followed trace.TraceFlags
		want             []trace.SpanID
	}{
		"both sampled": {sampled, sampled, []trace.SpanID{{1}, {2}}},
		"one":          {0, sampled, []trace.SpanID{{1}}},
		"the other":    {sampled, 0, []trace.SpanID{{2}}},
		"none":         {0, 0, nil},
	} {
		before := trace.ContextWithSpanContext(t.Context(), spanContext(t, tc.before, "").WithSpanID(trace.SpanID{2}))
		once := sampling.Follow(before, spanContext(t, tc.followed, ""))
		for _, ctx := range []context.Context{once, sampling.Random(once), sampling.Follow(once, spanContext(t, tc.followed, ""))} {
			var got []trace.SpanID
			for _, l := range sampling.Links(ctx) {
				got = append(got, l.SpanContext.SpanID())
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%s: linked to %v, want %v", name, got, tc.want)
			}
			if left := trace.SpanContextFromContext(sampling.Leave(ctx)); !left.Equal(trace.SpanContextFromContext(before)) {
				t.Errorf("%s: left with %v", name, left)
			}
		}
		if l := sampling.Links(before); l != nil || sampling.Leave(before) != before {
			t.Errorf("%s: a context that follows nothing has the links %v", name, l)
		}
	}
}

// TestRemoteParents: a child is decided as its parent was, and does not say of itself by what
// threshold if that contradicts the decision.
func TestRemoteParents(t *testing.T) {
	for name, tc := range map[string]struct {
		flags       trace.TraceFlags
		state, want string
	}{
		"sampled":                             {sampled, "ot=th:6,v=1", "ot=th:6,v=1"},
		"sampled, without a threshold":        {sampled, "v=1,ot=rv:" + lastDigits, "v=1,ot=rv:" + lastDigits},
		"sampled in spite of its threshold":   {sampled, "v=1,ot=rv:60000000000000;th:8;p:1", "ot=rv:60000000000000;p:1,v=1"},
		"threshold alone":                     {sampled, "v=1,ot=th:8", "v=1"},
		"threshold that is none":              {sampled, "ot=th:x;rv:" + lastDigits, "ot=rv:" + lastDigits},
		"unsampled":                           {0, "ot=th:8", "ot=th:8"},
		"unsampled in spite of its threshold": {0, "ot=th:0", ""},
	} {
		want := drop
		if tc.flags.IsSampled() {
			want = keep
		}
		s := sampling.ParentBased(sampling.Probability(0.5))
		sc := spanContext(t, tc.flags, tc.state)
		if got, state := ask(trace.ContextWithRemoteSpanContext(t.Context(), sc), s, someID); got != want || state != tc.want {
			t.Errorf("%s: %v, %q, want %v, %q", name, got, state, want, tc.want)
		}
		// What this process has made is not looked at again.
		if got, state := ask(trace.ContextWithSpanContext(t.Context(), sc), s, someID); got != want || state != tc.state {
			t.Errorf("%s, a local parent: %v, %q, want %v, %q", name, got, state, want, tc.state)
		}
	}
}

// TestDescription is the one of OpenTelemetry's own samplers.
func TestDescription(t *testing.T) {
	roots := sampling.Probability(0.25)
	if got, want := sampling.ParentBased(roots).Description(), sdktrace.ParentBased(roots).Description(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// FuzzFollow: whatever a tracestate says, what follows is decided as the trace was and has a
// tracestate that is valid.
func FuzzFollow(f *testing.F) {
	f.Add("ot=th:6;rv:6e6d1a75832a2f,v=1", true)
	f.Add("ot=th:;rv:;;:", false)
	f.Add("ot=th:0", true)
	f.Add("ot=th:8 ;p:1", true)
	f.Fuzz(func(t *testing.T, text string, isSampled bool) {
		state, err := trace.ParseTraceState(text)
		if err != nil {
			return
		}
		sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: someID, SpanID: trace.SpanID{1}, TraceState: state, TraceFlags: trace.TraceFlags(0).WithSampled(isSampled)})
		s := sampling.ParentBased(sampling.Probability(0.5))
		for _, ctx := range []context.Context{sampling.Follow(t.Context(), sc), trace.ContextWithRemoteSpanContext(t.Context(), sc)} {
			got, result := ask(ctx, s, someID)
			if got == keep != isSampled {
				t.Fatalf("%q, sampled %t: %v", text, isSampled, got)
			}
			if _, err := trace.ParseTraceState(result); err != nil {
				t.Fatalf("%q becomes %q: %v", text, result, err)
			}
		}
	})
}
