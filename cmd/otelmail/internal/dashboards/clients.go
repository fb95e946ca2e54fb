package dashboards

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/units"

	s "github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

func clients(q queries) []row {
	const notSMTP = `protocol!="smtp"`
	rows := []row{{"Users", []panel{
		{title: "Connections open", queries: []query{q.sum(s.ActiveConnections, "protocol", notSMTP)}},
		{title: "Logins, by protocol and result", queries: []query{q.rate(s.AuthAttempts, "protocol, result", notSMTP)}},
		{title: "Time that a login takes, 95 %", queries: []query{
			q.p95(s.CommandDuration, "protocol, command", `command=~"LOGIN|AUTHENTICATE|PASS"`),
		}},
	}}}
	of := func(protocol string) []panel {
		name, only := strings.ToUpper(protocol), `protocol="`+protocol+`"`
		return []panel{
			{title: name + " replies, by class", queries: []query{q.rate(s.Replies, "class", only)}},
			{title: name + " commands, by name", unit: units.CountsPerSecond, queries: []query{q.recorded(s.CommandDuration, "command", only)}},
			{title: "Duration of " + name + " commands, 95 %", queries: []query{q.p95(s.CommandDuration, "command", only)}},
		}
	}
	return append(rows,
		row{"IMAP", append([]panel{
			{title: "IMAP connections accepted", queries: []query{q.rate(s.IMAPConnections, "").named("connections")}},
			{title: "IMAP commands that ended", queries: []query{q.rate(s.IMAPCommands, "").named("commands")}},
			{title: "IMAP errors", queries: []query{q.rate(s.IMAPErrors, "").named("errors")}},
		}, of("imap")...)},
		row{"JMAP", append([]panel{
			{title: "JMAP requests", queries: []query{q.rate(s.JMAPRequests, "").named("requests")}},
			{title: "JMAP errors", queries: []query{q.rate(s.JMAPErrors, "").named("errors")}},
			{
				title: "Web Push notifications",
				says:  "Notifications that woke a client, and those given up: a push service is away or refuses us, or subscriptions have expired.",
				queries: []query{
					q.rate(s.PushDeliveries, "").named("delivered"),
					q.rate(s.PushFailures, "").named("given up"),
				},
			},
		}, of("jmap")...)},
		row{"POP3", of("pop3")},
	)
}
