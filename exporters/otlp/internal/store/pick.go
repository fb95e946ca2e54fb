package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Pick returns the oldest record that is neither settled nor set aside and marks it as
// being sent, until Settle, Release or Defer. What is on disk comes first; what is only in
// memory is returned while the disk fails. ok is false if there is nothing; body is nil
// if the record is damaged.
func (a *Account) Pick() (e Entry, body []byte, ok bool) {
	s := a.store
	s.disk.Lock()
	defer s.disk.Unlock()
	e, body, ok = a.pick(func(b *bbolt.Bucket) (Entry, []byte, bool, error) { return a.next(b, a.mark) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok || s.failing == nil {
		return e, body, ok
	}
	for _, r := range s.pending {
		if r.account == a && a.deferral(r.seq) < 0 {
			a.inFlight = r.seq
			return Entry{seq: r.seq, Items: int64(r.items), size: int64(len(r.body))}, r.body, true
		}
	}
	return Entry{}, nil, false
}

// PickBehind is Pick for the first record behind another one, given by its number, and
// only for what is on disk.
func (a *Account) PickBehind(number uint64) (e Entry, body []byte, ok bool) {
	a.store.disk.Lock()
	defer a.store.disk.Unlock()
	e, body, ok = a.pick(func(b *bbolt.Bucket) (Entry, []byte, bool, error) { return a.next(b, number) })
	e.ahead = true
	return e, body, ok
}

// pick reads a record and marks it as being sent. disk is held.
func (a *Account) pick(read func(*bbolt.Bucket) (Entry, []byte, bool, error)) (e Entry, body []byte, ok bool) {
	s := a.store
	err := s.guarded(func() error {
		return s.db.View(func(tx *bbolt.Tx) (err error) {
			e, body, ok, err = read(tx.Bucket([]byte(a.signal.Name)))
			return err
		})
	})
	if err != nil {
		if !errors.Is(err, errNotOpen) {
			s.Report(fmt.Errorf("read %s: %w", s.path, err))
		}
		return Entry{}, nil, false
	}
	if ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		a.inFlight = e.seq
	}
	return e, body, ok
}

// next reads the first record after a number that is not settled. A damaged body is
// returned as nil. disk is held.
func (a *Account) next(b *bbolt.Bucket, number uint64) (Entry, []byte, bool, error) {
	for {
		e, body, ok, err := readFrom(b, number+1)
		if !ok || err != nil || !a.done[e.seq] {
			return e, body, ok, err
		}
		number = e.seq
	}
}

// readFrom reads the first record whose number is not lower.
func readFrom(b *bbolt.Bucket, number uint64) (Entry, []byte, bool, error) {
	key, _ := b.Cursor().Seek(binary.BigEndian.AppendUint64(nil, number))
	if key == nil {
		return Entry{}, nil, false, nil
	}
	e, err := decodeKey(key)
	if err != nil {
		return e, nil, false, err
	}
	var value []byte
	if inner := b.Bucket(key); inner != nil {
		value = inner.Get(bodyName)
	}
	e, body, err := decodeRecord(key, value)
	if err != nil {
		return e, nil, true, nil //nolint:nilerr // the caller counts it
	}
	return e, append([]byte{}, body...), true, nil // the file's own bytes end with the transaction
}
