package rules

import "github.com/rusmes/otelmail/cmd/otelmail/internal/series"

// telemetry is whether what the other alerts are made of can be believed.
func (q query) telemetry() []rule {
	down := q.ours(q.target("up")+" == 0", "7d")
	build := q.scope.Select(series.BuildInfo)
	const instance = "job, instance, signal"
	return []rule{
		alert("MailTargetDown", page, "5m",
			lines(down, "or on () absent("+build+")"),
			`{{ or $labels.instance "Every mail server" }} is not seen`,
			"Scrapes fail, or there is no series of a mail server at all. Where it is down no mail flows; where only /metrics is, no other alert can tell."),
		alert("MailTelemetryDropped", ticket, "",
			q.increase(series.SelfDropped, "15m", instance)+" > 0",
			"Telemetry is lost at {{ $labels.instance }}",
			"{{ $value | humanize }} items of the {{ $labels.signal }} were given up within a quarter of an hour."),
		alert("MailTelemetryWaiting", ticket, "15m",
			lines(q.scope.Select(series.SelfWaiting)+" > 0 and "+"increase("+q.scope.Select(series.SelfSent)+"[15m]) == 0",
				"or "+q.scope.Select(series.SelfDeferred)+" > 0"),
			"Telemetry does not leave {{ $labels.instance }}",
			"{{ $value | humanize }} items of the {{ $labels.signal }} wait, and for half an hour the receiver has taken none, or has objected to some."),
		// Block lists are asked at an interval of the server's own.
		alert("MailGaugeStale", ticket, "5m",
			q.scope.Select(series.SourceAge, `source!="`+series.DNSBLListed.Name+`"`)+" > 900",
			"{{ $labels.source }} is out of date at {{ $labels.instance }}",
			"What is shown is {{ $value | humanizeDuration }} old, and alerts on it say nothing."),
		alert("MailWatchdog", none, "", "vector(1)",
			"The alerts are at work",
			"This always fires. Send it to something that raises the alarm when it no longer hears it, by a way that needs no mail."),
	}
}
