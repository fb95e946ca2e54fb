package otlp

import (
	"fmt"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// mostPending bounds the requests kept in memory while the disk takes none, in
// bytes over all signals.
const mostPending = 16 << 20

// store keeps requests of all signals in one file until they are settled: sent,
// or given up. Its ledgers and its records change in the same transactions, so
// that they agree whenever the process dies.
type store struct {
	dir, path string
	maxBytes  int64
	maxAge    time.Duration
	report    func(error)
	setAside  int64 // damaged files in dir

	// disk is held while the file is in use, and never by code that an
	// application waits for. It is taken before mu.
	disk sync.Mutex
	db   *bbolt.DB
	file *os.File
	info os.FileInfo // of file, when it was opened
	// broken says that the file must not be touched again: reading it was
	// cut off by a panic, which may have left locks behind.
	broken error

	mu       sync.Mutex // never held during input or output
	seq      uint64     // of the last record
	accounts []*account
	pending  []*record // not yet on disk, in order, of all accounts
	failing  error     // why the last transaction failed
	users    int
	changed  chan struct{} // closed and replaced when something was settled or stored

	ending chan struct{}
	ended  chan struct{}
}

// account is one signal in the store. The store's mu guards it.
type account struct {
	signal   signal
	ledger   ledger
	start    ledger // when the file was opened
	bytes    int64  // room of what is on disk
	last     uint64 // seq of the last record put
	mark     uint64 // all records up to this one are settled
	inFlight uint64 // seq of the record that is being sent, 0 for none
	pending  int64  // bytes of it in pending
	wake     chan struct{}
}

func (s *store) account(sig signal) *account {
	for _, a := range s.accounts {
		if a.signal.name == sig.name {
			return a
		}
	}
	a := &account{signal: sig, wake: make(chan struct{}, 1)}
	s.accounts = append(s.accounts, a)
	return a
}

// accept counts an item that was produced and waits in memory.
func (s *store) accept(a *account, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.ledger.produced += n
	a.ledger.memory += n
}

// drop gives up items that wait in memory.
func (s *store) drop(a *account, n int64, why reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.ledger.memory -= n
	a.ledger.dropped[why] += n
}

func (s *store) ledger(a *account) ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	return a.ledger
}

// put stores a request with items that were accepted before. It returns when
// they are safe on disk, kept in memory because the disk fails, or dropped.
func (s *store) put(a *account, items int64, body []byte) {
	if room(int64(len(body))) > s.maxBytes {
		s.drop(a, items, tooLarge)
		s.report(fmt.Errorf("a request of %d bytes does not fit the buffer's %d; %d %s dropped", len(body), s.maxBytes, items, a.signal.items))
		return
	}
	s.mu.Lock()
	if err := s.failing; err != nil && s.pendingBytes()+int64(len(body)) > mostPending {
		s.mu.Unlock()
		s.drop(a, items, diskFailed)
		s.report(fmt.Errorf("%d %s dropped: the buffer cannot be written and memory for it is full: %w", items, a.signal.items, err))
		return
	}
	s.seq++
	r := &record{seq: s.seq, at: time.Now().UnixMilli(), items: uint32(items), body: body} //nolint:gosec // a batch is far smaller
	s.pending = append(s.pending, r)
	a.last, a.pending = r.seq, a.pending+int64(len(body))
	r.account = a
	if s.failing != nil { // sweep tries again, maybe at this moment, for as long as it takes
		s.wakeAll()
		s.announce()
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()

	s.disk.Lock()
	defer s.disk.Unlock()
	if s.isPending(r.seq) { // else another put's transaction took it along
		s.save()
	}
}

func (s *store) pendingBytes() (n int64) {
	for _, a := range s.accounts {
		n += a.pending
	}
	return n
}

func (s *store) isPending(seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.pending {
		if r.seq == seq {
			return true
		}
	}
	return false
}

// settle ends the record that pick gave: sent of its items were taken, the rest
// is dropped for a reason.
func (s *store) settle(a *account, e entry, sent int64, why reason) {
	s.disk.Lock()
	defer s.disk.Unlock()
	s.mu.Lock()
	place := &a.ledger.disk
	for i, r := range s.pending {
		if r.seq == e.seq {
			place = &a.ledger.memory
			s.forget(i)
			break
		}
	}
	*place -= e.items
	a.ledger.sent += sent
	a.ledger.dropped[why] += e.items - sent
	a.mark, a.inFlight = e.seq, 0
	s.mu.Unlock()
	s.save()
}

// forget takes one record out of pending. mu is held.
func (s *store) forget(i int) {
	r := s.pending[i]
	r.account.pending -= int64(len(r.body))
	s.pending = append(s.pending[:i:i], s.pending[i+1:]...)
}

// release ends the sending of a record that stays.
func (s *store) release(a *account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.inFlight = 0
	s.announce()
}

// wakeAll has every account that has something look for it. mu is held.
func (s *store) wakeAll() {
	for _, a := range s.accounts {
		if a.ledger.disk > 0 || a.pending > 0 {
			select {
			case a.wake <- struct{}{}:
			default:
			}
		}
	}
}

// announce wakes those who wait for a change. mu is held.
func (s *store) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}
