// Package store keeps requests in one file until they are settled: sent, or given up.
// It is the buffer on disk.
package store

import (
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// Config configures a Store.
type Config struct {
	Dir      string
	Setting  string // that named Dir, for errors
	MaxBytes int64  // of all records in the file
	MaxAge   time.Duration
	Signals  []Signal
	Report   func(error) // is called with what goes wrong, never by code that an application waits for
}

// Signal is a kind of telemetry, with an account of its own.
type Signal struct {
	Name  string
	Items string // what is counted, as in errors
}

// mostPending bounds the requests kept in memory while the disk fails, in bytes over
// all signals.
const mostPending = 16 << 20

// Store is the file. Its ledgers and its records change in the same transactions,
// so that they agree whenever the process dies.
type Store struct {
	Config
	path   string
	aside  string // the damaged file from which the new one is being filled
	opened bool   // Open has succeeded

	// disk is held while the file is in use, and never by code that an
	// application waits for. It is taken before mu.
	disk sync.Mutex
	db   *bbolt.DB
	file *os.File
	info os.FileInfo // of file, when it was opened
	// broken is why the file must not be used again: it is damaged, and a panic of
	// the library may have left locks behind.
	broken error

	mu       sync.Mutex // never held during input or output
	setAside int64      // damaged files in Dir
	seq      uint64     // of the last record
	accounts []*Account
	pending  []*record // not yet on disk, in order, of all accounts
	failing  error     // why the last transaction failed
	users    int
	changed  chan struct{} // closed and replaced when something was settled or stored

	ending chan struct{}
	ended  chan struct{}
}

// SetAside is how many damaged files there are beside the file.
func (s *Store) SetAside() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setAside
}

// Failing is why the file cannot be written now; nil if it can.
func (s *Store) Failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failing
}

// Join begins the use of the account of that name, until its Leave.
func (s *Store) Join(name string) *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
	return s.account(name)
}

func (s *Store) account(name string) *Account {
	for _, a := range s.accounts {
		if a.signal.Name == name {
			return a
		}
	}
	return nil // not one of Signals
}

// Hold blocks all use of the file until release is called, as a disk that hangs does:
// for tests.
func (s *Store) Hold() (release func()) {
	s.disk.Lock()
	return s.disk.Unlock
}

func (s *Store) pendingBytes() (n int64) {
	for _, a := range s.accounts {
		n += a.pending
	}
	return n
}

func (s *Store) isPending(seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.pending {
		if r.seq == seq {
			return true
		}
	}
	return false
}

// forget takes one record out of pending. mu is held.
func (s *Store) forget(i int) {
	r := s.pending[i]
	r.account.pending -= int64(len(r.body))
	s.pending = append(s.pending[:i:i], s.pending[i+1:]...)
}

// wakeAll wakes every account that has something to send. mu is held.
func (s *Store) wakeAll() {
	for _, a := range s.accounts {
		if a.ledger.Disk > 0 || a.pending > 0 {
			select {
			case a.wake <- struct{}{}:
			default:
			}
		}
	}
}

// announce wakes those who wait for a change. mu is held.
func (s *Store) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}
