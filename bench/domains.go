package main

import (
	"context"
	"fmt"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// domainDuels count a message whose domain is only known when it comes.
func domainDuels(ctx context.Context) ([]duel, error) {
	tel, err := startUntraced()
	if err != nil {
		return nil, err
	}
	vec := prom.NewCounterVec(prom.CounterOpts{Name: "messages_per_domain_total"}, []string{"domain"})
	data := func(tel *otelmail.Telemetry) otelmail.SMTPCommand {
		return tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{}).Command(mailconv.SMTPData)
	}
	moves, err := movedBy(ctx, func(tel *otelmail.Telemetry) func() {
		d := data(tel)
		return func() { d.EndMessage(accepted, recipient) }
	})
	if err != nil {
		return nil, err
	}
	moves.counters-- // the domain
	rest := moves.promSet()
	ours := func(n int) {
		d := data(tel)
		for range n {
			d.EndMessage(accepted, recipient)
		}
	}
	theirs := func(n int) {
		begun := time.Now()
		for range n {
			rest.record(begun)
			vec.WithLabelValues(recipientDomain).Inc()
		}
	}
	clock := readClock(len(moves.durations))
	return []duel{
		{row: Row{ID: "domain", What: "an unknown label value (domain)", Against: "client_golang WithLabelValues", Goal: Goal{Ratio: 1.0},
			Note: fmt.Sprintf("`SMTPCommand.EndMessage`: its recipient's domain found from the address, and %v beside; theirs does the same and is handed the domain. The time of the %d readings of the clock is taken off both sides.", moves, len(moves.durations))},
			ours: ours, theirs: theirs, common: clock},
		{row: Row{ID: "domain-cores", What: "an unknown label value (domain), all cores busy", Against: "client_golang WithLabelValues"},
			ours: ours, theirs: theirs, common: clock, allCores: true},
	}, nil
}
