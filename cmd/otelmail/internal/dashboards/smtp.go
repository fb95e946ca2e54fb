package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	s "github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

func smtp(q queries) []row {
	const onlySMTP = `protocol="smtp"`
	return []row{
		{"Connections", []panel{
			{
				title: "Connections, accepted and turned away",
				says:  "Connections accepted (SMTP, LMTP and submission), and those turned away: blocked, because of their address; overload, because of the limit. More connections without more messages: scanners, a loop of failing clients, or password guessing.",
				queries: []query{
					q.rate(s.SMTPConnections, "").named("accepted"),
					q.rate(s.SMTPBlocked, "").named("blocked"),
					q.rate(s.SMTPOverload, "").named("overload"),
				},
			},
			{title: "Connections open", queries: []query{q.sum(s.ActiveConnections, "protocol", onlySMTP)}},
			{title: "Duration of sessions", queries: q.quantiles(s.SMTPDuration)},
			{title: "Sessions that broke, by stage", queries: []query{q.rate(s.ConnectionsLost, "stage")}},
			{title: "Sessions, by TLS", queries: []query{q.rate(s.TLSSessions, "tls")}},
			{
				title: "Logins of AUTH",
				says:  "AUTH commands. Failures alone rise: password guessing, or a client with an old password. Successes fall to zero at the same time: the user database is away.",
				queries: []query{
					q.rate(s.SMTPAuthSuccess, "").named("success"),
					q.rate(s.SMTPAuthFailure, "").named("failure"),
				},
			},
		}},
		{"Messages", []panel{
			{
				title: "Messages", runbook: "MailNoneReceived",
				says: "Messages accepted after DATA or BDAT, refused at or after it, and handed to other servers. Received falls to zero while connections go on: everything is refused. A rise of sent that no user explains: a stolen password or an open relay.",
				queries: []query{
					q.rate(s.SMTPReceived, "").named("received"),
					q.rate(s.SMTPRejected, "").named("rejected"),
					q.rate(s.SMTPSent, "").named("sent"),
				},
			},
			{title: "Size of messages, 95 %, by direction", queries: []query{q.p95(s.MessageSize, "direction")}},
			{
				title: "Bytes of messages, by direction",
				says:  "How many bytes of accepted messages come in each second. Disks and queues fill at this rate.",
				unit:  units.BytesPerSecondIEC, queries: []query{q.total(s.MessageSize, "direction")},
			},
			{title: "Recipients of a message, 95 %, by direction", queries: []query{q.p95(s.MessageRecipients, "direction")}},
			{title: "Messages of the ten busiest domains", queries: []query{top(10, q.rate(s.MessagesPerDomain, "domain"))}},
			{title: "Errors", queries: []query{q.rate(s.SMTPErrors, "").named("errors")}},
		}},
		{"Refusals", []panel{
			{title: "Our fault, by reason", runbook: "MailRejectedByUs", queries: []query{q.rate(s.Rejections, "reason", `fault="ours"`)}},
			{title: "Their fault, by reason", queries: []query{q.rate(s.Rejections, "reason", `fault="theirs"`)}},
			{title: "By stage and class", queries: []query{q.rate(s.Rejections, "stage, class")}},
			{title: "By role of the listener", queries: []query{q.rate(s.Rejections, "role")}},
		}},
		{"Commands", []panel{
			{title: "Replies, by class", queries: []query{q.rate(s.Replies, "class", onlySMTP)}},
			{title: "Replies that refuse, by command", queries: []query{q.rate(s.Replies, "command", onlySMTP, `class=~"4xx|5xx"`)}},
			{title: "Duration, 95 %, by command", queries: []query{q.p95(s.CommandDuration, "command", onlySMTP)}},
		}},
	}
}
