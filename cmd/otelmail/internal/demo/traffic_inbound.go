package demo

import (
	"context"
	"errors"
	"net/smtp"
	"net/textproto"
	"strconv"
	"strings"
)

// Strangers: other servers that bring mail for the local user, in plaintext and
// without logging in. They use net/smtp, which sends no SIZE with MAIL, so that
// a message is found too large only while it comes in.

func (t *traffic) sendInbound(ctx context.Context, n int) error {
	from := stranger(n)
	message, err := t.signer.sign(from, letter(n, from, t.own(), "Good morning."))
	if err != nil {
		return err
	}
	return t.bring(ctx, from, t.own(), message)
}

func (t *traffic) sendSpam(ctx context.Context, n int) error {
	from := "winner@lottery.example"
	return t.bring(ctx, from, t.own(), letter(n, from, t.own(), "You have won.", "X-Spam: yes"))
}

// sendOdd is spam that the filter panics over.
func (t *traffic) sendOdd(ctx context.Context, n int) error {
	from := "winner@lottery.example"
	return t.bring(ctx, from, t.own(), letter(n, from, t.own(), "You have won.", "X-Spam: yes", oddField))
}

func (t *traffic) sendToNobody(ctx context.Context, n int) error {
	from, to := stranger(n), "nobody@"+localDomain
	return refusedWith(550, t.bring(ctx, from, to, letter(n, from, to, "Anybody there?")), textCode)
}

func (t *traffic) sendOversized(ctx context.Context, n int) error {
	from := stranger(n)
	line := strings.Repeat("x", 76) + "\r\n"
	body := strings.Repeat(line, maxMessage/len(line)+1)
	return refusedWith(552, t.bring(ctx, from, t.own(), letter(n, from, t.own(), body)), textCode)
}

// stranger is a sender of one of a few domains.
func stranger(n int) string {
	domains := []string{"shop.example", "club.example", "news.example"}
	return "sender" + strconv.Itoa(n) + "@" + domains[n%len(domains)]
}

// bring delivers one message.
func (t *traffic) bring(ctx context.Context, from, to string, message []byte) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection
	conn, err := dial(ctx, t.mx)
	if err != nil {
		return err
	}
	client, err := smtp.NewClient(conn, localHost)
	if err != nil {
		return err
	}
	if err := client.Hello("mx." + domainOf(from)); err != nil {
		return err
	}
	if err := client.Mail(from); err != nil {
		return err
	}
	if err := client.Rcpt(to); err != nil {
		return errors.Join(err, client.Quit())
	}
	text, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := text.Write(message); err != nil {
		return err
	}
	return errors.Join(text.Close(), client.Quit())
}

// textCode is the reply code in an error of net/smtp, 0 for none.
func textCode(err error) int {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return reply.Code
	}
	return 0
}
