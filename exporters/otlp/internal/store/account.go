package store

import (
	"fmt"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// Account is one signal in the store. The store's mu guards it.
type Account struct {
	store    *Store
	signal   Signal
	ledger   ledger.Ledger
	start    ledger.Ledger   // when the file was opened
	bytes    int64           // what its records take in the file, see fileSize
	last     uint64          // seq of the last record put
	mark     uint64          // all records up to this one are settled or set aside
	tidied   uint64          // the mark up to which settled records are gone from the file
	done     map[uint64]bool // records that were settled out of order and may still be in the file
	deferred []deferral
	inFlight uint64 // seq of the record that is being sent, 0 for none
	pending  int64  // bytes of its records in the store's pending
	wake     chan struct{}
}

// Accept counts items that were produced and wait in memory.
func (a *Account) Accept(n int64) {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	a.ledger.Produced += n
	a.ledger.Memory += n
}

// Drop gives up items that wait in memory.
func (a *Account) Drop(n int64, why ledger.Reason) {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	a.ledger.Memory -= n
	a.ledger.Dropped[why] += n
}

// Ledger is what became of everything, over all processes that used the file.
func (a *Account) Ledger() ledger.Ledger {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	return a.ledger
}

// Start is the Ledger as it was when the file was opened.
func (a *Account) Start() ledger.Ledger { return a.start }

// Wake has a value when there may be something to pick.
func (a *Account) Wake() <-chan struct{} { return a.wake }

// Last is the number of the record that was put last.
func (a *Account) Last() uint64 {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	return a.last
}

// Settled reports whether all records up to that number are settled or set aside. changed is closed
// when the answer may have changed.
func (a *Account) Settled(number uint64) (yes bool, changed <-chan struct{}) {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	return a.mark >= number || a.ledger.Disk == 0 && a.pending == 0, a.store.changed
}

// Put stores a request with items that were accepted before. It returns when
// they are safe on disk, kept in memory because the disk fails, or dropped.
func (a *Account) Put(items int64, body []byte) {
	s := a.store
	if fileSize(int64(len(body))) > s.MaxBytes {
		a.Drop(items, ledger.TooLarge)
		s.Report(fmt.Errorf("a request of %d bytes does not fit the buffer's %d; %d %s dropped", len(body), s.MaxBytes, items, a.signal.Items))
		return
	}
	s.mu.Lock()
	if err := s.failing; err != nil && s.pendingBytes()+int64(len(body)) > mostPending {
		s.mu.Unlock()
		a.Drop(items, ledger.Disk)
		s.Report(fmt.Errorf("%d %s dropped: the buffer cannot be written and memory for it is full: %w", items, a.signal.Items, err))
		return
	}
	s.seq++
	r := &record{seq: s.seq, at: time.Now().UnixMilli(), items: uint32(items), body: body, account: a} //nolint:gosec // a batch is far smaller
	s.pending = append(s.pending, r)
	a.last, a.pending = r.seq, a.pending+int64(len(body))
	if s.failing != nil { // sweep tries again; it may be doing so now, and hang
		s.wakeAll()
		s.announce()
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()

	s.disk.Lock()
	defer s.disk.Unlock()
	if s.isPending(r.seq) { // else another Put's transaction has stored it
		s.save()
	}
}

// Settle ends a record that was picked: sent of its items were taken, the rest are
// dropped for a reason.
func (a *Account) Settle(e Entry, sent int64, why ledger.Reason) {
	s := a.store
	s.disk.Lock()
	defer s.disk.Unlock()
	s.mu.Lock()
	place := &a.ledger.Disk
	for i, r := range s.pending {
		if r.seq == e.seq {
			place = &a.ledger.Memory
			s.forget(i)
			break
		}
	}
	*place -= e.Items
	a.ledger.Sent += sent
	a.ledger.Dropped[why] += e.Items - sent
	a.inFlight = 0
	if a.undefer(e.seq) || e.ahead {
		if place == &a.ledger.Disk {
			a.done[e.seq] = true
		}
	} else {
		a.mark = e.seq
	}
	s.mu.Unlock()
	s.save()
}

// isSettled reports whether a record needs no place in the file. disk is held.
func (a *Account) isSettled(seq uint64) bool {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	return a.done[seq] || seq <= a.mark && a.deferral(seq) < 0
}

// Release ends an attempt to send a record, which stays in the store.
func (a *Account) Release() {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	a.inFlight = 0
	a.store.announce()
}
