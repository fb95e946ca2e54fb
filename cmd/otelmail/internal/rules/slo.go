package rules

import (
	"strconv"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

// indicator is a service level indicator: the share of events that went wrong.
type indicator struct {
	name  string // in the names of its recordings
	alert string
	// ratio is that share within a window, by job; absent where there were no events.
	ratio func(window string) string
	// all is how many events there were, by job. The budget of a server with little mail would
	// else be spent by a single one. nil counts nothing.
	all func(window string) string
	// allowed is the share that may go wrong.
	allowed float64
	// fast is the severity of the alert that fires within minutes.
	fast                 string
	summary, description string
}

// 95 % of the mail is to be delivered within 30 s; ten to the first attempt leave twenty for
// the rest.
const (
	lateAllowed  = 0.05
	deliverySecs = "30"
	attemptSecs  = "10"
)

func (q query) indicators(slo float64) []indicator {
	budget := 1 - slo/100
	// What the parts of a sum tell apart are their labels, so that "or" puts them side by side:
	// a series that is not there yet is 0 where the other one is.
	sum := func(parts string) string { return "sum by (job) (" + parts + ")" }
	share := func(some, zero, all string) string {
		return lines(sum(lines(some, "or 0 * "+zero)), "/ ("+sum(all)+" > 0)")
	}
	within := func(m catalog.Metric, window, seconds string, matchers ...string) string {
		// Prometheus 3 calls the bucket 30.0, all others 30.
		return q.scope.Grown(m, q.scope.Bucket(m, append(matchers, `le=~"`+seconds+`|`+seconds+`[.]0"`)...), window)
	}

	refused := func(w string) string {
		return q.scope.Grown(series.Rejections, q.scope.Select(series.Rejections, `fault="ours"`), w)
	}
	accepted := func(w string) string {
		return q.scope.Grown(series.SMTPReceived, q.scope.Select(series.SMTPReceived), w)
	}
	offered := func(w string) string { return "(" + lines(refused(w), "or "+accepted(w)) + ")" }
	ended := func(w string) string {
		return q.scope.Grown(series.DeliveryTotal, q.scope.Count(series.DeliveryTotal, `outcome=~"delivered|expired"`), w)
	}
	attempted := func(w string) string {
		return q.scope.Grown(series.SchedulerLag, q.scope.Count(series.SchedulerLag), w)
	}
	unanswered := func(w string) string {
		return q.scope.Grown(series.AuthAttempts, q.scope.Select(series.AuthAttempts, `result="error"`), w)
	}
	logins := func(w string) string {
		return q.scope.Grown(series.AuthAttempts, q.scope.Select(series.AuthAttempts, `result!="aborted"`), w)
	}
	dropped := func(w string) string { return q.scope.Grown(series.SelfDropped, q.scope.Select(series.SelfDropped), w) }
	sent := func(w string) string { return q.scope.Grown(series.SelfSent, q.scope.Select(series.SelfSent), w) }
	sentOrDropped := func(w string) string { return sum(dropped(w)) + " + " + sum(sent(w)) }
	total := func(of func(string) string) func(string) string {
		return func(w string) string { return sum(of(w)) }
	}

	const of = "{{ $value | humanizePercentage }} of the "
	objective := ": more than an objective of " + number(slo) + " % stands."
	return []indicator{{
		name: "acceptance", alert: "MailAcceptanceBudgetBurn", allowed: budget, fast: page,
		ratio:       func(w string) string { return share(refused(w), accepted(w), offered(w)) },
		all:         total(offered),
		summary:     "Mail is refused by our own fault at {{ $labels.job }}",
		description: of + "mail that should have come in was refused by our own fault" + objective,
	}, {
		name: "delivery_time", alert: "MailDeliveryTimeBudgetBurn", allowed: lateAllowed, fast: page,
		ratio: func(w string) string {
			return "1 - " + share(within(series.DeliveryTotal, w, deliverySecs, `outcome="delivered"`), ended(w), ended(w))
		},
		all:         total(ended),
		summary:     "Mail is late at {{ $labels.job }}",
		description: of + "mail took more than " + deliverySecs + " s from being accepted to being delivered, or was given up; 5 % may.",
	}, {
		name: "first_attempt", alert: "MailFirstAttemptBudgetBurn", allowed: lateAllowed, fast: page,
		ratio: func(w string) string {
			return "1 - " + share(within(series.SchedulerLag, w, attemptSecs), attempted(w), attempted(w))
		},
		all:         total(attempted),
		summary:     "Mail waits for us at {{ $labels.job }}",
		description: of + "attempts to deliver began more than " + attemptSecs + " s after they were due; 5 % may.",
	}, {
		name: "login", alert: "MailLoginBudgetBurn", allowed: budget, fast: page,
		ratio:       func(w string) string { return share(unanswered(w), logins(w), logins(w)) },
		all:         total(logins),
		summary:     "Logins cannot be answered at {{ $labels.job }}",
		description: of + "logins ended in an error of ours, whatever the password" + objective,
	}, {
		name: "scrape", alert: "MailScrapeBudgetBurn", allowed: budget, fast: ticket,
		ratio: func(w string) string {
			return "1 - avg by (job) (" + q.ours("avg_over_time("+q.target("up")+"["+w+"])", "7d") + ")"
		},
		summary:     "Scrapes fail at {{ $labels.job }}",
		description: of + "scrapes failed: the numbers, and the alerts made of them, have holes.",
	}, {
		name: "push", alert: "MailPushBudgetBurn", allowed: budget, fast: ticket,
		ratio:       func(w string) string { return lines(sum(dropped(w)), "/ ("+sentOrDropped(w)+" > 0)") },
		all:         func(w string) string { return "(" + sentOrDropped(w) + ")" },
		summary:     "Telemetry is lost at {{ $labels.job }}",
		description: of + "spans, log records and metric points were dropped instead of sent.",
	}}
}

// The pairs of windows of the SRE workbook, chapter 5: the long one says that it matters, the
// short one that it still goes on.
type burn struct {
	rate        float64 // so many times what the objective allows
	long, short string
}

var (
	fastBurns = []burn{{14.4, "1h", "5m"}, {6, "6h", "30m"}}
	slowBurns = []burn{{3, "1d", "2h"}, {1, "3d", "6h"}}
)

// serviceLevels are the recordings over hours, those over days, and the alerts on them.
func (q query) serviceLevels(slo float64) (short, long, alerts []rule) {
	for _, i := range q.indicators(slo) {
		for _, w := range []string{"5m", "30m", "1h"} {
			short = append(short, rule{Record: q.recorded(i, w), Expr: i.ratio(w)})
		}
		for _, w := range []string{"2h", "6h", "1d", "3d"} {
			long = append(long, rule{Record: q.recorded(i, w), Expr: i.ratio(w)})
		}
		fast := alert(i.alert, i.fast, "", q.burning(i, fastBurns), i.summary, i.description)
		fast.Labels["burn"] = "fast"
		slow := alert(i.alert, ticket, "", q.burning(i, slowBurns), i.summary, i.description)
		slow.Labels["burn"] = "slow"
		alerts = append(alerts, fast, slow)
	}
	return short, long, alerts
}

func (q query) recorded(i indicator, window string) string {
	return "job:" + q.scope.Namespace + "_sli_" + i.name + "_errors:ratio" + window
}

func (q query) burning(i indicator, burns []burn) string {
	var parts string
	for n, b := range burns {
		if n > 0 {
			parts += "\nor\n"
		}
		limit := " > " + number(b.rate) + " * " + number(i.allowed)
		part := q.target(q.recorded(i, b.long)) + limit + "\nand " + q.target(q.recorded(i, b.short)) + limit
		if i.all != nil {
			part += "\nand " + q.target(q.recorded(i, b.long)) + " * " + i.all(b.long) + " > 4"
		}
		parts += "(" + part + ")"
	}
	return parts
}

// number is a number as people write it: 0.001 and not 0.0009999999999998899.
func number(v float64) string {
	short, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 10, 64), 64)
	return strconv.FormatFloat(short, 'f', -1, 64)
}
