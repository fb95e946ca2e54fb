package store

import (
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// load checks the whole structure of the file and fills the accounts from it.
// The bodies are checked when they are read.
func (s *Store) load() error {
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
		err = s.db.Update(s.create)
	}
	if err != nil {
		return err
	}
	for _, a := range s.accounts {
		if err := s.loadAccount(a); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) create(tx *bbolt.Tx) error {
	for _, a := range s.accounts {
		if _, err := tx.CreateBucketIfNotExists([]byte(a.signal.Name)); err != nil {
			return err
		}
	}
	if _, err := tx.CreateBucketIfNotExists(countsName); err != nil {
		return err
	}
	owner, err := tx.CreateBucketIfNotExists(ownerName)
	if err != nil {
		return err
	}
	return owner.Put(formatName, []byte(fileFormat))
}

func (s *Store) loadAccount(a *Account) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		b, counts := tx.Bucket([]byte(a.signal.Name)), tx.Bucket(countsName)
		if b == nil || counts == nil {
			return &damageError{"a part of it is missing"}
		}
		var l ledger.Ledger
		if data := counts.Get([]byte(a.signal.Name)); data != nil {
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
			items += e.Items
			a.bytes += fileSize(e.size)
			a.last = e.seq
			s.seq = max(s.seq, e.seq)
		}
		if items > l.Disk {
			return &damageError{fmt.Sprintf("it counts %d %s and has %d", l.Disk, a.signal.Items, items)}
		}
		if missing := l.Disk - items; missing > 0 {
			s.Report(fmt.Errorf("%d %s are missing from %s", missing, a.signal.Items, s.path))
			l.Disk, l.Dropped[ledger.Damaged] = items, l.Dropped[ledger.Damaged]+missing
		}
		a.ledger, a.start = l, l
		return nil
	})
}
