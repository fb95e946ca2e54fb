package main

import (
	"context"

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
	received := prom.NewCounter(prom.CounterOpts{Name: "received_total"})
	vec := prom.NewCounterVec(prom.CounterOpts{Name: "messages_per_domain_total"}, []string{"domain"})
	data := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{}).Command(mailconv.SMTPData)
	ours := func(n int) {
		for range n {
			data.EndMessage(accepted, recipient)
		}
	}
	theirs := func(n int) {
		for range n {
			received.Inc()
			vec.WithLabelValues(recipientDomain).Inc()
		}
	}
	return []duel{
		{row: Row{ID: "domain", What: "an unknown label value (domain)", Against: "client_golang WithLabelValues", Goal: Goal{Ratio: 1.0},
			Note: "`SMTPCommand.EndMessage`: the message received, and its recipient's domain found from the address; theirs counts the same two and is handed the domain."},
			ours: ours, theirs: theirs},
		{row: Row{ID: "domain-cores", What: "an unknown label value (domain), all cores busy", Against: "client_golang WithLabelValues"},
			ours: ours, theirs: theirs, allCores: true},
	}, nil
}
