package integration

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"

	netsmtp "net/smtp"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The series that events move, as they stand on the page.
const (
	connections = "rusmes_smtp_connections_total"
	blocked     = "rusmes_smtp_connections_rejected_blocked_total"
	overload    = "rusmes_smtp_connections_rejected_overload_total"
	received    = "rusmes_smtp_messages_received_total"
	rejected    = "rusmes_smtp_messages_rejected_total"
	sent        = "rusmes_smtp_messages_sent_total"
	smtpErrors  = "rusmes_smtp_errors_total"
	authSuccess = "rusmes_smtp_auth_success_total"
	authFailure = "rusmes_smtp_auth_failure_total"
	processed   = "rusmes_mail_processed_total"
	delivered   = "rusmes_mail_delivered_total"
	bounced     = "rusmes_mail_bounced_total"
	dropped     = "rusmes_mail_dropped_total"
	retries     = "rusmes_queue_retries_total"
	stored      = "rusmes_messages_total"
	bytesStored = "rusmes_storage_bytes"
	plaintext   = `rusmes_tls_sessions_total{tls="no"}`
	starttls    = `rusmes_tls_sessions_total{tls="starttls"}`
	implicitTLS = `rusmes_tls_sessions_total{tls="yes"}`

	forLocal    = `rusmes_messages_per_domain_total{domain="example.org"}`
	forPartner  = `rusmes_messages_per_domain_total{domain="partner.example"}`
	forSupplier = `rusmes_messages_per_domain_total{domain="supplier.example"}`
	forSlow     = `rusmes_messages_per_domain_total{domain="slow.example"}`

	spam = "spam" // no series: how many of those processed were dropped as spam
)

// event is something that a client does, and what it moves, to the last count,
// once the queue is empty again.
type event struct {
	name   string
	times  int
	happen func(*demo) error
	moves  page
}

// atMX and atMXWithTLS add what every connection to the mail server moves.
func atMX(moves page) page {
	moves[connections], moves[plaintext] = 1, 1
	return moves
}

func atMXWithTLS(moves page) page {
	moves[starttls] = 1
	return atMX(moves)
}

// submitted is what a message accepted from the user moves.
func submitted(moves page) page {
	moves[authSuccess], moves[received], moves[processed] = 1, 1, 1
	return atMXWithTLS(moves)
}

func allEvents() []event {
	events := append(mailEvents(), refusalEvents()...)
	if l, err := net.Listen("tcp", "127.0.0.66:0"); err == nil { // not every system has more than one loopback address
		l.Close()
		events = append(events, event{"a blocked address", 2, (*demo).connectBlocked, page{blocked: 1}})
	}
	// The last one: it wants to be alone.
	return append(events, event{"more connections than are allowed", 1, (*demo).connectTooMany,
		page{connections: 100, plaintext: 100, overload: 3}})
}

// mailEvents are messages that are accepted.
func mailEvents() []event {
	return []event{
		{"mail for the user, by net/smtp", 3, func(d *demo) error { return d.bringLetter(own) },
			atMX(page{received: 1, forLocal: 1, processed: 1, delivered: 1, stored: 1})},
		{"mail for the user, over net/smtp's STARTTLS", 2, (*demo).bringOverTLS,
			atMXWithTLS(page{received: 1, forLocal: 1, processed: 1, delivered: 1, stored: 1})},
		{"mail in BDAT chunks", 2, (*demo).bringInChunks,
			atMX(page{received: 1, forLocal: 1, processed: 1, delivered: 1, stored: 1})},
		{"two messages on one connection", 1, (*demo).bringTwo,
			atMX(page{received: 2, forLocal: 2, processed: 2, delivered: 2, stored: 2})},
		{"spam", 2, func(d *demo) error {
			return d.bring(own, letter("s@lottery.example", own, "You have won.", "X-Spam: yes"))
		}, atMX(page{received: 1, forLocal: 1, processed: 1, dropped: 1, spam: 1})},
		{"mail to another domain", 3, func(d *demo) error { return d.submit(own, "friend-"+marker+"@partner.example") },
			submitted(page{forPartner: 1, delivered: 1, sent: 1})},
		{"mail over implicit TLS", 2, (*demo).submitOverTLS, page{connections: 1, implicitTLS: 1, authSuccess: 1,
			received: 1, forPartner: 1, processed: 1, delivered: 1, sent: 1}},
		{"mail to several domains", 2, func(d *demo) error {
			return d.submit(own, "anna-"+marker+"@partner.example", "ben-"+marker+"@supplier.example", "carl-"+marker+"@supplier.example", own)
		}, submitted(page{forPartner: 1, forSupplier: 1, forLocal: 1, delivered: 3, sent: 2, stored: 1})},
		{"mail that the other server rejects", 2, func(d *demo) error { return d.submit(own, "reject-"+marker+"@supplier.example") },
			submitted(page{forSupplier: 1, bounced: 1, delivered: 1, stored: 1})},
		{"a rejected message whose bounce leaves the house", 1, func(d *demo) error {
			return d.submit("billing-"+marker+"@partner.example", "reject-"+marker+"@supplier.example")
		}, submitted(page{forSupplier: 1, bounced: 1, delivered: 1, sent: 1})},
		{"a bounce that cannot be delivered", 1, func(d *demo) error { return d.submit("", "reject-"+marker+"@supplier.example") },
			submitted(page{forSupplier: 1, dropped: 1})},
		{"mail that the other server defers twice", 1, func(d *demo) error { return d.submit(own, "defer-"+marker+"@slow.example") },
			submitted(page{forSlow: 1, retries: 2, delivered: 1, sent: 1})},
		{"mail that the other server always defers", 1, func(d *demo) error { return d.submit(own, "always-defer-"+marker+"@slow.example") },
			submitted(page{forSlow: 1, retries: 3, bounced: 1, delivered: 1, stored: 1})},
	}
}

// refusalEvents are what the mail server does not accept.
func refusalEvents() []event {
	return []event{
		{"an unknown user", 3, func(d *demo) error { return refused(550, d.bringLetter("nobody-"+marker+"@example.org")) },
			atMX(page{smtpErrors: 1})},
		{"relaying without a login", 2, func(d *demo) error { return refused(550, d.bringLetter("friend-"+marker+"@partner.example")) },
			atMX(page{smtpErrors: 1})},
		{"a message that says it is too large", 2, (*demo).announceTooMuch, atMX(page{smtpErrors: 1})},
		{"a message that is too large", 2, func(d *demo) error {
			line := strings.Repeat("x", 76) + "\r\n"
			return refused(552, d.bring(own, strings.Repeat(line, 1<<20/len(line)+1)))
		}, atMX(page{smtpErrors: 1, rejected: 1})},
		{"a wrong password", 3, func(d *demo) error { return d.login("wrong", 535) },
			atMXWithTLS(page{smtpErrors: 1, authFailure: 1})},
		{"a right password", 2, func(d *demo) error { return d.login(password, 0) }, atMXWithTLS(page{authSuccess: 1})},
		{"a login that is called off", 1, func(d *demo) error {
			return d.say("EHLO c.example | 250", "AUTH PLAIN | 334", "* | 501", "QUIT | 221")
		}, atMX(page{smtpErrors: 1, authFailure: 1})},
		{"STARTTLS and no more", 2, (*demo).onlyStartTLS, atMXWithTLS(page{})},
		{"commands without fault", 1, func(d *demo) error {
			return d.say("EHLO c.example | 250", "NOOP | 250", "RSET | 250", "VRFY x | 252",
				"MAIL FROM:<a@b.example> | 250", "RSET | 250", "QUIT | 221")
		}, atMX(page{})},
		{"wrong commands", 2, func(d *demo) error {
			return d.say("DATA | 502", "EHLO c.example | 250", "XYZZY now | 501", "MAIL FROM:what | 501",
				"RCPT TO:<a@example.org> | 502", "AUTH NONSENSE | 504", "QUIT | 221")
		}, atMX(page{smtpErrors: 5, authFailure: 1})},
		{"a client that leaves after the greeting", 2, func(d *demo) error { return d.say() }, atMX(page{})},
		{"a client that leaves within a message", 2, func(d *demo) error {
			return d.say("EHLO c.example | 250", "MAIL FROM:<a@b.example> | 250", "RCPT TO:<"+own+"> | 250", "DATA | 354", "half a line")
		}, atMX(page{smtpErrors: 1})},
		{"a connection that breaks", 2, (*demo).breakOff, atMX(page{smtpErrors: 1})},
	}
}

func (d *demo) bringOverTLS() error {
	client, err := d.plain()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.StartTLS(unverified); err != nil {
		return err
	}
	return errors.Join(sendWith(client), client.Quit())
}

func (d *demo) bringTwo() error {
	client, err := d.plain()
	if err != nil {
		return err
	}
	defer client.Close()
	return errors.Join(sendWith(client), sendWith(client), client.Quit())
}

// sendWith sends a message to the user.
func sendWith(client *netsmtp.Client) error {
	from := "stranger-" + marker + "@shop.example"
	if err := errors.Join(client.Mail(from), client.Rcpt(own)); err != nil {
		return err
	}
	text, err := client.Data()
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(text, letter(from, own, "Good morning."))
	return errors.Join(err, text.Close())
}

func (d *demo) bringInChunks() error {
	return d.say("EHLO c.example | 250", "MAIL FROM:<a@b.example> | 250", "RCPT TO:<"+own+"> | 250",
		"BDAT 16\r\nSubject: hello | 250", "BDAT 9 LAST\r\n\r\nhello | 250", "QUIT | 221")
}

func (d *demo) submitOverTLS() error {
	client, err := smtp.DialTLS(d.submissions, unverified)
	if err != nil {
		return err
	}
	return submitOver(client, own, "friend-"+marker+"@partner.example")
}

// announceTooMuch gives the size with MAIL (RFC 1870), in plaintext: what
// go-smtp refuses by itself inside TLS is not seen.
func (d *demo) announceTooMuch() error {
	client, err := smtp.Dial(d.smtp)
	if err != nil {
		return err
	}
	defer client.Close()
	return errors.Join(refused(552, client.Mail(own, &smtp.MailOptions{Size: 1<<20 + 1})), client.Quit())
}

// login wants to be refused with the code, 0 for accepted.
func (d *demo) login(password string, code int) error {
	client, err := d.startTLS()
	if err != nil {
		return err
	}
	defer client.Close()
	err = client.Auth(sasl.NewPlainClient("", user, password))
	if code != 0 {
		err = refused(code, err)
	}
	return errors.Join(err, client.Quit())
}

func (d *demo) onlyStartTLS() error {
	client, err := d.startTLS()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Noop(); err != nil { // the handshake comes with the first command
		return err
	}
	if state, ok := client.TLSConnectionState(); !ok || state.Version < tls.VersionTLS12 {
		return fmt.Errorf("no TLS: %+v", state)
	}
	return client.Quit()
}

// breakOff has the connection reset in the middle of a session.
func (d *demo) breakOff() error {
	conn, err := net.DialTimeout("tcp", d.smtp, patience)
	if err != nil {
		return err
	}
	if err := talk(conn, "EHLO c.example | 250"); err != nil {
		return err
	}
	return errors.Join(conn.(*net.TCPConn).SetLinger(0), conn.Close())
}

func (d *demo) connectBlocked() error {
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 66)}, Timeout: patience}).Dial("tcp", d.smtp)
	if err != nil {
		return err
	}
	defer conn.Close()
	return refused(554, talk(conn))
}

// connectTooMany holds as many connections as are allowed and opens three more.
func (d *demo) connectTooMany() error {
	d.settled() // or somebody else might still hold one
	for n := range 103 {
		conn, err := net.DialTimeout("tcp", d.smtp, patience)
		if err != nil {
			return err
		}
		defer conn.Close()
		switch _, _, err := textproto.NewConn(conn).ReadResponse(220); {
		case n < 100 && err != nil:
			return fmt.Errorf("connection %d: %w", n+1, err)
		case n >= 100:
			if err := refused(421, err); err != nil {
				return fmt.Errorf("connection %d: %w", n+1, err)
			}
		}
	}
	return nil
}
