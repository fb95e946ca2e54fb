package otelsmtp

import (
	"errors"
	"io"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
)

// Send sends one message over a go-smtp client, which has said hello, within a
// delivery attempt: it notes the connection's TLS, records the phase "transfer" and returns
// the reply to end the attempt with. The server may take some recipients and refuse others: those
// are returned, and the reply is the message's if anybody was taken: it is that of all who are
// not returned. Where nobody was taken it is the last refusal for now (4yz) if there is one,
// because then the message is to be tried again, else the last for good. The client stays open,
// and waits as long as its own CommandTimeout and SubmissionTimeout: a deadline of the context is yours
// to set on the connection.
//
//	attempt := tel.Delivery.Attempt(ctx, otelmail.Attempt{Domain: "example.net", TLSPolicy: mailconv.TLSOpportunistic})
//	attempt.End(deliver(attempt.Context(), attempt))
//
// where deliver connects, sends, and says how it went:
//
//	client, err := connect(ctx)
//	if err != nil {
//		return otelsmtp.ClientReply(err)
//	}
//	defer client.Close()
//	reply, _ := otelsmtp.Send(d, client, from, to, message) // and who was refused
//	return reply
func Send(d otelmail.Delivering, c *smtp.Client, from string, to []string, message io.Reader) (reply otelmail.Reply, refused []otelmail.RecipientReply) {
	if state, ok := c.TLSConnectionState(); ok {
		d.TLS(state)
	}
	transfer := d.Phase(otelmail.PhaseTransfer)
	defer transfer.End()
	if err := c.Mail(from, nil); err != nil {
		return ClientReply(err), nil
	}
	taken := false
	for _, recipient := range to {
		if err := c.Rcpt(recipient, nil); err != nil {
			refusal := ClientReply(err)
			if len(refused) == 0 || refusal.Temporary() || !reply.Temporary() {
				reply = refusal
			}
			refused = append(refused, otelmail.RecipientReply{Recipient: recipient, Reply: refusal})
			continue
		}
		taken = true
	}
	if !taken {
		return reply, refused
	}
	return ClientReply(sendText(c, message)), refused
}

func sendText(c *smtp.Client, message io.Reader) error {
	text, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := io.Copy(text, message); err != nil {
		return err
	}
	return text.Close()
}

// ClientReply is what an error of go-smtp's client means for a delivery attempt:
// the server's reply, or why there was none. nil is 250.
func ClientReply(err error) otelmail.Reply {
	var said *smtp.SMTPError
	if !errors.As(err, &said) || said == nil {
		return otelmail.ReplyOf(err)
	}
	reply := otelmail.Reply{Code: said.Code, Text: said.Message}
	if e := said.EnhancedCode; e != smtp.EnhancedCodeNotSet && e != smtp.NoEnhancedCode {
		reply.Enhanced = otelmail.EnhancedCode(e)
	}
	return reply
}
