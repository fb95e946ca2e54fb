package otlp

import (
	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// Stats counts what became of one signal at one destination. Spans and log records
// are counted one by one, metrics by the data points of each collection. At every moment
// Produced is Sent, Waiting and Failed together. With a buffer (see [Buffer]) the numbers
// go on where an earlier process left them.
type Stats struct {
	Signal string // "traces", "metrics" or "logs"
	Where  string // the endpoint without credentials and its own path, or "standard output"

	Produced int64   // handed over
	Sent     int64   // taken by the receiver
	Waiting  int64   // in memory or on disk; 0 without a buffer after Shutdown
	Failed   int64   // given up
	Dropped  Dropped // Failed, by reason
	OnDisk   int64   // the part of Waiting that would survive the process
	Deferred int64   // the part of OnDisk in requests that the receiver does not take, although it takes others
	SetAside int64   // damaged files beside the buffer; what could not be read of them is in Dropped
}

// Dropped counts what was given up, by reason.
type Dropped struct {
	QueueFull    int64 // the queue in memory was full: the disk, or without a buffer the receiver, did not keep up
	TooOld       int64 // waited longer than MaxAge; without a buffer, was tried for too long; or older than Prometheus takes
	TooManyBytes int64 // the oldest, to keep within MaxBytes
	TooLarge     int64 // the receiver, or the buffer, takes no request of this size
	Rejected     int64 // the receiver refused it for good; without a buffer, also for a wrong setting (401, 404)
	Disk         int64 // could not be written, and memory was full too
	Damaged      int64 // could not be read back, or not be put into protobuf
	Shutdown     int64 // not sent when Shutdown had no more time, and not on disk
}

func statsOf(l ledger.Ledger, s signal, where string) Stats {
	return Stats{
		Signal: s.name, Where: where,
		Produced: l.Produced, Sent: l.Sent, Waiting: l.Memory + l.Disk, Failed: l.Lost(), OnDisk: l.Disk,
		Dropped: Dropped{
			QueueFull: l.Dropped[ledger.QueueFull], TooOld: l.Dropped[ledger.TooOld],
			TooManyBytes: l.Dropped[ledger.TooManyBytes], TooLarge: l.Dropped[ledger.TooLarge],
			Rejected: l.Dropped[ledger.Rejected], Disk: l.Dropped[ledger.Disk],
			Damaged: l.Dropped[ledger.Damaged], Shutdown: l.Dropped[ledger.Shutdown],
		},
	}
}
