package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/rusmes/otelmail/internal/privatefile"
)

// FileName is the name of the file.
const FileName = "otelmail-otlp.db"

const fileFormat = "1"

// The file has a bucket for each signal, one for the counts, and one that shows that
// the file is ours and in which format.
var (
	ownerName  = []byte("otelmail")
	formatName = []byte("format")
	countsName = []byte("counts")
	sourceName = []byte("source") // of a file that is being filled: the damaged one
)

// lockWait is how long to wait for another process to close the file.
const lockWait = time.Second

// Open opens the file in the directory, or creates it. A damaged file is set aside under
// another name and reported, and what can be read of it is kept; one that cannot be opened or
// written is an error.
func Open(c Config) (*Store, error) {
	c.Dir = filepath.Clean(c.Dir) // a slash at its end would follow a link
	file := privatefile.Database{Setting: c.Setting, Dir: c.Dir, Name: FileName}
	if err := file.MakeDir(); err != nil {
		return nil, err
	}
	s := &Store{
		Config: c, path: filepath.Join(c.Dir, FileName),
		users: 1, changed: make(chan struct{}), ending: make(chan struct{}), ended: make(chan struct{}),
	}
	for _, sig := range s.Signals {
		s.accounts = append(s.accounts, &Account{store: s, signal: sig, wake: make(chan struct{}, 1), done: map[uint64]bool{}})
	}
	s.countAside()
	err := s.open()
	if errors.Is(err, errUnfinished) {
		if removed := os.Remove(s.path); removed != nil {
			return nil, file.Wrong("a directory in which this process may remove "+FileName, errors.Join(removed, err))
		}
		err = s.rescue(err)
	} else if isDamage(err) {
		err = s.rescue(err)
	}
	if err := file.Opened(err); err != nil {
		return nil, err
	}
	for _, a := range s.accounts {
		a.start = a.ledger
	}
	s.opened = true
	go s.sweep()
	return s, nil
}

func (s *Store) countAside() {
	damagedFiles, _ := filepath.Glob(filepath.Join(globEscape(s.Dir), FileName+".damaged-*"))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setAside = int64(len(damagedFiles))
}

// globEscape escapes the characters of a path that have a meaning in a pattern.
func globEscape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// isDamage reports whether an error is about the file's content.
func isDamage(err error) bool {
	var d *damageError
	return errors.As(err, &d)
}

func (s *Store) open() error {
	_, before := os.Lstat(s.path)
	err := onDamage(s.openFile)
	if err == nil {
		// Whoever had the lock may have put another file here meanwhile.
		if now, statErr := os.Lstat(s.path); statErr != nil || !os.SameFile(s.info, now) {
			err = bolterrors.ErrTimeout
		}
	}
	if err == nil {
		err = onDamage(s.load)
	}
	created := errors.Is(before, fs.ErrNotExist)
	if err == nil {
		if created {
			syncDir(s.Dir)
		}
		return nil
	}
	s.abandon()
	if created && s.file != nil && !errors.Is(err, bolterrors.ErrTimeout) {
		_ = os.Remove(s.path) // half made by us, just now
		return err
	}
	return asDamage(err)
}

// openFile opens or creates the file at path and locks it.
func (s *Store) openFile() (err error) {
	s.db, err = bbolt.Open(s.path, 0o600, &bbolt.Options{
		Timeout:      lockWait,
		FreelistType: bbolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := privatefile.Open(name, flag, mode)
			if err == nil {
				s.file = f
				s.info, err = f.Stat()
			}
			return f, err
		},
	})
	return err
}

// syncDir makes a new file's name survive a power cut. Errors are ignored: not every file
// system can sync a directory.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// asDamage marks an error as one of damage if it is the library's. Errors of the system
// (no access, no space) are not about the content.
func asDamage(err error) error {
	var path *fs.PathError
	var number syscall.Errno
	switch {
	case isDamage(err), errors.As(err, &path), errors.As(err, &number),
		errors.Is(err, bolterrors.ErrTimeout), errors.Is(err, privatefile.ErrNotOurs), errors.Is(err, privatefile.ErrNotPrivate),
		errors.Is(err, errUnfinished):
		return err
	}
	return &damageError{err.Error()}
}

// abandon closes what open opened. It waits for the library for a limited time, because
// after a panic that may wait for a lock of its own for ever.
func (s *Store) abandon() {
	if s.db != nil {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = s.db.Close()
		}()
		select {
		case <-done:
		case <-time.After(lockWait):
		}
		s.db = nil
	}
	if s.file != nil {
		_ = s.file.Close() // also ends the lock on it
	}
}

// close closes the file for good. disk is held.
func (s *Store) close() error {
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	if s.broken != nil {
		return s.file.Close()
	}
	return db.Close()
}

// moveAside gives a damaged file a name that says so. It is not deleted: a
// person may want to look.
func (s *Store) moveAside() (string, error) {
	// Another process may have moved it first and have its own file here now.
	if now, err := os.Lstat(s.path); err != nil || !os.SameFile(s.info, now) {
		return "", fmt.Errorf("%s was replaced meanwhile", s.path)
	}
	base := s.path + ".damaged-" + time.Now().UTC().Format("20060102T150405Z")
	for n := 0; ; n++ {
		aside := base
		if n > 0 {
			aside = fmt.Sprintf("%s-%d", base, n)
		}
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			return aside, os.Rename(s.path, aside)
		}
	}
}
