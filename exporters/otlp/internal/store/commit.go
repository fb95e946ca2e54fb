package store

import (
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// save commits a change, or leaves it to sweep while the disk fails: an attempt with
// every request would only cost time. disk is held.
func (s *Store) save() {
	s.mu.Lock()
	failing := s.failing != nil
	if failing {
		s.wakeAll()
		s.announce()
	}
	s.mu.Unlock()
	if !failing {
		s.commit()
	}
}

// mostPerCommit bounds what one transaction adds, in bytes, except for a single larger
// request. So it bounds what an attempt costs while the disk is full and up to
// mostPending bytes wait.
const mostPerCommit = 1 << 20

// commit brings the file up to date with what is in memory. disk is held. If it
// fails, nothing is lost yet: the next commit writes it too.
func (s *Store) commit() {
	for s.commitSome() {
	}
}

// commitSome is one transaction. It returns true if there is more to write.
func (s *Store) commitSome() (more bool) {
	s.mu.Lock()
	changes := make([]*change, len(s.accounts))
	for i, a := range s.accounts {
		changes[i] = &change{account: a, before: a.ledger, after: a.ledger, bytes: a.bytes, mark: a.mark, done: slices.Collect(maps.Keys(a.done)), keep: a.inFlight}
	}
	var records []*record
	size := 0
	for _, r := range s.pending {
		if size += len(r.body); size > mostPerCommit && len(records) > 0 {
			break
		}
		records = append(records, r)
	}
	s.mu.Unlock()

	err := s.guarded(func() error {
		return s.db.Update(func(tx *bbolt.Tx) error { return s.write(tx, changes, records) })
	})

	s.mu.Lock()
	s.failing = err
	if err == nil {
		for _, c := range changes {
			c.apply()
		}
		for range records {
			s.forget(0) // Settle, which may take one out of the middle, needs disk too
		}
	}
	more = err == nil && len(s.pending) > 0
	s.wakeAll()
	s.announce()
	s.mu.Unlock()
	if err != nil {
		s.Report(fmt.Errorf("write %s: %w", s.path, err))
		return false
	}
	for _, c := range changes {
		for _, why := range []ledger.Reason{ledger.TooOld, ledger.TooManyBytes} {
			if n := c.after.Dropped[why] - c.before.Dropped[why]; n > 0 {
				s.Report(fmt.Errorf("%d %s dropped from %s: %s", n, c.account.signal.Items, s.Dir, why))
			}
		}
	}
	return more
}

func (s *Store) write(tx *bbolt.Tx, changes []*change, records []*record) error {
	oldest := time.Now().Add(-s.MaxAge)
	for _, c := range changes {
		if err := c.tidy(tx, oldest); err != nil {
			return err
		}
	}
	for _, r := range records {
		if err := s.makeRoom(tx, changes, fileSize(int64(len(r.body)))); err != nil {
			return err
		}
		for _, c := range changes {
			if c.account == r.account {
				if err := c.add(tx, r); err != nil {
					return err
				}
			}
		}
	}
	for _, c := range changes {
		if err := putCounts(tx, c.account, c.after); err != nil {
			return err
		}
	}
	return nil
}

func putCounts(tx *bbolt.Tx, a *Account, l ledger.Ledger) error {
	data, err := encodeLedger(l)
	if err != nil {
		return err
	}
	return tx.Bucket(countsName).Put([]byte(a.signal.Name), data)
}

var errNotOpen = errors.New("the file is closed")

// guarded calls use, which uses the file. A damaged file makes the library panic or read
// outside of its mapping; either becomes an error here, after which the file is not
// used again. disk is held.
func (s *Store) guarded(use func() error) (err error) {
	if s.broken != nil {
		return s.broken
	}
	if s.db == nil {
		return errNotOpen
	}
	err = onDamage(use)
	var d *damageError
	if errors.As(err, &d) {
		s.broken = err
	}
	return err
}

// damageError is an error about the content of the file.
type damageError struct{ text string }

func (e *damageError) Error() string { return "the file is damaged: " + e.text }

func onDamage(use func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &damageError{fmt.Sprint(p)}
		}
	}()
	return use()
}
