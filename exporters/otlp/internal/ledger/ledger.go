// Package ledger counts what became of everything that one signal produced: with a
// buffer on disk or without, every item waits, was sent, or was dropped for a reason,
// and is counted under exactly one of these.
package ledger

import (
	"fmt"
	"strings"
	"sync"
)

// Reason is why something was dropped.
type Reason int

// The reasons.
const (
	QueueFull    Reason = iota // did not fit the queue in memory
	TooOld                     // waited too long, was tried for too long, or is too old for the receiver
	TooManyBytes               // had to leave a full buffer
	TooLarge                   // the receiver, or the buffer, takes no request of this size
	Rejected                   // the receiver refused it for good
	Disk                       // could not be written
	Damaged                    // could not be read back, or not be put into protobuf
	Shutdown                   // was only in memory, and not sent, when the process ended
	Reasons                    // how many there are
)

var names = [Reasons]string{"queue_full", "too_old", "too_many_bytes", "too_large", "rejected", "disk", "damaged", "shutdown"}

// String returns the name that is stored on disk and shown in errors.
func (r Reason) String() string { return names[r] }

// Ledger counts the items of one signal. At every moment Produced is the sum of all the
// other counts.
type Ledger struct {
	Produced, Sent int64
	Dropped        [Reasons]int64
	Memory, Disk   int64 // waiting, by place
}

// Lost is all that was dropped.
func (l Ledger) Lost() (n int64) {
	for _, dropped := range l.Dropped {
		n += dropped
	}
	return n
}

// Balanced reports whether everything is accounted for.
func (l Ledger) Balanced() bool { return l.Produced == l.Sent+l.Lost()+l.Memory+l.Disk }

// Reasons is the text for what was dropped since an earlier state: "3 rejected, 1 too_old".
func (l Ledger) Reasons(before Ledger) string {
	var parts []string
	for r, n := range l.Dropped {
		if n -= before.Dropped[r]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, Reason(r)))
		}
	}
	return strings.Join(parts, ", ")
}

// Book keeps a Ledger whose items wait only in memory. It is safe for concurrent use.
type Book struct {
	mu     sync.Mutex
	ledger Ledger
	closed bool
}

// Accept counts items that were produced and wait.
func (b *Book) Accept(n int64) { b.move(Ledger{Produced: n, Memory: n}) }

// Drop gives up items that wait.
func (b *Book) Drop(n int64, why Reason) { b.Settle(n, 0, why) }

// Settle ends the waiting of n items: sent of them were sent, the rest are dropped.
func (b *Book) Settle(n, sent int64, why Reason) {
	m := Ledger{Sent: sent, Memory: -n}
	m.Dropped[why] = n - sent
	b.move(m)
}

func (b *Book) move(by Ledger) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.ledger.Produced += by.Produced
	b.ledger.Sent += by.Sent
	b.ledger.Memory += by.Memory
	for r, n := range by.Dropped {
		b.ledger.Dropped[r] += n
	}
}

// Ledger is the state now.
func (b *Book) Ledger() Ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger
}

// Close drops what still waits. Nothing is counted afterwards, so that a goroutine which
// hung and goes on later does not count its items a second time.
func (b *Book) Close(why Reason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ledger.Dropped[why] += b.ledger.Memory
	b.ledger.Memory, b.closed = 0, true
}
