package main

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// An accepted message's set is all the series that a message and the clients around it
// change, as [movedBy] counts them.

const (
	setSpans      = 9
	setProcessing = 3 // times that the pipeline has the message

	recipient       = "bob@mail.example.org"
	recipientDomain = "mail.example.org"
)

var (
	accepted = otelmail.Reply{Code: 250, Enhanced: otelmail.EnhancedCode{2, 0, 0}}
	loggedIn = otelmail.Reply{Code: 235}
)

// handles are the nine pieces of work that the set's events come from.
type handles struct {
	session    otelmail.SMTPSession
	auth, data otelmail.SMTPCommand
	queueing   otelmail.Queueing
	processing [setProcessing]otelmail.Processing
	attempt    otelmail.Delivering
	fetch      otelmail.IMAPCommand
	notifying  otelmail.Notifying
}

// sessions are those that the set's commands belong to.
type sessions struct {
	smtp otelmail.SMTPSession
	imap otelmail.IMAPSession
}

func beginSessions(ctx context.Context, tel *otelmail.Telemetry) sessions {
	smtp := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
	return sessions{smtp, tel.IMAP.Session(smtp.Context(), otelmail.Conn{})}
}

func (s sessions) begin(tel *otelmail.Telemetry) handles {
	ctx := s.smtp.Context()
	_, queueing := tel.Queue.Enqueue(ctx, otelmail.MessageFacts{})
	h := handles{
		session:   s.smtp,
		auth:      s.smtp.Command(mailconv.SMTPAuth),
		data:      s.smtp.Command(mailconv.SMTPData),
		queueing:  queueing,
		attempt:   tel.Delivery.Attempt(ctx, otelmail.Attempt{}),
		fetch:     s.imap.Command(mailconv.IMAPFetch),
		notifying: tel.WebPush.Attempt(ctx, ""),
	}
	for i := range h.processing {
		h.processing[i] = tel.Mail.Process(ctx, otelmail.MessageFacts{})
	}
	return h
}

// end makes every event of the set happen once.
func (h *handles) end(tel *otelmail.Telemetry) {
	h.auth.End(loggedIn)                   // auth success
	h.data.EndMessage(accepted, recipient) // received, domain
	h.queueing.End(otelmail.CauseNone)     // queue size (gauge)
	for i := range h.processing {          //
		h.processing[i].End(otelmail.FateQueued, otelmail.CauseNone) // processed and latency (histogram), three times
	}
	h.attempt.End(accepted)                                    // delivered, sent
	h.fetch.End(otelmail.IMAPReply{Result: otelmail.IMAPOK})   // IMAP commands
	h.notifying.End(otelmail.WebPushReply{Status: 201})        // pushes
	tel.WebPush.GaveUp()                                       // failed pushes
	tel.JMAP.Request(h.session.Context()).End(false)           // JMAP requests
	h.session.ProtocolError()                                  // errors
	tel.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedOverload) // refused connections
	tel.Mail.Dropped(h.session.Context())                      // dropped
	tel.Storage.Messages.Add(1)                                // stored messages (gauge)
}

func messageDuels(ctx context.Context) ([]duel, error) {
	untraced, err := startUntraced()
	if err != nil {
		return nil, err
	}
	unsampled, err := start(ctx, otelmail.WithSampleRatio(0))
	if err != nil {
		return nil, err
	}
	moves, err := movedBy(ctx, func(tel *otelmail.Telemetry) func() {
		h := beginSessions(ctx, tel).begin(tel)
		return func() { h.end(tel) }
	})
	if err != nil {
		return nil, err
	}
	theirs := moves.promSet()
	noop := tracenoop.NewTracerProvider().Tracer("bench")

	events := func(n int) {
		h := beginSessions(ctx, untraced).begin(untraced)
		for range n {
			h.end(untraced)
		}
	}
	promEvents := func(n int) {
		begun := time.Now()
		for range n {
			theirs.record(begun)
		}
	}
	whole := func(tel *otelmail.Telemetry) loop {
		sessions := beginSessions(ctx, tel)
		return func(n int) {
			for range n {
				h := sessions.begin(tel)
				h.end(tel)
			}
		}
	}
	promWhole := func(n int) {
		ctx, _ := noop.Start(ctx, "SMTP session")
		for range n {
			var spans [setSpans]trace.Span
			for i := range spans {
				_, spans[i] = noop.Start(ctx, "SMTP DATA")
			}
			theirs.record(time.Now())
			for _, s := range spans {
				s.End()
			}
		}
	}
	set := fmt.Sprintf("%v (one of the counters the recipient's domain, looked up), by the methods that a server calls at the end of its work. The time of the %d readings of the clock is taken off both sides.", moves, len(moves.durations))
	clock := readClock(len(moves.durations))
	return []duel{
		{row: Row{ID: "message", What: "an accepted message's set, one core", Against: "client_golang, resolved children", Goal: Goal{Ratio: 2.1}, Note: set + " No spans."},
			ours: events, theirs: promEvents, common: clock},
		{row: Row{ID: "message-cores", What: "an accepted message's set, all cores busy", Against: "client_golang, resolved children", Goal: Goal{Ratio: 1.0}, Note: set + " No spans."},
			ours: events, theirs: promEvents, common: clock, allCores: true},
		{row: Row{ID: "message-unsampled", What: "the same with 9 spans begun and ended, unsampled", Against: "the same otelmail calls, no-op tracer", Goal: Goal{Ratio: 1.5},
			Note: "The SDK's tracer with a ratio of 0 against OpenTelemetry's no-op tracer; children of one session."},
			ours: whole(unsampled), theirs: whole(untraced)},
		{row: Row{ID: "message-unsampled-prom", What: "the same with 9 spans begun and ended, unsampled", Against: "client_golang, resolved children, and 9 no-op spans", Goal: Goal{Ratio: 1.5}},
			ours: whole(unsampled), theirs: promWhole},
	}, nil
}
