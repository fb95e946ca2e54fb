package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	s "github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

func telemetry(q queries) []row {
	return []row{
		{"Health", []panel{
			{
				title: "Health checks", runbook: "MailHealthCheckDown", says: "1 while the check is healthy, 0 while it is not or has not run yet; of several servers, the worst. A 0 is what /health answers 503 for; its body says which check and in what state.",
				queries: []query{q.least(s.HealthStatus, "check")},
			},
			{title: "Changes of health checks", runbook: "MailHealthCheckFlapping", unit: units.Short, queries: []query{q.increase(s.HealthChanges, "1h", "check")}},
			{title: "Panics, by component", runbook: "MailPanics", queries: []query{q.rate(s.Panics, "component")}},
			{title: "Log records, by level", queries: []query{q.rate(s.LogRecords, "level")}},
			{kind: list, title: "Versions", queries: []query{q.sum(s.BuildInfo, "instance, version, goversion, otelmail")}},
		}},
		{"Push over OTLP", []panel{
			{
				title: "Sent, by signal", runbook: "MailPushBudgetBurn",
				says: "Spans, log records and metric points that the receiver has taken over OTLP. With WithKeep also what was decided about spans when their work was done, and about how many traces before that.",
				queries: []query{
					q.rate(s.SelfSent, "signal"),
					q.rate(s.SelfDecided, "decision").named("spans kept by: {{decision}}"),
					q.rate(s.SelfEarly, "reason").named("traces decided early: {{reason}}"),
				},
			},
			{title: "Waiting to be sent, by signal", runbook: "MailTelemetryWaiting", queries: []query{q.sum(s.SelfWaiting, "signal")}},
			{title: "Given up, by signal", runbook: "MailTelemetryDropped", queries: []query{q.rate(s.SelfDropped, "signal")}, steps: anyAbove(0.01)},
			{title: "Set aside, by signal", queries: []query{q.sum(s.SelfDeferred, "signal")}},
		}},
		{"Scrape", []panel{
			{
				title: "Servers that answer", runbook: "MailTargetDown",
				says:    "1 while Prometheus can scrape the server, 0 while it cannot. Where telemetry is pushed only, there is nothing to scrape.",
				unit:    units.Short,
				queries: []query{q.foreign("min by (instance)", "up", "")},
			},
			{
				title: "Duration of a scrape", runbook: "MailScrapeBudgetBurn",
				says:    "How long Prometheus waited for /metrics. It should stay well below the scrape's time-out.",
				unit:    units.Seconds,
				queries: []query{q.foreign("max by (instance)", "scrape_duration_seconds", "")},
			},
			{
				title:   "Size of a scrape",
				says:    "How many samples a page of /metrics has. It grows with domains and senders up to their limits, and with series of the application's own.",
				unit:    units.Short,
				queries: []query{q.foreign("max by (instance)", "scrape_samples_scraped", "")},
			},
			{title: "What kept a scrape from being whole", runbook: "MailScrapeBudgetBurn", queries: []query{q.rate(s.ScrapeErrors, "reason")}},
			{title: "Requests that the server of /metrics refused", queries: []query{q.rate(s.ServerProblems, "reason")}},
			{title: "Age of what gauges show", runbook: "MailGaugeStale", queries: []query{q.most(s.SourceAge, "source")}},
		}},
		{"What could not be recorded as it was", []panel{
			{
				title: "Values refused, by reason",
				says:  "Values and callbacks of the application's own instruments that were refused, and waits that were negative by the clock and are shown as 0. The application computes NaN, counts backwards, or has a callback that fails; or a clock was set back, here or on the machine that put the mail into the queue.",
				queries: []query{
					q.rate(s.SelfRefused, "reason"),
					q.rate(s.SelfNegative, "wait").named("negative wait: {{wait}}"),
				},
			},
			{title: "Texts cleaned, by reason", queries: []query{q.rate(s.SelfCleaned, "reason")}},
			{title: "Sessions that could not be followed", queries: []query{q.rate(s.SelfUnfollowed, "protocol")}},
			{title: "Records not in the local log", queries: []query{q.rate(s.SelfUnlogged, "reason")}},
		}},
		{"Process", []panel{
			memory(q),
			processor(q),
			{
				title: "File descriptors", runbook: "MailDescriptorsLow",
				says: "Descriptors that each server has open, as a share of what it may open. At 1 it accepts no connection and opens no file.",
				unit: units.PercentUnit,
				queries: []query{{
					expr:   "max by (instance) (process_open_fds{" + matchers + "} / process_max_fds{" + matchers + "})",
					legend: "{{instance}}",
				}},
				steps: above(0.7, 0.9),
			},
			{
				title:   "Goroutines",
				says:    "Goroutines of each server, a few for each connection. A level that only grows, whatever the traffic, is a leak.",
				unit:    units.Short,
				queries: []query{q.foreign("sum by (instance)", "go_goroutines", "")},
			},
			{
				title:   "Time in garbage collection",
				says:    "The share of time for which each server stood still for the garbage collector. Above some hundredths there is too little memory.",
				unit:    units.PercentUnit,
				queries: []query{q.foreign("sum by (instance)", "go_gc_duration_seconds_sum", "rate")},
			},
		}},
	}
}
