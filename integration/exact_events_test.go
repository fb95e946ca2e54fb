package integration

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
)

// The series that events change, as they stand on the page.
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

	spam   = "spam"   // no series: how many of those processed were dropped as spam
	pushed = "pushed" // no series: telemetry waits for the Collector, and how much is not known
)

// event is something that a client does, and exactly what it changes, once the queue is
// empty again.
type event struct {
	name   string
	times  int
	happen func(*demo) error
	moves  page
}

var addresses atomic.Int64

// deferredTwice is another address each time: the other server counts how often it has deferred
// an address, and of several messages to it may defer one more often, another less.
func deferredTwice() string { return fmt.Sprintf("defer-%s-%d@slow.example", marker, addresses.Add(1)) }

// atMX and atMXWithTLS add what every connection to the mail server changes.
func atMX(moves page) page {
	moves[connections], moves[plaintext] = 1, 1
	return moves
}

func atMXWithTLS(moves page) page {
	moves[starttls] = 1
	return atMX(moves)
}

// submitted is what a message accepted from the user changes.
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
	// This must be the last, because it needs to be the only client.
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
		{"mail that the other server defers twice", 1, func(d *demo) error { return d.submit(own, deferredTwice()) },
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
		// go-smtp's client sends "*" to an AUTH that has already failed: a second error.
		{"a wrong password", 3, func(d *demo) error { return d.login("wrong", 535) },
			atMXWithTLS(page{smtpErrors: 2, authFailure: 1})},
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
		{"a connection that breaks", 2, func(d *demo) error { return d.breakOff() }, atMX(page{smtpErrors: 1})},
	}
}
