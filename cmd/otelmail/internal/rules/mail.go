package rules

import "github.com/rusmes/otelmail/cmd/otelmail/internal/series"

// mail is whether mail flows.
func (q query) mail() []rule {
	const instance = "job, instance"
	size := q.scope.Select(series.QueueSize)
	ready := `state="ready"`
	received := q.increase(series.SMTPReceived, "1h", "job")
	attempts := func(outcome string) string {
		return q.increase(series.DeliveryAttempts, "30m", "job, transport", `outcome="`+outcome+`"`)
	}
	lastWeek := "sum by (job) (increase(" + q.scope.Select(series.SMTPReceived) + "[1h] offset 1w))"
	return []rule{
		alert("MailNoneReceived", page, "5m",
			lines(received+" == 0", "and "+lastWeek+" >= 10"),
			"No mail has come in for an hour at {{ $labels.job }}",
			"No message was accepted within the last hour; in the same hour of the last week there were ten or more."),
		// The slope is what lets it end while a wave is being worked off.
		alert("MailQueueGrowing", ticket, "15m",
			lines(size+" > 100", "and "+size+" > 2 * ("+size+" offset 1h)", "and deriv("+size+"[15m]) > 0"),
			"The queue grows at {{ $labels.instance }}",
			"{{ $value | humanize }} messages are in the queue: more than twice as many as an hour ago, and still more come in than go out."),
		alert("MailQueueStuck", page, "5m",
			lines("min_over_time("+q.scope.Select(series.QueueMessages, ready)+"[15m]) > 0",
				"unless on ("+instance+") "+q.increase(series.DeliveryAttempts, "15m", instance)+" > 0"),
			"The queue stands still at {{ $labels.instance }}",
			"{{ $value | humanize }} messages or more are due, and no attempt to deliver has ended for a quarter of an hour."),
		// An old message that is tried again is ready for a moment. For half an hour without a
		// break there is one only where the workers do not keep up.
		alert("MailQueueOld", ticket, "30m",
			q.scope.Select(series.QueueOldest, ready)+" > 3600",
			"Old mail waits for a worker at {{ $labels.instance }}",
			"For half an hour there has always been a message that is due and was accepted more than an hour ago, now {{ $value | humanizeDuration }} ago."),
		// By transport: what is delivered to mailboxes here says nothing of other servers.
		alert("MailRetryStorm", ticket, "15m",
			lines(attempts("deferred")+" > 100", "unless "+attempts("deferred")+" <= 5 * "+attempts("delivered")),
			"Deliveries over {{ $labels.transport }} are tried over and over at {{ $labels.job }}",
			"{{ $value | humanize }} attempts of the last half hour were put off, to be made again: more than five for each that succeeded."),
		alert("MailBounces", ticket, "",
			lines(q.increase(series.MailBounced, "1h", "job")+" > 20",
				"and "+q.increase(series.MailBounced, "1h", "job")+" > 0.1 * "+q.increase(series.MailDelivered, "1h", "job")),
			"Much mail bounces at {{ $labels.job }}",
			"{{ $value | humanize }} bounces were generated within the last hour: more than one for each ten deliveries."),
		alert("MailRejectedByUs", ticket, "",
			q.increase(series.Rejections, "1h", instance+", reason", `fault="ours"`)+" > 10",
			"Mail is refused by our own fault at {{ $labels.instance }}",
			"{{ $value | humanize }} refusals of the last hour were our own fault; the reason is {{ $labels.reason }}."),
	}
}
