package otelmail

import "context"

var (
	storageMailboxes = define(Metric{
		Name: "mailboxes_total", Kind: Gauge, Unit: "{mailbox}",
		Help: "Mailboxes now",
		Rise: "Accounts or folders are made. A sudden jump is an import, or a client that makes folders in a loop.",
	})
	storageMessages = define(Metric{
		Name: "messages_total", Kind: Gauge, Unit: "{message}",
		Help: "Messages stored now",
		Rise: "Mail is kept. A sudden fall is mass deletion: by a user, a retention rule or a mistake.",
	})
	storageBytes = define(Metric{
		Name: "storage_bytes", Kind: Gauge, Unit: "By",
		Help: "Bytes in storage now",
		Rise: "Compare with the size of the disk and order more space in time.",
	})
)

// Storage records what the mail store holds. Report changes as they happen (Add),
// the whole (Set), or give a function to call at each collection (Observe). All
// methods are safe for concurrent use.
type Storage struct{ mailboxes, messages, bytes *observed }

func newStorage(b *binder, handle func(error)) *Storage {
	return &Storage{
		mailboxes: b.observedGauge(storageMailboxes, handle),
		messages:  b.observedGauge(storageMessages, handle),
		bytes:     b.observedGauge(storageBytes, handle),
	}
}

// SetMailboxes sets the number of mailboxes.
func (s *Storage) SetMailboxes(n int64) { orEmpty(s).mailboxes.set(n) }

// AddMailboxes changes the number of mailboxes.
func (s *Storage) AddMailboxes(n int64) { orEmpty(s).mailboxes.Add(n) }

// ObserveMailboxes calls fn at each collection for the number of mailboxes. If fn
// fails, panics or hangs, the last value is shown.
func (s *Storage) ObserveMailboxes(fn func(context.Context) (int64, error)) {
	orEmpty(s).mailboxes.observe(fn)
}

// SetMessages sets the number of stored messages.
func (s *Storage) SetMessages(n int64) { orEmpty(s).messages.set(n) }

// AddMessages changes the number of stored messages.
func (s *Storage) AddMessages(n int64) { orEmpty(s).messages.Add(n) }

// ObserveMessages is [Storage.ObserveMailboxes] for the stored messages.
func (s *Storage) ObserveMessages(fn func(context.Context) (int64, error)) {
	orEmpty(s).messages.observe(fn)
}

// SetBytes sets the number of bytes in storage.
func (s *Storage) SetBytes(n int64) { orEmpty(s).bytes.set(n) }

// AddBytes changes the number of bytes in storage.
func (s *Storage) AddBytes(n int64) { orEmpty(s).bytes.Add(n) }

// ObserveBytes is [Storage.ObserveMailboxes] for the bytes in storage.
func (s *Storage) ObserveBytes(fn func(context.Context) (int64, error)) { orEmpty(s).bytes.observe(fn) }
