package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// rescue sets the damaged file aside whole and begins a new one, with all records that can
// be read; the others are counted as dropped. The damaged file is closed. disk is held, or
// nobody else has the store yet.
func (s *Store) rescue(cause error) error {
	if s.aside == "" {
		aside, err := s.moveAside()
		if err != nil {
			return err
		}
		s.aside = aside
	}
	var lost string
	err := onDamage(func() (err error) {
		lost, err = s.refill()
		return err
	})
	if err != nil {
		s.abandon()
		return fmt.Errorf("take over what can be read of %s: %w", s.aside, err)
	}
	s.countAside()
	s.Report(fmt.Errorf("%s could not be read and is now %s; %s: %w", s.path, s.aside, lost, cause))
	s.aside = ""
	return nil
}

// mend rescues a file that was found damaged while it was in use. disk is held.
func (s *Store) mend() {
	cause := s.broken
	if !isDamage(cause) {
		return
	}
	s.abandon()
	if err := s.rescue(cause); err != nil {
		s.Report(err)
		return
	}
	s.broken = nil
	s.commit()
}

// refill creates the file and copies into it what can be read of the one set aside. It says
// what could not.
func (s *Store) refill() (lost string, err error) {
	if err := s.openFile(); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			s.abandon()
			_ = os.Remove(s.path)
		}
	}()
	err = s.db.Update(func(tx *bbolt.Tx) error {
		if name, _ := tx.Cursor().First(); name != nil {
			return bolterrors.ErrTimeout // another process was faster
		}
		if err := s.create(tx); err != nil {
			return err
		}
		// A process that dies meanwhile leaves the next one a note to begin again.
		return tx.Bucket(ownerName).Put(sourceName, []byte(filepath.Base(s.aside)))
	})
	if err != nil {
		return "", err
	}
	from := s.openAside()
	defer from.close()
	to, found := &filling{db: s.db}, map[uint64]bool{}
	from.each(func(signal string, r stored) {
		a := s.account(signal)
		if a.isSettled(r.seq) {
			return
		}
		if value, err := r.value(from.file); err == nil && to.add(signal, r, value) {
			s.seq = max(s.seq, r.seq)
			a.last = max(a.last, r.seq)
			found[r.seq] = true
		}
	})
	to.flush()
	why := ledger.Damaged
	if to.err != nil { // no space for a second copy
		why = ledger.Disk
		s.Report(fmt.Errorf("write %s: %w", s.path, to.err))
	}
	lost = s.reconcile(from, to, found, why)
	return lost, s.db.Update(func(tx *bbolt.Tx) error {
		for _, a := range s.accounts {
			if err := putCounts(tx, a, a.Ledger()); err != nil {
				return err
			}
		}
		return tx.Bucket(ownerName).Delete(sourceName)
	})
}

// reconcile makes the ledgers agree with what was copied.
func (s *Store) reconcile(from *wreck, to *filling, found map[uint64]bool, why ledger.Reason) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lost []string
	for _, a := range s.accounts {
		if !s.opened {
			a.ledger = from.counts[a.signal.Name]
		}
		kept := to.parts[a.signal.Name]
		missing := a.ledger.Disk - kept.items
		if missing >= 0 {
			a.ledger.Dropped[why] += missing
		} else {
			a.ledger.Produced -= missing // the counts were lost, or are older
		}
		if missing > 0 {
			lost = append(lost, fmt.Sprintf("%d of %d %s dropped", missing, a.ledger.Disk, a.signal.Items))
		}
		a.ledger.Disk, a.bytes = kept.items, kept.bytes
		a.deferred = slices.DeleteFunc(a.deferred, func(d deferral) bool { return !found[d.seq] })
	}
	if lost == nil {
		return "all that waited in it is kept"
	}
	return strings.Join(lost, ", ")
}

// wreck is a damaged file.
type wreck struct {
	file    *os.File
	size    int64
	signals []Signal
	states  []state
	counts  map[string]ledger.Ledger
	chosen  map[string]int   // for each signal, the state that is read
	excess  map[string]int64 // how many items more it has than the counts say
}

// openAside finds out which states of the file have what. A part that is damaged in the
// last state may be whole in the one before, which differs by one request.
func (s *Store) openAside() *wreck {
	w := &wreck{signals: s.Signals, chosen: map[string]int{}, excess: map[string]int64{}}
	file, err := os.Open(s.aside)
	if err != nil {
		s.Report(fmt.Errorf("read what was set aside: %w", err))
		return w
	}
	w.file = file
	if info, err := file.Stat(); err == nil {
		w.size = info.Size()
	}
	w.states = states(file)
	all := make([]*contents, len(w.states))
	counted := 0
	for i, st := range w.states {
		all[i] = readContents(file, w.size, st, s.Signals, nil)
		if all[i].counted && w.counts == nil {
			w.counts, counted = all[i].counts, i
		}
	}
	for _, sig := range s.Signals {
		for i, c := range all {
			if part := c.parts[sig.Name]; part.sound {
				w.chosen[sig.Name] = i
				if i > counted {
					w.excess[sig.Name] = part.items - w.counts[sig.Name].Disk
				}
				break
			}
		}
	}
	return w
}

// each calls visit with every record that can be read.
func (w *wreck) each(visit func(signal string, r stored)) {
	for i, st := range w.states {
		readContents(w.file, w.size, st, w.signals, func(signal string, r stored) {
			if w.chosen[signal] != i {
				return
			}
			if w.excess[signal] >= r.Items { // it was settled since
				w.excess[signal] -= r.Items
				return
			}
			visit(signal, r)
		})
	}
}

func (w *wreck) close() {
	if w.file != nil {
		_ = w.file.Close()
	}
}

// filling writes records into a new file.
type filling struct {
	db     *bbolt.DB
	batch  []func(*bbolt.Tx) error
	size   int64
	parts  map[string]part
	queued map[string]part // parts with the batch
	err    error           // why no more is written
}

// add writes a record, soon. It returns false if it cannot.
func (f *filling) add(signal string, r stored, value []byte) bool {
	if f.err != nil {
		return false
	}
	f.batch = append(f.batch, func(tx *bbolt.Tx) error {
		b, err := tx.Bucket([]byte(signal)).CreateBucket(r.key)
		if err != nil {
			return err
		}
		return b.Put(bodyName, value)
	})
	if f.queued == nil {
		f.queued = map[string]part{}
	}
	part := f.queued[signal]
	part.items += r.Items
	part.bytes += fileSize(r.Entry.size)
	f.queued[signal] = part
	if f.size += r.size; f.size >= mostPerCommit {
		f.flush()
	}
	return f.err == nil
}

// flush writes what add was given.
func (f *filling) flush() {
	if f.err != nil || len(f.batch) == 0 {
		return
	}
	f.err = f.db.Update(func(tx *bbolt.Tx) error {
		var errs []error
		for _, put := range f.batch {
			errs = append(errs, put(tx))
		}
		return errors.Join(errs...)
	})
	f.batch, f.size = nil, 0
	if f.err == nil {
		f.parts = maps.Clone(f.queued)
	}
}
