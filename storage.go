package otelmail

import "github.com/rusmes/otelmail/catalog"

var (
	storageMailboxes = define(catalog.Metric{
		Name: "mailboxes_total", Kind: catalog.Gauge, Unit: "{mailbox}",
		Help: "Mailboxes now",
		Rise: "Accounts or folders are made. A sudden jump is an import, or a client that makes folders in a loop.",
	})
	storageMessages = define(catalog.Metric{
		Name: "messages_total", Kind: catalog.Gauge, Unit: "{message}",
		Help: "Messages stored now",
		Rise: "Mail is kept. A sudden fall is mass deletion: by a user, a retention rule or a mistake.",
	})
	storageBytes = define(catalog.Metric{
		Name: "storage_bytes", Kind: catalog.Gauge, Unit: "By",
		Help: "Bytes in storage now",
		Rise: "Compare with the size of the disk and order more space in time.",
	})
)

// Storage records what the mail store holds.
type Storage struct {
	Mailboxes *Gauge // mailboxes
	Messages  *Gauge // stored messages
	Bytes     *Gauge // bytes in storage
}

func newStorage(b *binder, handle func(error)) *Storage {
	return &Storage{
		Mailboxes: b.gauge(storageMailboxes, handle),
		Messages:  b.gauge(storageMessages, handle),
		Bytes:     b.gauge(storageBytes, handle),
	}
}
