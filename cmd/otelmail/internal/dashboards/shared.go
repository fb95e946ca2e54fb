package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	s "github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

// The panels that more than one dashboard has.

func messagesByProtocol(q queries) panel {
	return panel{
		title: "Messages, by protocol", runbook: "MailNoneReceived",
		says: "What came in over SMTP and went out over it, and what users put in or took over IMAP, JMAP and POP3. A protocol that falls to nothing while its connections go on refuses everything.",
		unit: units.MessagesPerSecond,
		queries: []query{
			q.rate(s.SMTPReceived, "").named("SMTP, received"),
			q.rate(s.SMTPSent, "").named("SMTP, sent"),
			q.rate(s.Replies, "", `protocol="imap"`, `command=~"FETCH|APPEND"`, `class="ok"`).named("IMAP, fetched or appended"),
			q.rate(s.Replies, "", `protocol="jmap"`, `command=~"Email/get|EmailSubmission/set"`, `class="ok"`).named("JMAP, got or submitted"),
			q.rate(s.Replies, "", `protocol="pop3"`, `command="RETR"`, `class="ok"`).named("POP3, retrieved"),
		},
	}
}

func connections(q queries) panel {
	return panel{title: "Connections open, by protocol", queries: []query{q.sum(s.ActiveConnections, "protocol")}}
}

func errorsByProtocol(q queries) panel {
	return panel{
		title: "Errors, by protocol",
		says:  "Commands that were refused or failed, and sessions that broke. Some come with every day's spam; a rise with a steady rate of connections means that something refuses. POP3 by its replies.",
		queries: []query{
			q.rate(s.SMTPErrors, "").named("SMTP"),
			q.rate(s.IMAPErrors, "").named("IMAP"),
			q.rate(s.JMAPErrors, "").named("JMAP"),
			q.rate(s.Replies, "", `protocol="pop3"`, `class=~"error|none"`).named("POP3"),
		},
	}
}

func queueByState(q queries) panel {
	return panel{title: "Messages in the queue, by state", runbook: "MailQueueGrowing", queries: []query{q.sum(s.QueueMessages, "state")}}
}

func oldestByState(q queries) panel {
	return panel{title: "Age of the oldest message, by state", runbook: "MailQueueOld", queries: []query{q.most(s.QueueOldest, "state")}, steps: above(hour, day)}
}

func attemptsByOutcome(q queries) panel {
	return panel{title: "Attempts to deliver, by outcome", runbook: "MailRetryStorm", queries: []query{q.rate(s.DeliveryAttempts, "outcome")}}
}

func latency(q queries) panel {
	return panel{title: "Latency of the pipeline", queries: q.quantiles(s.MailLatency)}
}

func diskFree(q queries) panel {
	return panel{title: "Free disk, by path", runbook: "MailDiskFilling", queries: []query{q.least(s.DiskFree, "path")}, steps: below(0.2, 0.1)}
}

func inodesFree(q queries) panel {
	return panel{title: "Free inodes, by path", runbook: "MailInodesLow", queries: []query{q.least(s.InodesFree, "path")}, steps: below(0.2, 0.1)}
}

func certificates(q queries) panel {
	return panel{
		title: "Certificates expire in, by listener", runbook: "MailCertificateExpiring", queries: []query{q.until(s.CertificateNotAfter, "listener")},
		steps: below(14*day, 7*day),
	}
}

func memory(q queries) panel {
	return panel{
		title: "Memory of the process", runbook: "MailMemoryHigh",
		says: "Resident memory of each server. A level that only grows, whatever the traffic, is a leak; see the goroutines in the dashboard of the telemetry.",
		unit: units.BytesIEC, queries: []query{q.foreign("sum by (instance)", "process_resident_memory_bytes", "")},
	}
}

func processor(q queries) panel {
	return panel{
		title: "CPU of the process",
		says:  "How many processors each server keeps busy: 1 is one whole processor. A rise without more mail or connections is a loop, or a filter that has become slow.",
		unit:  units.Short, queries: []query{q.foreign("sum by (instance)", "process_cpu_seconds_total", "rate")},
	}
}
