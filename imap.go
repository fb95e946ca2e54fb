package otelmail

import (
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/mailconv"
)

// imapSpans are the names of the spans, by verb.
var imapSpans = spanNames("IMAP", mailconv.IMAPSetMetadata)

var (
	imapConnections = define(catalog.Metric{
		Name: "imap_connections_total", Kind: catalog.Counter, Unit: "{connection}",
		Help: "IMAP connections accepted",
		Rise: "More clients connect, or clients that are thrown out come back at once: compare with " + imapErrors.Name + ".",
	})
	imapCommands = define(catalog.Metric{
		Name: "imap_commands_total", Kind: catalog.Counter, Unit: "{command}",
		Help: "IMAP commands that ended",
		Rise: "Clients are busier. One client that polls in a loop shows in the spans by its user.hash.",
	})
	imapErrors = define(catalog.Metric{
		Name: "imap_errors_total", Kind: catalog.Counter, Unit: "{error}",
		Help: "IMAP commands that ended in NO or BAD, and broken sessions",
		Rise: "NO: failed logins or missing mailboxes; BAD: a broken client; broken sessions: the network or our own restart.",
	})
)

// IMAP records what an IMAP server does (RFC 9051). All methods are safe for
// concurrent use.
type IMAP struct {
	tracer      *tracer
	conns       *connections
	connections *count.Counter
	commands    *count.Counter
	errors      *count.Counter
}

func newIMAP(b *binder, t *tracer, conns *connections) *IMAP {
	return &IMAP{
		tracer: t, conns: conns,
		connections: b.counter(imapConnections),
		commands:    b.counter(imapCommands),
		errors:      b.counter(imapErrors),
	}
}
