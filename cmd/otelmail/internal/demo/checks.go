package demo

import (
	"context"
	"errors"
	"time"

	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/health/checks"
)

// The mail of the round trip comes from a sender and goes to a mailbox that nobody else uses: a
// visitor over POP3 deletes what is in INBOX.
const (
	ownSender  = "health@" + localDomain
	ownMailbox = "Archive"
)

// registerChecks has the servers asked whether they work, as clients would ask. It is traffic,
// and so only there where there is some. None of it decides readiness: what is wrong with a
// listener, no load balancer mends by looking away from this machine alone. The listeners are
// there already, and have whoever comes before they are served wait.
func (d *Demo) registerChecks() error {
	const validFor = 24 * time.Hour
	trusted := checks.Roots(d.certificate.roots)
	starts, begins := checks.StartTLS(localHost, validFor), checks.ImplicitTLS(localHost, validFor)

	roundTrip := checks.RoundTrip{
		Address: d.ports.mx.Addr().String(), Options: []checks.ListenerOption{starts, trusted},
		From: ownSender, To: d.config.User + "+" + ownMailbox + "@" + localDomain,
		Take: checks.Mailbox{
			Address: d.ports.imap.Addr().String(), Options: []checks.ListenerOption{starts, trusted},
			User: d.config.User, Password: d.config.Password, Name: ownMailbox,
		}.Take,
		Took: d.tel.Mail.RoundTrip,
	}
	var errs []error
	for _, c := range []struct {
		name, group string
		ask         func(context.Context) error
		opts        []health.CheckOption
	}{
		{"disk", "storage", checks.Disk(d.spool.dir, 0.01), nil},
		{"oldest", "mail", checks.Oldest(d.queue.oldest, 2*time.Minute), nil},
		{"dns", "network", checks.DNS(d.dns.resolver(), localHost+"."), nil},
		{"smtp", "listeners", checks.SMTP(d.ports.mx.Addr().String(), starts, trusted), nil},
		{"submissions", "listeners", checks.SMTP(d.ports.submissions.Addr().String(), begins, trusted), nil},
		{"imap", "listeners", checks.IMAP(d.ports.imap.Addr().String(), starts, trusted), nil},
		{"jmap", "listeners", checks.TCP(d.ports.jmap.Addr().String()), nil},
		{"pop3", "listeners", checks.POP3(d.ports.pop3.Addr().String(), starts, trusted), nil},
		{"pop3s", "listeners", checks.POP3(d.ports.pop3s.Addr().String(), begins, trusted), nil},
		{"roundtrip", "mail", roundTrip.Check(), []health.CheckOption{health.Timeout(time.Minute), health.Interval(15 * time.Second)}},
	} {
		opts := append([]health.CheckOption{health.Groups(c.group), health.FailAfter(3, 30*time.Second), health.RecoverAfter(2, 0)}, c.opts...)
		errs = append(errs, d.tel.Health.Register(c.name, c.ask, opts...))
	}
	return errors.Join(errs...)
}

// oldest is when the message was due, or queued, that has waited longest without being told to.
func (q *queue) oldest(context.Context) (oldest time.Time, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waits := func(it *item) {
		if oldest.IsZero() || it.Next.Before(oldest) {
			oldest = it.Next
		}
	}
	if len(q.waiting) > 0 && !q.waiting[0].Next.After(time.Now()) {
		waits(q.waiting[0])
	}
	for it := range q.active {
		waits(it)
	}
	return oldest, nil
}
