package store

import (
	"errors"
	"fmt"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
	"github.com/rusmes/otelmail/internal/privatefile"
)

// errUnfinished is a file that was being filled from a damaged one when the process died.
var errUnfinished = errors.New("it was not filled to the end")

// load checks the whole structure of the file and fills the accounts from it.
// The bodies are checked when they are sent.
func (s *Store) load() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	all := states(s.file)
	if len(all) == 0 {
		return &damageError{"it has no beginning"}
	}
	c := readContents(s.file, info.Size(), all[0], s.Signals, nil)
	switch {
	case c.empty():
		return s.db.Update(s.create)
	case c.foreign():
		return privatefile.ErrNotOurs
	case c.format != "" && c.format != fileFormat:
		return fmt.Errorf("%w: format %q", privatefile.ErrNotOurs, c.format)
	case c.source != "":
		s.aside = filepath.Join(s.Dir, filepath.Base(c.source))
		return errUnfinished
	case c.damage != nil:
		return c.damage
	}
	for _, a := range s.accounts {
		l, part := c.counts[a.signal.Name], c.parts[a.signal.Name]
		if missing := l.Disk - part.items; missing > 0 {
			s.Report(fmt.Errorf("%d %s are missing from %s", missing, a.signal.Items, s.path))
			l.Disk, l.Dropped[ledger.Damaged] = part.items, l.Dropped[ledger.Damaged]+missing
		}
		a.ledger, a.bytes, a.last = l, part.bytes, part.last
		s.seq = max(s.seq, part.last)
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
