package store

import (
	"errors"
	"io/fs"
	"os"

	"go.etcd.io/bbolt"
)

// renewAbove is the size from which a file without records is replaced, in bytes. A bbolt
// file never shrinks, and its list of free pages is written with every transaction.
const renewAbove = 8 << 20

// renew gives back the space of an outage when nothing waits any more: it replaces the
// file by a new one with the same counts. If that fails, the old one stays in use. disk
// is held.
func (s *Store) renew() {
	info, err := s.file.Stat()
	if err != nil || info.Size() < renewAbove {
		return
	}
	s.mu.Lock()
	empty := s.waiting() == 0 && len(s.pending) == 0 && s.failing == nil
	s.mu.Unlock()
	if !empty || s.broken != nil || s.db == nil {
		return
	}
	s.commit() // removes the settled records
	path := s.path + ".new"
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
	fresh := &Store{path: path, accounts: s.accounts}
	err = s.guarded(func() error { return fresh.copyCounts(s.db) })
	if err == nil {
		err = os.Rename(path, s.path)
	}
	if err != nil {
		fresh.abandon()
		_ = os.Remove(path)
		return
	}
	syncDir(s.Dir)
	old := s.db
	s.db, s.file, s.info = fresh.db, fresh.file, fresh.info
	_ = old.Close()
}

// copyCounts makes s a store without records and with the counts of from.
func (s *Store) copyCounts(from *bbolt.DB) error {
	if err := s.openFile(); err != nil {
		return err
	}
	return s.db.Update(func(tx *bbolt.Tx) error {
		if err := s.create(tx); err != nil {
			return err
		}
		counts := tx.Bucket(countsName)
		return from.View(func(old *bbolt.Tx) error {
			return old.Bucket(countsName).ForEach(counts.Put)
		})
	})
}
