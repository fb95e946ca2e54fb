package sampling_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/sampling"
)

// keeping is a Keeper with a provider before it and a recorder behind it. Its rule is a span
// named "bad".
type keeping struct {
	*sampling.Keeper
	tracer trace.Tracer
	kept   *tracetest.SpanRecorder

	mu      sync.Mutex
	decided map[sampling.Decision]int
	early   map[sampling.Early]int
}

func keepBy(t testing.TB, c sampling.KeeperConfig, sampler sdktrace.Sampler) *keeping {
	t.Helper()
	k := &keeping{kept: tracetest.NewSpanRecorder(), decided: map[sampling.Decision]int{}, early: map[sampling.Early]int{}}
	c.Rule = func(s sdktrace.ReadOnlySpan) bool { return s.Name() == "bad" }
	c.Next = []sdktrace.SpanProcessor{k.kept}
	c.Decided = func(d sampling.Decision, n int) { k.mu.Lock(); k.decided[d] += n; k.mu.Unlock() }
	c.Early = func(e sampling.Early) { k.mu.Lock(); k.early[e]++; k.mu.Unlock() }
	if c.Wait == 0 {
		c.Wait = time.Hour
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 1 << 30
	}
	k.Keeper = sampling.NewKeeper(c)
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(k.Keeper), sdktrace.WithSampler(sampler))
	k.tracer = tp.Tracer("test")
	return k
}

// all records every trace, as Start does by default.
func all() sdktrace.Sampler { return sampling.ParentBased(sampling.Probability(1)) }

func (k *keeping) begin(ctx context.Context, name string) (context.Context, trace.Span) {
	return k.tracer.Start(ctx, name)
}

// names are what was passed on, in order, with the threshold.
func (k *keeping) names() string {
	var names []string
	for _, s := range k.kept.Ended() {
		th, _, _ := strings.Cut(strings.TrimPrefix(s.SpanContext().TraceState().Get("ot"), "th:"), ";")
		names = append(names, s.Name()+":"+th)
	}
	return strings.Join(names, " ")
}

func (k *keeping) want(t *testing.T, when, want string) {
	t.Helper()
	if got := k.names(); got != want {
		t.Errorf("%s: passed on are %q, want %q", when, got, want)
	}
}

// TestKeepWhole: one span that the rule finds has its trace kept, with what was before, what is
// open and what comes later; and of a trace without one the share alone is kept, when its work
// is done.
func TestKeepWhole(t *testing.T) {
	k := keepBy(t, sampling.KeeperConfig{}, all())
	ctx, root := k.begin(t.Context(), "root")
	_, good := k.begin(ctx, "good")
	good.End()
	k.want(t, "before the rule", "")
	_, bad := k.begin(ctx, "bad")
	bad.End()
	k.want(t, "found", "good:0 bad:0")
	_, other := k.begin(t.Context(), "other")
	other.End()
	root.End()
	_, late := k.begin(ctx, "late")
	late.End()
	k.want(t, "at the end", "good:0 bad:0 root:0 late:0")
	if k.decided[sampling.KeptByRule] != 4 || k.decided[sampling.LeftOut] != 1 || len(k.early) != 0 {
		t.Errorf("decided %v, early %v", k.decided, k.early)
	}

	k = keepBy(t, sampling.KeeperConfig{Rest: 1}, all())
	ctx, root = k.begin(t.Context(), "root")
	_, good = k.begin(ctx, "good")
	good.End()
	k.want(t, "while the root is open", "")
	root.End()
	k.want(t, "the rest", "good:0 root:0")
}

// TestAwait: a trace is not decided about while something is to come of it, whatever is open.
func TestAwait(t *testing.T) {
	k := keepBy(t, sampling.KeeperConfig{}, all())
	ctx, root := k.begin(t.Context(), "root")
	k.Await(trace.SpanContextFromContext(ctx))
	k.Await(trace.SpanContextFromContext(ctx))
	root.End()
	k.Came(trace.SpanContextFromContext(ctx))
	_, later := k.begin(ctx, "bad")
	later.End()
	k.want(t, "the second came to a bad end", "root:0 bad:0")

	ctx, root = k.begin(t.Context(), "root")
	k.Await(trace.SpanContextFromContext(ctx))
	root.End()
	k.Came(trace.SpanContextFromContext(ctx))
	k.Keep(trace.SpanContextFromContext(ctx)) // of which nothing is held any more
	k.want(t, "came to a good end", "root:0 bad:0")
	_, later = k.begin(ctx, "later")
	later.End()
	k.want(t, "told to keep it", "root:0 bad:0 later:0")

	k.Keep(trace.SpanContext{})
	k.Came(trace.SpanContext{})
	var none *sampling.Keeper
	none.Keep(trace.SpanContextFromContext(ctx))
	none.Await(trace.SpanContextFromContext(ctx))
}

// TestRest: what is kept of the rest is what every sampler of that share would have recorded of
// the same traces, linked ones too, and says so.
func TestRest(t *testing.T) {
	for name, tc := range map[string]struct {
		sampler   sdktrace.Sampler
		th, found string
	}{
		"of all":                       {all(), "c", "0"},
		"of what somebody has sampled": {sdktrace.AlwaysSample(), "c", "0"},
		"of a half":                    {sampling.ParentBased(sampling.Probability(0.5)), "c", "8"},
		"of a tenth":                   {sampling.ParentBased(sampling.Probability(0.1)), "e666", "e666"},
	} {
		k := keepBy(t, sampling.KeeperConfig{Rest: 0.25}, tc.sampler)
		want := sampling.Probability(0.25)
		kept := 0
		for range 4000 {
			ctx, span := k.begin(t.Context(), "good")
			span.End()
			sc := span.SpanContext()
			if !sc.IsSampled() {
				continue
			}
			decision, _ := ask(ctx, want, sc.TraceID())
			ended := k.kept.Ended()
			if (len(ended) > kept) != (decision == keep) {
				t.Fatalf("%s: %v is kept %t", name, sc.TraceID(), len(ended) > kept)
			}
			if len(ended) == kept {
				continue
			}
			kept = len(ended)
			if got := ended[kept-1].SpanContext().TraceState().String(); got != "ot=th:"+tc.th {
				t.Fatalf("%s: says %q, want th:%s", name, got, tc.th)
			}
			if got := ended[kept-1].SpanContext(); got.SpanID() != sc.SpanID() || got.TraceFlags() != sc.TraceFlags() {
				t.Fatalf("%s: %v has become %v", name, sc, got)
			}
		}
		if kept == 0 {
			t.Errorf("%s: nothing is kept", name)
		}
		for range 1000 {
			_, span := k.begin(t.Context(), "bad")
			span.End()
			if !span.SpanContext().IsSampled() {
				continue
			}
			ended := k.kept.Ended()
			if got := ended[len(ended)-1]; got.SpanContext().SpanID() != span.SpanContext().SpanID() || got.SpanContext().TraceState().String() != "ot=th:"+tc.found {
				t.Fatalf("%s: found by the rule is %v with %q, want th:%s", name, got.Name(), got.SpanContext().TraceState(), tc.found)
			}
		}
	}
	// The randomness of a trace that follows another is that one's.
	k := keepBy(t, sampling.KeeperConfig{Rest: 0.25}, all())
	for rv, want := range map[string]int{"c0000000000000": 1, "bfffffffffffff": 0} {
		before := len(k.kept.Ended())
		ctx := sampling.Follow(t.Context(), spanContext(t, sampled, "ot=th:0;rv:"+rv))
		_, span := k.begin(ctx, "good")
		span.End()
		if got := len(k.kept.Ended()) - before; got != want {
			t.Errorf("randomness %s: %d kept, want %d", rv, got, want)
		}
	}
}

// TestEarly: what is decided before the work is done, and the late spans of it: by the same
// randomness, unless they are found by the rule themselves. The sum is all there were.
func TestEarly(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		k := keepBy(t, sampling.KeeperConfig{Rest: 0.5, MaxBytes: 100_000}, all())
		// Many more traces than fit, all open: the oldest are given up.
		var open []trace.Span
		for range 5000 {
			ctx, root := k.begin(t.Context(), "root")
			_, child := k.begin(ctx, "child")
			child.End()
			open = append(open, root)
		}
		if k.early[sampling.EarlyByMemory] < 4800 {
			t.Errorf("given up are %v", k.early)
		}
		for _, root := range open {
			root.End()
		}
		wantWhole(t, k, 2)
		_, bad := k.begin(trace.ContextWithSpan(t.Context(), open[0]), "bad")
		bad.End()
		if !strings.HasSuffix(k.names(), "bad:0") {
			t.Error("a late failure is not kept")
		}
		if got := k.decided[sampling.KeptByRule] + k.decided[sampling.KeptByShare] + k.decided[sampling.LeftOut]; got != 10_001 {
			t.Errorf("decided %v, want 10001 in sum", k.decided)
		}
	})
	t.Run("length", func(t *testing.T) {
		k := keepBy(t, sampling.KeeperConfig{Rest: 1}, all())
		ctx, root := k.begin(t.Context(), "root")
		for range 1000 {
			_, child := k.begin(ctx, "child")
			child.End()
		}
		if got := len(k.kept.Ended()); got != 512 || k.early[sampling.EarlyByLength] != 1 {
			t.Errorf("%d spans, early %v, want 512 and 1", got, k.early)
		}
		root.End()
		if got := len(k.kept.Ended()); got != 1001 {
			t.Errorf("%d spans at the end, want 1001", got)
		}
	})
	t.Run("age", func(t *testing.T) {
		k := keepBy(t, sampling.KeeperConfig{Rest: 1, Wait: 100 * time.Millisecond}, all())
		ctx, root := k.begin(t.Context(), "root")
		_, child := k.begin(ctx, "child")
		child.End()
		waitFor(t, "the child", func() bool { return len(k.kept.Ended()) == 1 })
		_, child = k.begin(ctx, "another")
		child.End()
		waitFor(t, "the second", func() bool { return len(k.kept.Ended()) == 2 })
		root.End()
		waitFor(t, "the root", func() bool { return len(k.kept.Ended()) == 3 })
		k.want(t, "in the end", "child:0 another:0 root:0")
	})
	t.Run("a span that never ends", func(t *testing.T) {
		k := keepBy(t, sampling.KeeperConfig{Rest: 1, Wait: 10 * time.Millisecond}, all())
		for range 1000 {
			k.begin(t.Context(), "root")
		}
		waitFor(t, "nothing is held", func() bool { return k.Held() == 0 })
	})
}

// wantWhole wants each trace that is passed on to have so many spans.
func wantWhole(t *testing.T, k *keeping, spans int) {
	t.Helper()
	seen := map[trace.TraceID]int{}
	for _, s := range k.kept.Ended() {
		seen[s.SpanContext().TraceID()]++
	}
	for id, n := range seen {
		if n != spans {
			t.Fatalf("%d spans of %v are passed on, want %d", n, id, spans)
		}
	}
	if len(seen) == 0 {
		t.Error("nothing is passed on")
	}
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in 20 s: %s", what)
		}
	}
}

// TestManyTraces: memory stays within the bound, however many never end.
func TestManyTraces(t *testing.T) {
	const traces = 100_000
	const bound = 8 << 20
	k := keepBy(t, sampling.KeeperConfig{MaxBytes: bound}, all())
	k.Next = nil // the recorder keeps everything
	text := strings.Repeat("x", 1000)
	before := heap()
	for i := range traces {
		ctx, root := k.begin(t.Context(), "root") // never ends
		_, child := k.begin(ctx, "child")
		child.SetAttributes(attribute.String("text", fmt.Sprint(i, text)), attribute.StringSlice("list", []string{"a", "b"}), attribute.Int("n", i))
		child.AddEvent("event", trace.WithAttributes(attribute.Int("n", i)))
		child.End()
		_ = root
	}
	if grown := int64(heap()) - int64(before); grown > 2*bound || grown < bound/4 {
		t.Errorf("%d bytes are held of %d traces, of 8 MiB that are allowed", grown, traces)
	}
	runtime.KeepAlive(k)
}

// TestRememberedIsBounded: of the traces that are kept the last ten thousand are known.
func TestRememberedIsBounded(t *testing.T) {
	k := keepBy(t, sampling.KeeperConfig{}, all())
	first, bad := k.begin(t.Context(), "bad")
	bad.End()
	last := first
	for range 10_000 {
		last, bad = k.begin(t.Context(), "bad")
		bad.End()
	}
	kept := len(k.kept.Ended())
	for ctx, more := range map[context.Context]int{first: 0, last: 1} {
		_, late := k.begin(ctx, "late")
		late.End()
		if got := len(k.kept.Ended()); got != kept+more {
			t.Errorf("%d spans more, want %d", got-kept, more)
		}
		kept = len(k.kept.Ended())
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestFlushAndShutdown decide at once about what is held; what ends later is decided alone.
func TestFlushAndShutdown(t *testing.T) {
	k := keepBy(t, sampling.KeeperConfig{Rest: 1}, all())
	ctx, root := k.begin(t.Context(), "root")
	_, child := k.begin(ctx, "child")
	child.End()
	if err := k.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.want(t, "flushed", "child:0")
	_, child = k.begin(ctx, "second")
	child.End()
	k.want(t, "held again", "child:0")
	k.begin(t.Context(), "another") // so that there are several
	k.Decide()
	k.want(t, "decided", "child:0 second:0")
	_, child = k.begin(ctx, "third")
	child.End()
	if err := k.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.want(t, "shut down", "child:0 second:0 third:0")
	root.End()
	within, _ := k.begin(ctx, "left open")
	_, after := k.begin(within, "after")
	after.End()
	k.want(t, "after that", "child:0 second:0 third:0 root:0 after:0")
	if k.Held() != 0 || len(k.early) != 0 {
		t.Errorf("%d held, early %v", k.Held(), k.early)
	}

	broken := keepBy(t, sampling.KeeperConfig{}, all())
	broken.Next = []sdktrace.SpanProcessor{failing{}, failing{}}
	for _, err := range []error{broken.ForceFlush(t.Context()), broken.Shutdown(t.Context())} {
		if err == nil || strings.Count(err.Error(), errAway.Error()) != 2 {
			t.Errorf("the errors of those who come next: %v", err)
		}
	}
}

var errAway = errors.New("away")

type failing struct{ sdktrace.SpanProcessor }

func (failing) ForceFlush(context.Context) error { return errAway }
func (failing) Shutdown(context.Context) error   { return errAway }

// TestConcurrent: work on all cores, with flushes and a shutdown in its middle: nothing is lost
// or comes twice, and the weights add up.
func TestConcurrent(t *testing.T) {
	const workers, each = 4, 2000
	k := keepBy(t, sampling.KeeperConfig{Rest: 0.5, MaxBytes: 1 << 20, Wait: 10 * time.Millisecond}, all())
	var done sync.WaitGroup
	for w := range workers {
		done.Go(func() {
			for i := range each {
				ctx, root := k.begin(context.Background(), "root")
				k.Await(root.SpanContext())
				name := "good"
				if i%10 == 0 {
					name = "bad"
				}
				_, child := k.begin(ctx, name)
				child.End()
				root.End()
				k.Came(root.SpanContext())
				if i%500 == 0 {
					k.Decide()
				}
				if w == 0 && i == each/2 {
					k.Close()
				}
			}
		})
	}
	done.Wait()
	waitFor(t, "nothing is held", func() bool { return k.Held() == 0 })
	seen, bad, good := map[trace.SpanID]bool{}, 0.0, 0.0
	for _, s := range k.kept.Ended() {
		if seen[s.SpanContext().SpanID()] {
			t.Fatalf("%s came twice", s.Name())
		}
		seen[s.SpanContext().SpanID()] = true
		weight := 1.0
		if s.SpanContext().TraceState().Get("ot") == "th:8" {
			weight = 2
		}
		switch s.Name() {
		case "bad":
			bad += weight
		case "good":
			good += weight
		}
	}
	if bad != workers*each/10 {
		t.Errorf("%v failures, want all %d", bad, workers*each/10)
	}
	if n := float64(workers * each * 9 / 10); math.Abs(good-n) > 6*math.Sqrt(n) {
		t.Errorf("%v of the others counted, want %v ± %.0f", good, n, 6*math.Sqrt(n))
	}
	if sum := k.decided[sampling.KeptByRule] + k.decided[sampling.KeptByShare] + k.decided[sampling.LeftOut]; sum != 2*workers*each {
		t.Errorf("decided %v: %d spans, want %d", k.decided, sum, 2*workers*each)
	}
}
