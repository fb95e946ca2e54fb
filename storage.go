package otelmail

import (
	"context"
	"time"

	"github.com/rusmes/otelmail/catalog"
)

var (
	storageMailboxes = define(catalog.Metric{
		Name: "mailboxes_total", Kind: catalog.Gauge, Unit: "{mailbox}", Fleet: catalog.Sum,
		Help: "Mailboxes now",
		Rise: "Accounts or folders are made. A sudden jump is an import, or a client that makes folders in a loop.",
	})
	storageMessages = define(catalog.Metric{
		Name: "messages_total", Kind: catalog.Gauge, Unit: "{message}", Fleet: catalog.Sum,
		Help: "Messages stored now",
		Rise: "Mail is kept. A sudden fall is mass deletion: by a user, a retention rule or a mistake.",
	})
	storageBytes = define(catalog.Metric{
		Name: "storage_bytes", Kind: catalog.Gauge, Unit: "By", Fleet: catalog.Sum,
		Help: "Bytes in storage now",
		Rise: "Compare with the size of the disk and order more space in time.",
	})
	storeDuration = define(catalog.Metric{
		Name: "store_operation_duration_seconds", Kind: catalog.Histogram, Unit: "s",
		Help: "How long operations on the mail store took",
		Rise: "The disk, the database or a lock has become slow: `append` delays what comes in, `fetch` and `search` what users see, `sync` both. A rise of `error` is a store that fails: see " + diskFree.Name + " and the log.",
		Labels: []catalog.Label{
			{Key: "op", Values: storeOps, Help: "What was done"},
			{Key: "result", Values: []string{"ok", "error"}, Help: "How it ended"},
		},
		Buckets: durationBuckets,
	})
	indexLag = define(catalog.Metric{
		Name: "index_lag_seconds", Kind: catalog.Gauge, Unit: "s", Fleet: catalog.Max,
		Help: "How far the search index is behind the store",
		Rise: "Users do not find their newest mail: the indexer is slow or stands still.",
	})
)

// Storage records what the mail store holds and does. All methods are safe for concurrent
// use.
type Storage struct {
	Mailboxes *Gauge // mailboxes
	Messages  *Gauge // stored messages
	Bytes     *Gauge // bytes in storage
	// IndexLag is how far the search index is behind the store, in seconds: the age of the
	// oldest change that it does not have yet, 0 for none.
	IndexLag *Gauge

	tracer   *tracer
	duration labelledHistogram
}

func newStorage(b *binder, t *tracer, handle func(error)) *Storage {
	return &Storage{
		Mailboxes: b.gauge(storageMailboxes, handle),
		Messages:  b.gauge(storageMessages, handle),
		Bytes:     b.gauge(storageBytes, handle),
		IndexLag:  b.gauge(indexLag, handle),
		tracer:    t,
		duration:  b.labelledHistogram(storeDuration),
	}
}

// StoreOp is an operation on the mail store.
type StoreOp uint8

// The operations.
const (
	StoreOther  StoreOp = iota // none of those below
	StoreAppend                // a message is put into a mailbox
	StoreFetch                 // messages, or parts of them, are read
	StoreSearch                // messages are searched for
	StoreCopy                  // messages are copied or moved
	StoreDelete                // messages or mailboxes are removed
	StoreList                  // mailboxes, or what is in one, are listed
	StoreSync                  // changes are written through to the disk or to another server
)

var storeOps = []string{"append", "fetch", "search", "copy", "delete", "list", "sync", "other"}

// String returns "append", "fetch", "search", "copy", "delete", "list", "sync" or "other".
func (o StoreOp) String() string { return nameAt(storeOps, o) }

// Operation begins an operation on the store. It has no span of its own; a sampled one in ctx
// becomes the exemplar.
func (s *Storage) Operation(ctx context.Context, op StoreOp) StoreOperation {
	return StoreOperation{orBackground(ctx), orEmpty(s), op, time.Now()}
}

// StoreOperation is an operation in progress. End it exactly once.
type StoreOperation struct {
	ctx     context.Context
	storage *Storage
	op      StoreOp
	begun   time.Time
}

// End ends the operation: [CauseNone] is ok, every other cause an error. What was asked for
// and is not there is no error of the store.
func (o StoreOperation) End(cause Cause) {
	if o.storage == nil {
		return
	}
	result := 0
	if cause != CauseNone {
		result = 1
	}
	if cause == CausePanic {
		o.storage.tracer.panicked(ComponentStorage)
	}
	o.storage.duration.record(o.ctx, time.Since(o.begun), at(o.op), result)
}
