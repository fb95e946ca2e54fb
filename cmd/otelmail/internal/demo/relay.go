package demo

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

// relay hands messages to the server of another domain, over real SMTP. A real
// one would look up the domain's MX records; here every domain is served by the
// second server.
type relay struct{ server string } // host:port

// relayTimeout bounds one attempt as a whole.
const relayTimeout = 10 * time.Second

// deliver sends one message to recipients of one domain. The server may take
// some of them and refuse others: the reply is that of the message if it was
// taken for anybody, else that of the last refusal.
func (r *relay) deliver(attempt otelmail.Delivering, sender string, recipients []string, message []byte) (otelmail.Reply, []failure) {
	ctx, cancel := context.WithTimeout(attempt.Context(), relayTimeout)
	defer cancel()
	client, err := r.connect(ctx, attempt)
	if err != nil {
		return allFail(recipients, withCause(ctx, otelsmtp.ClientReply(err)))
	}
	defer client.Quit() //nolint:errcheck // politeness: the replies are in
	reply, refused := otelsmtp.Send(attempt, client, sender, recipients, bytes.NewReader(message))
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

// connect uses STARTTLS if that works, else plaintext: opportunistic TLS. The
// second server's certificate is self-signed, as many on port 25 are, and so is
// not verified: TLS then keeps out who listens, not who interferes.
func (r *relay) connect(ctx context.Context, attempt otelmail.Delivering) (*smtp.Client, error) {
	conn, err := dial(ctx, r.server)
	if err != nil {
		return nil, err
	}
	attempt.Peer(conn.RemoteAddr())
	client, err := smtp.NewClientStartTLS(conn, unverified)
	if err == nil {
		err = client.Hello(localHost)
	}
	if err == nil {
		return client, nil
	}
	conn.Close()
	if conn, err = dial(ctx, r.server); err != nil {
		return nil, err
	}
	client = smtp.NewClient(conn)
	return client, client.Hello(localHost)
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
