package demo

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// router delivers to the mailbox here or to the server of another domain.
type router struct {
	tel   *otelmail.Telemetry
	log   *slog.Logger
	store *mailStore
	relay *relay
	push  *notifier
}

// failure is a recipient that was not served, and why.
type failure struct {
	recipient string
	reply     otelmail.Reply
}

// deliver makes one attempt for each domain among the recipients. last says
// that what is deferred now has failed for good.
func (r *router) deliver(ctx context.Context, it *item, message []byte, last bool) []failure {
	var failures []failure
	for _, d := range destinations(it.Recipients) {
		if r.isLocal(d.domain) {
			// Every mailbox is a delivery of its own.
			for _, recipient := range d.recipients {
				failures = append(failures, r.attempt(ctx, it, message, last, destination{d.domain, []string{recipient}})...)
			}
			continue
		}
		failures = append(failures, r.attempt(ctx, it, message, last, d)...)
	}
	return failures
}

// isLocal says whether the mailboxes of a domain are here.
func (r *router) isLocal(domain string) bool {
	return domain == localDomain && r.relay.fellows.next == ""
}

func (r *router) attempt(ctx context.Context, it *item, message []byte, last bool, to destination) []failure {
	facts := it.facts()
	facts.Recipient = ""
	if len(to.recipients) == 1 {
		facts.Recipient = to.recipients[0]
	}
	var about otelmail.Attempt
	send := r.store.deliver
	if r.isLocal(to.domain) {
		about = it.Telemetry.Attempt(otelmail.TransportLocal, to.recipients[0])
	} else {
		about = it.Telemetry.Attempt(otelmail.TransportSMTP, to.domain)
		about.Server, about.TLSPolicy = r.relay.server(), mailconv.TLSOpportunistic
		send = r.relay.deliver
	}
	about.Message, about.Due = facts, it.Next

	attempt := r.tel.Delivery.Attempt(ctx, about)
	reply, failures := send(attempt, it.Sender, to.recipients, message)
	outcome := outcomeOf(reply, last)
	attempt.EndAs(outcome, reply)
	if reply.Temporary() && strings.HasPrefix(reply.Text, "Greylisted") { // no code says so
		r.tel.Delivery.Throttled(otelmail.ThrottledGreylisting)
	}
	if outcome == otelmail.OutcomeDelivered && about.Transport == otelmail.TransportLocal {
		r.push.mailHasCome(attempt.Context())
	}
	r.log.InfoContext(attempt.Context(), outcome.String(), "id", it.ID, "domain", shown(to.domain),
		"transport", about.Transport.String(), "attempt", about.Number, "code", reply.Code)
	return failures
}

// outcomeOf differs from what the reply alone says in one case: what has been
// tried often enough has failed.
func outcomeOf(reply otelmail.Reply, last bool) otelmail.Outcome {
	switch {
	case reply.Accepted():
		return otelmail.OutcomeDelivered
	case reply.Temporary() && !last:
		return otelmail.OutcomeDeferred
	}
	return otelmail.OutcomeFailed
}

// destination is what goes to one server in one transaction.
type destination struct {
	domain     string
	recipients []string
}

// destinations groups recipients by domain, in the order of their first one.
func destinations(recipients []string) []destination {
	var all []destination
	for _, recipient := range recipients {
		domain := domainOf(recipient)
		i := slices.IndexFunc(all, func(d destination) bool { return d.domain == domain })
		if i < 0 {
			i = len(all)
			all = append(all, destination{domain: domain})
		}
		all[i].recipients = append(all[i].recipients, recipient)
	}
	return all
}
