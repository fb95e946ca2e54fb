package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	s "github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

func queue(q queries) []row {
	return []row{
		{"Queue", []panel{
			{title: "Messages in the queue", runbook: "MailQueueGrowing", queries: []query{q.sum(s.QueueSize, "instance")}},
			queueByState(q),
			oldestByState(q),
			{title: "Bytes in the queue, by state", queries: []query{q.sum(s.QueueBytes, "state")}},
			{title: "How late attempts begin", runbook: "MailFirstAttemptBudgetBurn", queries: q.quantiles(s.SchedulerLag)},
			{
				title: "Retries and messages given up", runbook: "MailRetryStorm",
				says: "Attempts after a message's first one, and messages given up because their time was over. Retries: destinations are away or defer our mail. Given up: one has been away for days, or something here has; the senders hear of it only now.",
				queries: []query{
					q.rate(s.QueueRetries, "").named("retries"),
					q.rate(s.QueueExpired, "").named("given up"),
				},
			},
		}},
		{"Fate of messages", []panel{
			{
				title: "Messages, by what became of them", runbook: "MailBounces",
				says: "What left the pipeline, and what it became: delivered to a mailbox or another server, bounced, or discarded by a rule. A message to two destinations is delivered twice. Bounces: a remote server refuses ours, or a list is old.",
				queries: []query{
					q.rate(s.MailProcessed, "").named("processed"),
					q.rate(s.MailDelivered, "").named("delivered"),
					q.rate(s.MailBounced, "").named("bounced"),
					q.rate(s.MailDropped, "").named("dropped"),
				},
			},
			{title: "From accepted to final fate, 95 %, by outcome", runbook: "MailDeliveryTimeBudgetBurn", queries: []query{q.p95(s.DeliveryTotal, "outcome")}, steps: anyAbove(30)},
			{
				title: "Delivered within 30 s and 5 min", runbook: "MailDeliveryTimeBudgetBurn",
				says: "The share of messages that were delivered within 30 s and 5 min of being accepted. Below 95 % within 30 s (the line), mail is late.",
				unit: units.PercentUnit,
				queries: []query{
					q.within(30, s.DeliveryTotal, "$__rate_interval", `outcome="delivered"`).named("30 s"),
					q.within(300, s.DeliveryTotal, "$__rate_interval", `outcome="delivered"`).named("5 min"),
				},
				steps: below(0.95, 0.9),
			},
			{
				title: "Since mail last went through, by direction", runbook: "MailQueueStuck",
				queries: []query{q.since(s.LastSuccessTime, "direction")},
			},
			{title: "Round trip of our own mail", runbook: "MailHealthCheckDown", queries: q.quantiles(s.RoundTrip), steps: anyAbove(30)},
			latency(q),
			{title: "Duration of the pipeline's stages, 95 %", queries: []query{q.p95(s.StageDuration, "stage")}},
		}},
		{"Attempts to deliver", []panel{
			attemptsByOutcome(q),
			{title: "Deferred and failed, by reason", queries: []query{q.rate(s.DeliveryAttempts, "outcome, reason", `outcome=~"deferred|failed"`)}},
			{title: "Attempts, by transport", queries: []query{q.rate(s.DeliveryAttempts, "transport")}},
			{title: "Duration of attempts, 95 %, by outcome", queries: []query{q.p95(s.DeliveryDuration, "outcome")}},
			{title: "Duration of the phases, 95 %", queries: []query{q.p95(s.DeliveryPhase, "phase")}},
			{title: "Put off by a limit, by reason", queries: []query{q.rate(s.DeliveryThrottled, "reason")}},
		}},
		{"Other servers", []panel{
			{title: "Connections to other servers open", queries: []query{q.sum(s.OutboundConnections, "").named("open")}},
			{title: "Connections that could not be made, by kind", queries: []query{q.rate(s.OutboundFailures, "kind")}},
			{title: "DNS lookups, by result", unit: units.CountsPerSecond, queries: []query{q.recorded(s.DNSDuration, "result")}},
			{title: "Duration of DNS lookups, 95 %, by type", queries: []query{q.p95(s.DNSDuration, "type")}},
			{title: "TLS asked for and what came of it", runbook: "MailOutboundTLSFailures", queries: []query{q.rate(s.OutboundTLSTotal, "policy, result")}},
		}},
	}
}
