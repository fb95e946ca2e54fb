package demo

import (
	"bytes"
	"context"
	"net"
	"slices"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

// relay hands messages to the server of another domain, over real SMTP.
type relay struct {
	routes  *routes
	fellows *fellows
}

// relayTimeout bounds one attempt as a whole.
const relayTimeout = 30 * time.Second

// deliver sends one message to recipients of one domain. The server may take
// some of them and refuse others: the reply is that of the message if it was
// taken for anybody, else that of the last refusal.
func (r *relay) deliver(attempt otelmail.Delivering, sender string, recipients []string, message []byte) (otelmail.Reply, []failure) {
	ctx, cancel := context.WithTimeout(attempt.Context(), relayTimeout)
	defer cancel()
	servers, err := r.servers(ctx, attempt, domainOf(recipients[0]))
	if err != nil {
		return allFail(recipients, withCause(ctx, otelsmtp.ClientReply(err)))
	}
	client, err := r.connect(ctx, attempt, servers)
	if err != nil {
		return allFail(recipients, withCause(ctx, otelsmtp.ClientReply(err)))
	}
	defer client.Quit() //nolint:errcheck // politeness: the replies are in
	reply, refused := otelsmtp.Send(attempt, client, sender, recipients, r.fellows.outbound(attempt, r.server(), bytes.NewReader(message)))
	reply = withCause(ctx, reply)
	var failures []failure
	for _, recipient := range recipients {
		if i := slices.IndexFunc(refused, func(r otelmail.RecipientReply) bool { return r.Recipient == recipient }); i >= 0 {
			failures = append(failures, failure{recipient, refused[i].Reply})
		} else if !reply.Accepted() {
			failures = append(failures, failure{recipient, reply})
		}
	}
	return reply, failures
}

// server is the name of where mail goes.
func (r *relay) server() string {
	if r.fellows.next != "" {
		return nextHost
	}
	return remoteHost
}

// servers are where mail for a domain goes, host:port, the best first.
func (r *relay) servers(ctx context.Context, attempt otelmail.Delivering, domain string) ([]string, error) {
	if r.fellows.next != "" {
		return []string{r.fellows.next}, nil
	}
	resolving := attempt.Phase(otelmail.PhaseDNS)
	defer resolving.End()
	return r.routes.servers(ctx, domain)
}

// connect tries the servers in turn (RFC 5321 section 5.1).
func (r *relay) connect(ctx context.Context, attempt otelmail.Delivering, servers []string) (client *smtp.Client, err error) {
	for _, server := range servers {
		if client, err = r.greet(ctx, attempt, server); err == nil {
			return client, nil
		}
	}
	return nil, err
}

// greet uses STARTTLS if that works, else plaintext: opportunistic TLS. The
// second server's certificate is vouched for by nobody, as many on port 25 are, and so is
// not verified: TLS then keeps out who listens, not who interferes.
func (r *relay) greet(ctx context.Context, attempt otelmail.Delivering, server string) (*smtp.Client, error) {
	conn, err := r.dial(ctx, attempt, server)
	if err != nil {
		return nil, err
	}
	if client, err := otelsmtp.StartTLS(attempt, conn, localHost, unverified); err == nil {
		return client, nil
	}
	if conn, err = r.dial(ctx, attempt, server); err != nil {
		return nil, err
	}
	client := smtp.NewClient(conn)
	return client, client.Hello(localHost)
}

// dial connects, until ctx ends.
func (r *relay) dial(ctx context.Context, attempt otelmail.Delivering, server string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := attempt.Dial(ctx, dialer.DialContext, "tcp", server)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return conn, nil
}

// allFail is the same reply for everybody.
func allFail(recipients []string, reply otelmail.Reply) (otelmail.Reply, []failure) {
	failures := make([]failure, len(recipients))
	for i, recipient := range recipients {
		failures[i] = failure{recipient, reply}
	}
	return reply, failures
}

// withCause is a reply that was not given because ctx ended: the connection was
// closed for it.
func withCause(ctx context.Context, reply otelmail.Reply) otelmail.Reply {
	if reply.Code == 0 && ctx.Err() != nil {
		reply.Cause = otelmail.CauseOf(ctx.Err())
	}
	return reply
}
