package demo

import (
	"context"
	"errors"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
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
		return allFail(recipients, replyOf(ctx, err))
	}
	if err := client.Mail(sender, nil); err != nil {
		return allFail(recipients, replyOf(ctx, err))
	}
	var taken []string
	var failures []failure
	for _, recipient := range recipients {
		if err := client.Rcpt(recipient, nil); err != nil {
			failures = append(failures, failure{recipient, replyOf(ctx, err)})
			continue
		}
		taken = append(taken, recipient)
	}
	if len(taken) == 0 {
		_ = client.Quit() // politeness: the replies are in
		return failures[len(failures)-1].reply, failures
	}
	if err := sendText(client, message); err != nil {
		reply, rest := allFail(taken, replyOf(ctx, err))
		return reply, append(failures, rest...)
	}
	_ = client.Quit()
	return otelmail.Reply{Code: 250}, failures
}

func sendText(client *smtp.Client, message []byte) error {
	text, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := text.Write(message); err != nil {
		return err
	}
	return text.Close()
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
		if state, ok := client.TLSConnectionState(); ok {
			attempt.TLS(state)
		}
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

// replyOf is what the other server said, or why it said nothing.
func replyOf(ctx context.Context, err error) otelmail.Reply {
	var said *smtp.SMTPError
	if errors.As(err, &said) {
		return otelmail.Reply{
			Code:     said.Code,
			Enhanced: otelmail.EnhancedCode(said.EnhancedCode),
			Text:     said.Message,
		}
	}
	if ctx.Err() != nil {
		err = ctx.Err() // the connection was closed because of it
	}
	return otelmail.Reply{Cause: otelmail.CauseOf(err)}
}
