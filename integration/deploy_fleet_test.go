package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// decisionWait is longer than the demo tries to deliver a message. A trace that is over beforeDecision is
// at the gateway when that decides.
const (
	decisionWait   = 12 * time.Second
	beforeDecision = decisionWait - 4*time.Second
)

// oneInAHundred is what a trace's randomness has to reach, to be kept though all is well; and what it
// says then in its trace state.
const oneInAHundred = "fd70a3d70a3d71"

// The agent's and the gateway's files, as they are, between a demo and the stores: what failed is
// kept, all of it, and of the rest those traces that every sampler of the fleet would keep.
func TestAgentAndGateway(t *testing.T) {
	t.Parallel()
	stores, all := peer.StartCollector(t), peer.StartCollector(t)
	gateway, gatewayGRPC := startGateway(t, stores, "", "DECISION_WAIT="+decisionWait.String())
	// Besides, the agent copies all spans, and acknowledges them when that has been done.
	_, grpc, _ := startAgent(t, "the agent", gatewayGRPC, fmt.Sprintf(`
exporters:
  otlp_grpc/all: {endpoint: %q, tls: {insecure: true}, sending_queue: {enabled: false}}
service: {pipelines: {traces: {exporters: [otlp_grpc/all, otlp_grpc]}}}
`, all.GRPC()), "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test")

	d := startDemo(t, launch{rate: 40, env: []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + grpc, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
	}})
	time.Sleep(12 * time.Second) // of mail: some hundreds of messages
	d.stop()

	whole := map[string][]peer.Span{}
	for _, span := range spansByID(all) {
		whole[span.TraceID] = append(whole[span.TraceID], span)
	}
	wanted, failed, rest := map[spanID]bool{}, 0, 0
	for id, trace := range whole {
		isRest := id[18:] >= oneInAHundred
		switch {
		case slices.ContainsFunc(trace, isWorthKeeping) || firstAttemptLate(trace):
			failed++
		case isRest:
			rest++
		default:
			continue
		}
		for _, span := range trace {
			// Of a trace that went on after the decision only that is certain which has been decided on.
			if within(trace, beforeDecision) || isWorthKeeping(span) {
				wanted[spanID{span.TraceID, span.SpanID}] = true
			}
		}
	}
	t.Logf("%d traces: %d that failed, %d of the rest", len(whole), failed, rest)
	if failed == 0 || failed > len(whole)/2 {
		t.Errorf("of %d traces %d have failed, want some and less than half", len(whole), failed)
	}

	peer.Eventually(t, patience, func() error {
		kept := spansByID(stores)
		for id := range wanted {
			if _, ok := kept[id]; !ok {
				return fmt.Errorf("%d spans of %d were kept; not %s of %v", len(kept), len(wanted), id.span, whole[id.trace])
			}
		}
		return nil
	})
	gateway.Stop() // it decides on whatever is still waiting
	threshold := regexp.MustCompile(`^ot=th:` + oneInAHundred + `$`)
	for id, span := range spansByID(stores) {
		trace := whole[id.trace]
		failure := slices.ContainsFunc(trace, isWorthKeeping) || firstAttemptLate(trace)
		if !failure && id.trace[18:] < oneInAHundred {
			t.Errorf("nobody wants %s %v of the trace %s", span.Name, span.Attributes, id.trace)
		}
		// Whoever counts what was kept takes each for so many.
		if failure && span.TraceState != "ot=th:0" || !failure && within(trace, beforeDecision) && !threshold.MatchString(span.TraceState) {
			t.Errorf("%s of the trace %s, failed: %v, has the trace state %q", span.Name, id.trace, failure, span.TraceState)
		}
		if span.Resource["deployment.environment.name"] != "test" {
			t.Fatalf("the agent has not said where that was: %v", span.Resource)
		}
	}
	if len(stores.Metrics()) == 0 || len(stores.Logs()) == 0 {
		t.Errorf("%d metrics and %d events came through, want some of each", len(stores.Metrics()), len(stores.Logs()))
	}
}

// isWorthKeeping is what the comments of gateway.yaml say of a span, in other words.
func isWorthKeeping(s peer.Span) bool {
	errorType, _ := s.Attributes["error.type"].(string)
	wait, _ := s.Attributes["email.queue.wait"].(float64)
	status, _ := s.Attributes["http.response.status_code"].(int64)
	ours := []string{"panic", "storage", "timeout", "refused", "no_route", "dns", "canceled", "_OTHER", "421", "451", "452", "454"}
	switch {
	case s.Attributes["email.delivery.outcome"] == "failed", s.Attributes["email.fate"] == "bounced",
		s.Attributes["email.fate"] == "error", s.Attributes["email.stage.result"] == "error":
		return true
	case s.Kind == "server" && (slices.Contains(ours, errorType) || strings.HasPrefix(errorType, "4.3.") || status >= 500):
		return true
	case strings.HasPrefix(errorType, "server"), wait >= 3600:
		return true
	}
	return s.Name == "queue dequeue" && s.End.Sub(s.Start) > 30*time.Second
}

func firstAttemptLate(trace []peer.Span) bool {
	return slices.ContainsFunc(trace, func(s peer.Span) bool { return s.Attributes["email.delivery.attempt"] == int64(1) }) &&
		slices.ContainsFunc(trace, func(s peer.Span) bool { w, _ := s.Attributes["email.queue.wait"].(float64); return w > 10 })
}

// within is whether a trace was over so soon after its first span.
func within(trace []peer.Span, soon time.Duration) bool {
	first := slices.MinFunc(trace, func(a, b peer.Span) int { return a.End.Compare(b.End) })
	last := slices.MaxFunc(trace, func(a, b peer.Span) int { return a.End.Compare(b.End) })
	return last.End.Sub(first.End) < soon
}
