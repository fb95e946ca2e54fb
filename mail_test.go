package otelmail_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
	"github.com/rusmes/otelmail/otelmailtest"
)

// TestFates: a message counts as processed whatever becomes of it, as dropped where it is,
// and fails only where the pipeline does.
func TestFates(t *testing.T) {
	for _, tc := range []struct {
		fate            otelmail.Fate
		cause           otelmail.Cause
		name, errorType string
		dropped         float64
	}{
		{otelmail.FateDelivered, otelmail.CauseNone, "delivered", "", 0},
		{otelmail.FateQueued, otelmail.CauseNone, "queued", "", 0},
		{otelmail.FateDropped, otelmail.CauseNone, "dropped", "", 1},
		{otelmail.FateRejected, otelmail.CauseNone, "rejected", "", 0},
		{otelmail.FateDeferred, otelmail.CauseStorage, "deferred", "storage", 0},
		{otelmail.FateBounced, otelmail.CauseNone, "bounced", "", 0},
		{otelmail.FateError, otelmail.CauseNone, "error", "_OTHER", 0},
		{otelmail.FateError, otelmail.CausePanic, "error", "panic", 0},
		{200, otelmail.CauseNone, "_OTHER", "_OTHER", 0},
	} {
		rec := recorded(t)
		rec.Tel.Mail.Process(t.Context(), otelmail.MessageFacts{QueueID: "q1"}).End(tc.fate, tc.cause)
		s := rec.Span("mail process")
		checkName(t, s, "mail process", trace.SpanKindInternal)
		s.Has(otelmailtest.Attributes{"email.fate": tc.name, "messaging.message.id": "q1"})
		checkFailure(t, s, tc.errorType)
		if tc.fate.String() != tc.name {
			t.Errorf("fate %d is %q", tc.fate, tc.fate)
		}
		want := otelmailtest.Series{"rusmes_mail_processed_total": 1, "rusmes_mail_dropped_total": tc.dropped}
		if tc.cause == otelmail.CausePanic {
			want["rusmes_panics_total"] = 1
		}
		rec.Moved(want) // what was delivered and bounced has calls of its own
	}
}

// TestLatencyIsThatOfTheMessage: the histogram holds what the message took, in seconds.
func TestLatencyIsThatOfTheMessage(t *testing.T) {
	tel, reader := start(t)
	begun := time.Now()
	p := tel.Mail.Process(t.Context(), otelmail.MessageFacts{})
	time.Sleep(30 * time.Millisecond)
	p.End(otelmail.FateQueued, otelmail.CauseNone)
	most := time.Since(begun).Seconds()
	point := collect(t, reader)["rusmes_message_processing_latency_seconds"].Data.(metricdata.Histogram[float64]).DataPoints[0]
	if point.Count != 1 || point.Sum < 0.03 || point.Sum > most {
		t.Errorf("%d records, sum %v s, want one of 0.03 to %v s", point.Count, point.Sum, most)
	}
}

// TestStages: only a stage that failed is a failure; the rest are decisions.
func TestStages(t *testing.T) {
	for _, tc := range []struct {
		result          otelmail.StageResult
		cause           otelmail.Cause
		name, errorType string
	}{
		{otelmail.StageContinue, otelmail.CauseNone, "continue", ""},
		{otelmail.StageDrop, otelmail.CauseNone, "drop", ""},
		{otelmail.StageReject, otelmail.CauseOther, "reject", ""},
		{otelmail.StageDefer, otelmail.CauseDNS, "defer", ""},
		{otelmail.StageError, otelmail.CauseNone, "error", "_OTHER"},
		{otelmail.StageError, otelmail.CauseDNS, "error", "dns"},
		{200, otelmail.CauseNone, "_OTHER", "_OTHER"},
	} {
		rec := recorded(t)
		p := rec.Tel.Mail.Process(t.Context(), otelmail.MessageFacts{})
		rec.Tel.Mail.Stage(p.Context(), "spam-filter", otelmail.MessageFacts{QueueID: "q1", Direction: mailconv.Inbound}).End(tc.result, tc.cause)
		p.End(otelmail.FateQueued, otelmail.CauseNone)
		want := otelmailtest.Attributes{"email.stage.name": "spam-filter", "email.stage.result": tc.name,
			"messaging.message.id": "q1", "email.direction": "inbound"}
		failure := ""
		if tc.errorType != "" {
			want["error.type"], failure = tc.errorType, ", error "+tc.errorType
		}
		rec.Tree("mail process\n  mailet spam-filter [internal" + failure + "]")
		rec.Span("mailet spam-filter").HasOnly(want)
		if tc.result.String() != tc.name {
			t.Errorf("result %d is %q", tc.result, tc.result)
		}
	}
}

// TestStageNamesAreBounded: an application that names a stage after what it works on
// gets 100 span names, and no more, however many goroutines ask at once.
func TestStageNamesAreBounded(t *testing.T) {
	tel, rec := traced(t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				tel.Mail.Stage(context.Background(), fmt.Sprintf("for %d", (i+g)%150), otelmail.MessageFacts{}).
					End(otelmail.StageContinue, otelmail.CauseNone)
			}
		})
	}
	wg.Wait()
	names := map[string]bool{}
	for _, s := range rec.Ended() {
		names[s.Name()] = true
		if stage := attrs(s)["email.stage.name"]; s.Name() != "mailet _OTHER" && s.Name() != "mailet "+stage {
			t.Errorf("stage %q has the span %q", stage, s.Name())
		}
	}
	if len(names) != 101 || !names["mailet _OTHER"] {
		t.Errorf("%d span names, want 100 and mailet _OTHER", len(names))
	}
	// The first ones keep theirs.
	first := rec.Ended()[0].Name()
	rec.Reset()
	tel.Mail.Stage(t.Context(), strings.TrimPrefix(first, "mailet "), otelmail.MessageFacts{}).End(otelmail.StageContinue, otelmail.CauseNone)
	checkName(t, rec.Ended()[0], first, trace.SpanKindInternal)
}

// TestStageNamesAreText, also where an application takes them from a stranger.
func TestStageNamesAreText(t *testing.T) {
	for stage, want := range map[string]string{
		"": "mailet _OTHER", "spam\xff": "mailet spam\uFFFD", "a\r\nb": "mailet a\uFFFD\uFFFDb",
	} {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			tel.Mail.Stage(t.Context(), stage, otelmail.MessageFacts{}).End(otelmail.StageContinue, otelmail.CauseNone)
		})
		checkName(t, s, want, trace.SpanKindInternal)
	}
	s := spanOf(t, func(tel *otelmail.Telemetry) {
		tel.Mail.Stage(t.Context(), strings.Repeat("x", 1<<16), otelmail.MessageFacts{}).End(otelmail.StageContinue, otelmail.CauseNone)
	})
	if len(s.Name()) > 300 || len(attrs(s)["email.stage.name"]) > 256 {
		t.Errorf("a name of %d bytes, an attribute of %d", len(s.Name()), len(attrs(s)["email.stage.name"]))
	}
}

// TestBounced counts, whatever the context is; what it emits is in TestMailEvents.
func TestBounced(t *testing.T) {
	tel, rec := traced(t)
	d := tel.Delivery.Attempt(t.Context(), otelmail.Attempt{})
	tel.Mail.Bounced(d.Context())
	d.End(otelmail.Reply{Code: 550})
	tel.Mail.Bounced(d.Context()) // the span has ended
	tel.Mail.Bounced(t.Context())
	//nolint:staticcheck // a nil context is the mistake under test
	tel.Mail.Bounced(nil)
	checkValue(t, tel, 4, "mail_bounced_total")
	if events := rec.Ended()[0].Events(); len(events) > 0 {
		t.Errorf("span events %v: events are log records", events)
	}
}

// TestMessageFacts: each fact alone, and what is none.
func TestMessageFacts(t *testing.T) {
	bob := hashOf(t, "bob@example.org")
	for _, tc := range []struct {
		facts otelmail.MessageFacts
		want  otelmailtest.Attributes
	}{
		{otelmail.MessageFacts{}, nil},
		{otelmail.MessageFacts{QueueID: "q1"}, otelmailtest.Attributes{"messaging.message.id": "q1"}},
		{otelmail.MessageFacts{QueueID: "q\x001"}, otelmailtest.Attributes{"messaging.message.id": "q\uFFFD1"}},
		{otelmail.MessageFacts{MessageID: "<1@x>"}, otelmailtest.Attributes{"email.message_id": hashOfText(t, "<1@x>")}},
		{otelmail.MessageFacts{Sender: "<Bob@Example.ORG>"}, otelmailtest.Attributes{"email.from.domain": "example.org", "email.from.hash": bob}},
		{otelmail.MessageFacts{Recipient: "bob@example.org"}, otelmailtest.Attributes{"email.to.domain": "example.org", "email.to.hash": bob}},
		{otelmail.MessageFacts{Recipient: "bob@no domain"}, otelmailtest.Attributes{"email.to.domain": "_other", "email.to.hash": hashOf(t, "bob@no domain")}},
		{otelmail.MessageFacts{Direction: mailconv.Inbound}, otelmailtest.Attributes{"email.direction": "inbound"}},
		{otelmail.MessageFacts{Direction: mailconv.Outbound}, otelmailtest.Attributes{"email.direction": "outbound"}},
		{otelmail.MessageFacts{Direction: mailconv.Internal}, otelmailtest.Attributes{"email.direction": "internal"}},
		{otelmail.MessageFacts{Direction: mailconv.Internal + 1}, nil},
		{otelmail.MessageFacts{Size: 1}, otelmailtest.Attributes{"messaging.message.body.size": 1}},
		{otelmail.MessageFacts{Size: -1}, nil},
	} {
		spanOf(t, func(tel *otelmail.Telemetry) {
			enqueue(t.Context(), tel, tc.facts, otelmail.CauseNone)
		}).HasOnly(tc.want)
	}
}
