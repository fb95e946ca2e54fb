package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// total is a series of the summary.
type total struct {
	says   string
	series string
	label  string // the value of the series' one label; empty for none
}

// The series in the order of a message's life.
var totals = []total{
	{"connections", "smtp_connections_total", ""},
	{"  refused: blocked", "smtp_connections_rejected_blocked_total", ""},
	{"  refused: too many", "smtp_connections_rejected_overload_total", ""},
	{"  upgraded to TLS", "tls_sessions_total", "starttls"},
	{"logins", "smtp_auth_success_total", ""},
	{"  failed", "smtp_auth_failure_total", ""},
	{"messages accepted", "smtp_messages_received_total", ""},
	{"  refused", "smtp_messages_rejected_total", ""},
	{"SMTP errors", "smtp_errors_total", ""},
	{"pipeline runs", "mail_processed_total", ""},
	{"deliveries", "mail_delivered_total", ""},
	{"  to other servers", "smtp_messages_sent_total", ""},
	{"  retries", "queue_retries_total", ""},
	{"dropped", "mail_dropped_total", ""},
	{"bounces", "mail_bounced_total", ""},
	{"IMAP commands", "imap_commands_total", ""},
	{"  failed", "imap_errors_total", ""},
	{"JMAP requests", "jmap_requests_total", ""},
	{"  failed", "jmap_errors_total", ""},
	{"push notifications", "push_deliveries_total", ""},
	{"  given up", "push_delivery_failures_total", ""},
	{"still in the queue", "queue_size", ""},
	{"messages stored", "messages_total", ""},
	{"bytes stored", "storage_bytes", ""},
}

// value reads one series, as a scrape would see it.
func (d *Demo) value(series string, labels ...string) string {
	v, err := d.tel.Value(series, labels...)
	if err != nil {
		return "?" // the catalogue does not have it: a test holds that it does
	}
	return fmt.Sprint(v)
}

// totals is a line for each protocol, for a terminal.
func (d *Demo) totals() string {
	var b strings.Builder
	line := func(protocol, format string, values ...any) {
		fmt.Fprintf(&b, "%5s  %s  ", "", protocol)
		fmt.Fprintf(&b, format+"\n", values...)
	}
	fmt.Fprintf(&b, "after %s\n", time.Since(d.began).Round(time.Second))
	line("SMTP", "accepted %s, delivered %s, retries %s, bounced %s, dropped %s, in the queue %s",
		d.value("smtp_messages_received_total"), d.value("mail_delivered_total"), d.value("queue_retries_total"),
		d.value("mail_bounced_total"), d.value("mail_dropped_total"), d.value("queue_size"))
	line("IMAP", "connections %s, commands %s, errors %s; messages stored %s",
		d.value("imap_connections_total"), d.value("imap_commands_total"), d.value("imap_errors_total"), d.value("messages_total"))
	line("JMAP", "requests %s, errors %s", d.value("jmap_requests_total"), d.value("jmap_errors_total"))
	line("POP3", "sessions %d, open now %s", d.pop3.total.Load(), d.value("active_connections", "pop3"))
	line("push", "delivered %s, given up %s", d.value("push_deliveries_total"), d.value("push_delivery_failures_total"))
	return b.String()
}

// summary says what has happened. stopped is the error of Stop.
func (d *Demo) summary(w io.Writer, took time.Duration, stopped error) {
	fmt.Fprintf(w, "\nIn %s:\n\n", took.Round(100*time.Millisecond))
	for _, t := range totals {
		var labels []string
		series := t.series
		if t.label != "" {
			labels = []string{t.label}
			series += "{" + t.label + "}"
		}
		fmt.Fprintf(w, "  %-20s %9s   %s\n", t.says, d.value(t.series, labels...), series)
	}
	// POP3 has spans and connections, and no series of its own to count with.
	fmt.Fprintf(w, "  %-20s %9d   see the spans\n\n", "POP3 sessions", d.pop3.total.Load())
	if left := d.tel.Queue.Size.Load(); left > 0 {
		if d.spool.temporary {
			fmt.Fprintf(w, "Waiting for the next attempt, and gone with the temporary queue: %d. With --spool they are kept.\n", left)
		} else {
			fmt.Fprintf(w, "Waiting in %[2]s for the next start: %[1]d.\n", left, d.spool.dir)
		}
	}
	if stopped != nil {
		fmt.Fprintf(w, "Not everything could be pushed or cleared away:\n  %s\n", strings.ReplaceAll(stopped.Error(), "\n", "\n  "))
	}
}
