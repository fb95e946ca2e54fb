package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	s "github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

const (
	hour = 60 * 60
	day  = 24 * hour
)

func overview(q queries) []row {
	return []row{
		{"Does mail flow, is it late, who refuses it", flows(q)},
		{"Is anything about to stop it", stops(q)},
		{"Mail", []panel{
			messagesByProtocol(q),
			{
				title: "Refusals, by whose fault", runbook: "MailRejectedByUs",
				queries: []query{q.rate(s.Rejections, "fault")},
			},
			{
				title: "From accepted to final fate", runbook: "MailDeliveryTimeBudgetBurn",
				says:    "How long messages took from being accepted into the queue to the mailbox. The line is at 30 s, within which 95 % should be there. Points are exemplars: they lead to traces.",
				queries: q.quantiles(s.DeliveryTotal, `outcome="delivered"`),
				steps:   anyAbove(30),
			},
		}},
		{"Queue and delivery", []panel{
			queueByState(q), oldestByState(q), attemptsByOutcome(q),
		}},
		{"Clients", []panel{
			connections(q),
			{
				title: "Logins, by result", runbook: "MailLoginBudgetBurn",
				queries: []query{q.rate(s.AuthAttempts, "result")},
			},
			errorsByProtocol(q),
		}},
		{"Disk and certificates", []panel{diskFree(q), inodesFree(q), certificates(q)}},
		{"Work and process", []panel{latency(q), memory(q), processor(q)}},
	}
}

// flows is the first line: what to look at before all else.
func flows(q queries) []panel {
	return []panel{
		{
			kind: single, title: "Last mail came in", runbook: "MailNoneReceived", empty: "none yet",
			says:    "How long ago mail last came in. Longer than the hour of the day explains: the listener, DNS, or a provider that blocks us.",
			queries: []query{q.since(s.LastSuccessTime, "", `direction="in"`)}, steps: above(hour, 6*hour),
		},
		{
			kind: single, title: "Last mail went out", empty: "none yet",
			says:    "How long ago another server last took our mail. Longer than the hour of the day explains: see the attempts to deliver and their reasons.",
			queries: []query{q.since(s.LastSuccessTime, "", `direction="out"`)}, steps: above(hour, 6*hour),
		},
		{
			kind: single, title: "Last mail in a mailbox", empty: "none yet",
			says:    "How long ago mail last reached a mailbox here. Longer than for mail that came in: the queue or the store stands still.",
			queries: []query{q.since(s.LastSuccessTime, "", `direction="local"`)}, steps: above(hour, 6*hour),
		},
		{
			kind: single, title: "Delivered within 30 s", runbook: "MailDeliveryTimeBudgetBurn", empty: "no mail",
			says: "The share of the last hour's messages that were delivered within 30 s of being accepted. Below 95 %, mail is late.",
			unit: units.PercentUnit, queries: []query{q.within(30, s.DeliveryTotal, "1h", `outcome="delivered"`)}, steps: below(0.95, 0.9),
		},
		{
			kind: single, title: "Oldest in the queue", runbook: "MailQueueOld",
			queries: []query{q.most(s.QueueOldest, "")}, steps: above(hour, day),
		},
		{
			kind: single, title: "In the queue", runbook: "MailQueueGrowing",
			queries: []query{q.sum(s.QueueSize, "")}, steps: above(1000, 10000),
		},
		{
			kind: single, title: "Refused, our fault", runbook: "MailRejectedByUs", empty: "none",
			says: "Refusals within the last hour of what should have come in: see the reasons in the dashboard of SMTP, and the health checks.",
			unit: units.Short, queries: []query{q.increase(s.Rejections, "1h", "", `fault="ours"`)}, steps: above(1, 10),
		},
		{
			kind: single, title: "Refused, their fault", empty: "none",
			says: "Refusals within the last hour that the clients brought on themselves: spam, dictionary attacks, a broken client.",
			unit: units.Short, queries: []query{q.increase(s.Rejections, "1h", "", `fault="theirs"`)}, steps: fine(),
		},
	}
}

// stops is the second line.
func stops(q queries) []panel {
	return []panel{
		{
			kind: single, title: "Health checks that fail", runbook: "MailHealthCheckDown", empty: "no checks",
			queries: []query{q.at0(s.HealthStatus)}, steps: anyAbove(1),
		},
		{
			kind: single, title: "Servers not scraped", runbook: "MailTargetDown", empty: "not scraped",
			says: "Servers whose /metrics did not answer, in part or in whole. Where telemetry is pushed only, there is nothing to scrape.",
			unit: units.Short, queries: []query{{expr: "sum(up{" + matchers + "} == bool 0)"}}, steps: anyAbove(1),
		},
		{
			kind: single, title: "Logins that failed by us", runbook: "MailLoginBudgetBurn", empty: "none",
			says: "Attempts to log in within the last hour that ended in an error of ours: the user database is away, and nobody gets in.",
			unit: units.Short, queries: []query{q.increase(s.AuthAttempts, "1h", "", `result="error"`)}, steps: anyAbove(1),
		},
		{
			kind: single, title: "First certificate expires in", runbook: "MailCertificateExpiring", empty: "none watched",
			queries: []query{q.until(s.CertificateNotAfter, "")}, steps: below(14*day, 7*day),
		},
		{
			kind: single, title: "Least free disk", runbook: "MailDiskFilling", empty: "none watched",
			queries: []query{q.least(s.DiskFree, "")}, steps: below(0.2, 0.1),
		},
		{
			kind: single, title: "Listed in block lists", runbook: "MailAddressListed", empty: "none watched",
			queries: []query{sumOf(q.most(s.DNSBLListed, "zone"))}, steps: anyAbove(1),
		},
		{
			kind: single, title: "Panics in an hour", runbook: "MailPanics",
			unit: units.Short, queries: []query{q.increase(s.Panics, "1h", "")}, steps: anyAbove(1),
		},
		{
			kind: single, title: "Telemetry dropped in an hour", runbook: "MailTelemetryDropped",
			unit: units.Short, queries: []query{q.increase(s.SelfDropped, "1h", "")}, steps: anyAbove(1),
		},
	}
}
