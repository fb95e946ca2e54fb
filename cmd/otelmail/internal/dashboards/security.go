package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	s "github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

func security(q queries) []row {
	return []row{
		{"Accounts", []panel{
			{title: "Logins, by result", runbook: "MailPasswordGuessingSpread", queries: []query{q.rate(s.AuthAttempts, "result")}},
			{title: "Failed logins, by protocol and mechanism", runbook: "MailPasswordGuessingSpread", queries: []query{q.rate(s.AuthAttempts, "protocol, mechanism", `result="failure"`)}},
			{
				title: "AUTH over SMTP",
				says:  "AUTH commands of SMTP. Failures alone: password guessing. Successes fall to zero at the same time: the user database is away.",
				queries: []query{
					q.rate(s.SMTPAuthSuccess, "").named("success"),
					q.rate(s.SMTPAuthFailure, "").named("failure"),
				},
			},
			{
				kind: list, title: "Busiest senders of the last hour", runbook: "MailSenderUnusual", unit: units.Short,
				queries: []query{top(20, q.increase(s.MessagesPerSender, "1h", "user_hash"))},
			},
			{kind: list, title: "Senders by number of networks", runbook: "MailSenderManyNetworks", queries: []query{top(20, q.most(s.SenderNetworks, "user_hash"))}},
		}},
		{"Abuse", []panel{
			{title: "Limits that took hold", queries: []query{q.rate(s.RateLimits, "limiter, action")}},
			{title: "Connections from blocked addresses", queries: []query{q.rate(s.SMTPBlocked, "").named("blocked")}},
			{title: "Refusals, their fault, by reason", queries: []query{q.rate(s.Rejections, "reason", `fault="theirs"`)}},
			{title: "Spam filter, by action", queries: []query{q.rate(s.SpamVerdicts, "action")}},
			{title: "Message authentication", queries: []query{q.rate(s.AuthenticationResults, "method, result", `result!="none"`)}},
			{title: "Panics, by component", runbook: "MailPanics", queries: []query{q.rate(s.Panics, "component")}},
		}},
		{"TLS", []panel{
			{title: "Handshakes, by direction and version", queries: []query{q.rate(s.TLSHandshakes, "direction, version")}},
			{title: "Handshakes that failed, by reason", queries: []query{q.rate(s.TLSHandshakeFailures, "direction, reason")}},
			{title: "Messages sent in plaintext after TLS had failed", runbook: "MailPlaintextFallback", queries: []query{q.rate(s.PlaintextFallback, "").named("plaintext")}, steps: anyAbove(0.01)},
			{title: "TLS to other servers", runbook: "MailOutboundTLSFailures", queries: []query{q.rate(s.OutboundTLSTotal, "policy, result")}},
			{title: "Sessions with other servers, as in TLS reports", queries: []query{q.rate(s.TlsrptSessions, "type")}},
			{title: "Sessions of clients, by TLS", queries: []query{q.rate(s.TLSSessions, "tls")}},
			certificates(q),
			{title: "ACME errors, by kind", runbook: "MailCertificateExpiring", queries: []query{q.rate(s.ACMEErrors, "kind")}},
		}},
		{"Reputation", []panel{
			{title: "Own addresses listed, by block list", runbook: "MailAddressListed", queries: []query{q.most(s.DNSBLListed, "zone")}, steps: anyAbove(1)},
			{title: "Lookups in block lists, by result", unit: units.CountsPerSecond, queries: []query{q.recorded(s.DNSBLLookup, "zone, result")}},
			{title: "Duration of lookups in block lists, 95 %", queries: []query{q.p95(s.DNSBLLookup, "zone")}},
		}},
	}
}
