package otlp

import (
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// load checks the whole structure of the file and fills the accounts from it.
// The bodies are checked when they are read.
func (s *store) load() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	fresh := false
	err = s.db.View(func(tx *bbolt.Tx) error {
		if tx.Size() > info.Size() {
			return &damageError{fmt.Sprintf("it has %d of %d bytes", info.Size(), tx.Size())}
		}
		owner := tx.Bucket(ownerName)
		if owner == nil {
			first, _ := tx.Cursor().First()
			fresh = first == nil
			if !fresh {
				return errNotOurs
			}
			return nil
		}
		if format := owner.Get(formatName); string(format) != fileFormat {
			return fmt.Errorf("%w: format %q", errNotOurs, format)
		}
		return nil
	})
	if err == nil && fresh {
		err = s.db.Update(create)
	}
	if err != nil {
		return err
	}
	for _, sig := range []signal{traces, metrics, logs} {
		if err := s.loadAccount(s.account(sig)); err != nil {
			return err
		}
	}
	return nil
}

func create(tx *bbolt.Tx) error {
	for _, name := range [][]byte{[]byte(traces.name), []byte(metrics.name), []byte(logs.name), countsName} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	owner, err := tx.CreateBucketIfNotExists(ownerName)
	if err != nil {
		return err
	}
	return owner.Put(formatName, []byte(fileFormat))
}

func (s *store) loadAccount(a *account) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		b, counts := tx.Bucket([]byte(a.signal.name)), tx.Bucket(countsName)
		if b == nil || counts == nil {
			return &damageError{"a part of it is missing"}
		}
		var l ledger
		if data := counts.Get([]byte(a.signal.name)); data != nil {
			var err error
			if l, err = decodeLedger(slices.Clone(data)); err != nil {
				return &damageError{err.Error()}
			}
		}
		var items int64
		cursor := b.Cursor()
		for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
			e, err := decodeKey(key)
			if err != nil || value != nil {
				return &damageError{errDamagedRecord.Error()}
			}
			items += e.items
			a.bytes += room(e.size)
			a.last = e.seq
			s.seq = max(s.seq, e.seq)
		}
		if items > l.disk {
			return &damageError{fmt.Sprintf("it counts %d %s and has %d", l.disk, a.signal.items, items)}
		}
		if missing := l.disk - items; missing > 0 {
			s.report(fmt.Errorf("%d %s are missing from %s", missing, a.signal.items, s.path))
			l.disk, l.dropped[damaged] = items, l.dropped[damaged]+missing
		}
		a.ledger, a.start = l, l
		return nil
	})
}
