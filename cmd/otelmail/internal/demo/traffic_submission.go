package demo

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"syscall"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The local user: logs in over TLS and sends to other domains, all of which the
// second server stands in for.

func (t *traffic) sendOutbound(ctx context.Context, n int) error {
	return t.submit(ctx, n, t.own(), "friend"+strconv.Itoa(n)+"@partner.example")
}

func (t *traffic) sendMailing(ctx context.Context, n int) error {
	return t.submit(ctx, n, t.own(), "anna@partner.example", "ben@supplier.example", "carla@supplier.example", t.own())
}

// sendRejected is sent for a partner, so that the bounce leaves the house.
func (t *traffic) sendRejected(ctx context.Context, n int) error {
	return t.submit(ctx, n, "billing@partner.example", "reject"+strconv.Itoa(n)+"@supplier.example")
}

func (t *traffic) sendDeferred(ctx context.Context, n int) error {
	return t.submit(ctx, n, t.own(), "defer"+strconv.Itoa(n)+"@slow.example")
}

func (t *traffic) sendNeverTaken(ctx context.Context, n int) error {
	return t.submit(ctx, n, t.own(), "always-defer"+strconv.Itoa(n)+"@slow.example")
}

// sendHeld is mail that the queue keeps back for a while.
func (t *traffic) sendHeld(ctx context.Context, n int) error {
	return t.submit(ctx, n, t.own(), "hold"+strconv.Itoa(n)+"@partner.example")
}

// sendLegacy arrives in plaintext.
func (t *traffic) sendLegacy(ctx context.Context, n int) error {
	return t.submit(ctx, n, t.own(), "friend"+strconv.Itoa(n)+"@"+legacyDomain)
}

// sendLimited sends two messages where one is allowed.
func (t *traffic) sendLimited(ctx context.Context, n int) error {
	to := "friend" + strconv.Itoa(n) + "@" + limitedDomain
	return errors.Join(t.submit(ctx, n, t.own(), to), t.submit(ctx, n, t.own(), to))
}

func (t *traffic) sendOverTLS(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection
	conn, err := dial(ctx, t.submissions)
	if err != nil {
		return err
	}
	return t.submitOver(smtp.NewClient(tls.Client(conn, unverified)), n, t.own(), "friend"+strconv.Itoa(n)+"@partner.example")
}

// guessPassword tries a password that is wrong.
func (t *traffic) guessPassword(ctx context.Context, _ int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := t.startTLS(ctx)
	if err != nil {
		return err
	}
	err = client.Auth(sasl.NewPlainClient("", t.user, t.password+"?"))
	return errors.Join(refusedWith(535, err, smtpCode), client.Quit())
}

// sendStolen comes from another network each time, as a botnet does with a password that
// it has. Loopback networks stand for them; some systems have but one.
func (t *traffic) sendStolen(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := t.startTLSFrom(ctx, &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+n%200), 1)})
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		client, err = t.startTLS(ctx)
	}
	if err != nil {
		return err
	}
	return t.submitOver(client, n, t.own(), "victim"+strconv.Itoa(n)+"@partner.example")
}

// submit sends one message over STARTTLS.
func (t *traffic) submit(ctx context.Context, n int, from string, to ...string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := t.startTLS(ctx)
	if err != nil {
		return err
	}
	return t.submitOver(client, n, from, to...)
}

func (t *traffic) startTLS(ctx context.Context) (*smtp.Client, error) {
	return t.startTLSFrom(ctx, nil)
}

func (t *traffic) startTLSFrom(ctx context.Context, from net.Addr) (*smtp.Client, error) {
	conn, err := dialFrom(ctx, from, t.mx)
	if err != nil {
		return nil, err
	}
	return smtp.NewClientStartTLS(conn, unverified)
}

func (t *traffic) submitOver(client *smtp.Client, n int, from string, to ...string) error {
	return t.submitText(client, letter(n, from, to[0], "See you soon."), from, to...)
}

func (t *traffic) submitText(client *smtp.Client, message []byte, from string, to ...string) error {
	if err := client.Auth(sasl.NewPlainClient("", t.user, t.password)); err != nil {
		return err
	}
	return errors.Join(client.SendMail(from, to, bytes.NewReader(message)), client.Quit())
}

// smtpCode is the reply code in an error of go-smtp, 0 for none.
func smtpCode(err error) int {
	var reply *smtp.SMTPError
	if errors.As(err, &reply) {
		return reply.Code
	}
	return 0
}
