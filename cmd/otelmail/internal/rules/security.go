package rules

import "github.com/rusmes/otelmail/cmd/otelmail/internal/series"

// security is TLS, guessed passwords, and accounts that somebody else uses.
func (q query) security() []rule {
	tls := func(by string, matchers ...string) string {
		return q.increase(series.OutboundTLSTotal, "1h", by, matchers...)
	}
	left := q.scope.Select(series.CertificateNotAfter) + " - time()"
	logins := func(result string) string {
		return q.increase(series.AuthAttempts, "15m", "job", `result="`+result+`"`)
	}
	// A sender who is shown anew takes the place of another and its count, so that the first
	// value is no number of messages: nothing of it is counted here.
	sent := func(window string) string {
		return "sum by (job, user_hash) (increase(" + q.scope.Select(series.MessagesPerSender, `user_hash!="_other"`) + window + "))"
	}
	return []rule{
		alert("MailOutboundTLSFailures", ticket, "",
			lines(tls("job, policy", `result="failed"`)+" > 10", "and "+tls("job, policy", `result="failed"`)+" > 0.1 * "+tls("job, policy")),
			"TLS with other servers fails at {{ $labels.job }}",
			"{{ $value | humanize }} attempts of the last hour were given up because TLS failed: more than a tenth of those with the policy {{ $labels.policy }}."),
		alert("MailPlaintextFallback", ticket, "",
			lines(q.increase(series.PlaintextFallback, "1h", "job")+" > 4",
				"and "+q.increase(series.PlaintextFallback, "1h", "job")+" > 0.05 * "+tls("job", `result=~"encrypted|plaintext"`)),
			"Mail leaves in plaintext because TLS failed at {{ $labels.job }}",
			"{{ $value | humanize }} messages of the last hour went in plaintext to servers whose TLS had failed: more than 5 % of all."),
		alert("MailCertificateExpiring", ticket, "1h", left+" < 14 * 86400",
			"The certificate of {{ $labels.listener }} expires soon at {{ $labels.instance }}",
			"It is valid for another {{ $value | humanizeDuration }}, and should have been renewed by now."),
		alert("MailCertificateExpiring", page, "5m", left+" < 2 * 86400",
			"The certificate of {{ $labels.listener }} is about to expire at {{ $labels.instance }}",
			"It is valid for another {{ $value | humanizeDuration }}. After that clients and other servers refuse the connection."),
		alert("MailPasswordGuessingOneAccount", ticket, "",
			q.increase(series.RateLimits, "15m", "job", `limiter="auth"`)+" > 20",
			"Somebody is held back from guessing a password at {{ $labels.job }}",
			"The limit of attempts to log in has made somebody wait or go {{ $value | humanize }} times within a quarter of an hour."),
		alert("MailPasswordGuessingSpread", ticket, "",
			lines(logins("failure")+" > 100", "unless "+logins("failure")+" <= 5 * "+logins("success")),
			"Passwords are guessed at {{ $labels.job }}",
			"{{ $value | humanize }} logins failed within a quarter of an hour: more than five for each that succeeded."),
		alert("MailSenderManyNetworks", page, "",
			q.scope.Select(series.SenderNetworks)+" > 10",
			"One account sends from {{ $value }} networks at {{ $labels.instance }}",
			"Messages of the user with the hash {{ $labels.user_hash }} came from {{ $value }} networks within an hour. Nobody is in so many places: the password is stolen."),
		// A mailing that goes out at the same time each week is usual. What is usual nobody knows
		// before a day has passed.
		alert("MailSenderUnusual", page, "",
			lines(sent("[1h]")+" > 100", "and "+sent("[1h]")+" > 8 * "+sent("[1d]")+" / 24", "unless "+sent("[3h] offset 167h")+" > 100",
				"and on (job) "+q.scope.Select(series.BuildInfo)+" offset 1d"),
			"One account sends far more than it does at {{ $labels.job }}",
			"The user with the hash {{ $labels.user_hash }} has sent {{ $value | humanize }} messages within an hour: more than eight times the hourly average of the day, and there was nothing like it at this time a week ago."),
		alert("MailAddressListed", ticket, "10m",
			q.scope.Select(series.DNSBLListed)+" > 0",
			"{{ $labels.zone }} lists {{ $value }} of our addresses",
			"Others refuse our mail or call it spam, as {{ $labels.instance }} sees it."),
	}
}
