package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Pick returns the oldest record that is not settled and marks it as being
// sent, until Settle or Release. What is on disk comes first; what is only in
// memory is returned while the disk fails. ok is false if there is nothing; body is nil
// if the record is damaged.
func (a *Account) Pick() (e Entry, body []byte, ok bool) {
	s := a.store
	s.disk.Lock()
	defer s.disk.Unlock()
	s.mu.Lock()
	mark := a.mark
	s.mu.Unlock()
	err := s.guarded(func() error {
		return s.db.View(func(tx *bbolt.Tx) (err error) {
			e, body, ok, err = oldest(tx.Bucket([]byte(a.signal.Name)), mark)
			return err
		})
	})
	if err != nil && !errors.Is(err, errNotOpen) {
		s.Report(fmt.Errorf("read %s: %w", s.path, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok && s.failing != nil {
		for _, r := range s.pending {
			if r.account == a {
				e, body, ok = Entry{seq: r.seq, Items: int64(r.items), size: int64(len(r.body))}, r.body, true
				break
			}
		}
	}
	if ok {
		a.inFlight = e.seq
	}
	return e, body, ok
}

// oldest reads the first record after mark. A damaged body is returned as nil.
func oldest(b *bbolt.Bucket, mark uint64) (Entry, []byte, bool, error) {
	key, _ := b.Cursor().Seek(binary.BigEndian.AppendUint64(nil, mark+1))
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
