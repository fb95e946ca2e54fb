package life

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/rusmes/otelmail/internal/privatefile"
)

// FileName is the name of the file.
const FileName = "otelmail-live.db"

const (
	asideEnd = ".damaged" // of a damaged file; there is one at most
	lockWait = time.Second
)

// openDisk opens the file, or creates it, and takes up what an earlier process has left. A
// damaged file is set aside.
func (s *Store) openDisk() error {
	s.Dir = filepath.Clean(s.Dir)
	file := privatefile.Database{Setting: s.Setting, Dir: s.Dir, Name: FileName}
	if err := file.MakeDir(); err != nil {
		return err
	}
	d, err := s.newDisk()
	if errors.Is(err, errFileDamaged) {
		if aside := os.Rename(d.path, d.path+asideEnd); aside != nil {
			return file.Wrong("a directory in which this process may rename "+FileName, errors.Join(err, aside))
		}
		s.Report(fmt.Errorf("live: %s: %w: it is now %s, and the events in it are not found", d.path, err, FileName+asideEnd))
		d, err = s.newDisk()
	}
	if err := file.Opened(err); err != nil {
		return err
	}
	s.disk = d
	return nil
}

// newDisk opens the file once. The disk is not nil beside an error, which is errFileDamaged
// where that is about the content.
func (s *Store) newDisk() (*disk, error) {
	d := &disk{
		store: s, path: filepath.Join(s.Dir, FileName), reads: make(chan struct{}, mostReads),
		ending: make(chan struct{}), ended: make(chan struct{}),
	}
	s.seq, s.keys = 0, keys{}
	for i := range s.shelves {
		s.shelves[i] = shelf{most: s.share(i)}
	}
	err := d.guarded(d.open)
	if err == nil {
		err = d.guarded(func() error {
			if err := d.db.Update(create); err != nil {
				return err
			}
			return d.db.View(d.load)
		})
	}
	if err == nil {
		return d, nil
	}
	if d.db != nil && d.broken.Load() == nil {
		_ = d.db.Close()
	} else if d.file != nil {
		_ = d.file.Close()
	}
	return d, asDamage(err)
}

func (d *disk) open() (err error) {
	d.db, err = bbolt.Open(d.path, 0o600, &bbolt.Options{
		Timeout:      lockWait,
		FreelistType: bbolt.FreelistMapType,
		MaxSize:      int(d.store.MaxBytes),
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := privatefile.Open(name, flag, mode)
			d.file = f
			return f, err
		},
	})
	if err == nil {
		d.db.AllocSize = 1 << 20 // the default, 16 MiB, would leave that much of the bound unused
	}
	return err
}

// asDamage marks an error of the library that is about the content. Those of the system (no
// access, no space) are not.
func asDamage(err error) error {
	var path *fs.PathError
	var number syscall.Errno
	switch {
	case errors.As(err, &path), errors.As(err, &number), errors.Is(err, errFileDamaged), errors.Is(err, privatefile.ErrNotOurs),
		errors.Is(err, bolterrors.ErrTimeout), errors.Is(err, bolterrors.ErrMaxSizeReached), errors.Is(err, privatefile.ErrNotPrivate):
		return err
	}
	return fmt.Errorf("%w: %w", errFileDamaged, err)
}

// create makes an empty file ours.
func create(tx *bbolt.Tx) error {
	if owner := tx.Bucket(ownerName); owner != nil {
		if format := owner.Get(formatName); !bytes.Equal(format, fileFormat) {
			return fmt.Errorf("%w: format %q", privatefile.ErrNotOurs, format)
		}
		return nil
	}
	if first, _ := tx.Cursor().First(); first != nil {
		return fmt.Errorf("%w: it has other content", privatefile.ErrNotOurs)
	}
	for _, name := range [][]byte{openName, shelfNames[0], shelfNames[1], ownerName} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return tx.Bucket(ownerName).Put(formatName, fileFormat)
}

// load takes up what is in the file.
func (d *disk) load(tx *bbolt.Tx) error {
	s := d.store
	if text := tx.Bucket(ownerName).Get(keysName); text != nil {
		if err := json.Unmarshal(text, &s.keys.Used); err != nil {
			return err
		}
	}
	for i, name := range shelfNames {
		bucket := tx.Bucket(name)
		if bucket == nil {
			return fmt.Errorf("%w: %q is missing", errFileDamaged, name)
		}
		err := bucket.ForEach(func(k, v []byte) error {
			p, err := unmarshal(v)
			if err != nil || len(k) != 8 {
				return errors.Join(errFileDamaged, err)
			}
			seq := binary.BigEndian.Uint64(k)
			s.seq = max(s.seq, seq)
			d.parts[i] = append(d.parts[i], saved{seq, p.first, p.last, p.len(), fileSize(int64(len(v)))})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return d.loadOpen(tx.Bucket(openName))
}

// loadOpen takes up the segments that were not full: each becomes one in memory, as full as
// it is.
func (d *disk) loadOpen(open *bbolt.Bucket) error {
	if open == nil {
		return fmt.Errorf("%w: %q is missing", errFileDamaged, openName)
	}
	s := d.store
	type unfinished struct {
		segment
		shelf int
	}
	var all []*unfinished
	var seqs []uint64
	err := open.ForEach(func(k, v []byte) error {
		more, err := unmarshal(v)
		if err != nil || len(k) != 13 || k[8] > ofNoMessage {
			return errors.Join(errFileDamaged, err)
		}
		seq := binary.BigEndian.Uint64(k)
		if len(seqs) == 0 || seqs[len(seqs)-1] != seq {
			all, seqs = append(all, &unfinished{shelf: int(k[8])}), append(seqs, seq)
		}
		all[len(all)-1].join(more)
		d.chunks = max(d.chunks, binary.BigEndian.Uint32(k[9:]))
		return nil
	})
	if err != nil {
		return err
	}
	for n, u := range all {
		s.seq = max(s.seq, seqs[n])
		w := newWriter(seqs[n], u.len())
		for i := range u.len() {
			e, err := u.event(i)
			if err != nil {
				return errors.Join(errFileDamaged, err)
			}
			w.add(&e)
		}
		shelf := &s.shelves[u.shelf]
		p := w.seal()
		shelf.sealed = append(shelf.sealed, p)
		shelf.bytes += p.size()
	}
	return nil
}
