package life

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// The file has a bucket of the segments of each shelf, by number; one of what was added to the
// segments that are still open, by number and order; and one that says whose file it is.
var (
	ownerName      = []byte("otelmail")
	formatName     = []byte("format")
	keysName       = []byte("keys")
	openName       = []byte("open")
	shelfNames     = [2][]byte{[]byte("messages"), []byte("others")}
	fileFormat     = []byte("2")
	errFileDamaged = errors.New("the file is damaged")
)

const (
	writeEvery  = time.Second
	mostUnsaved = 16 << 20 // bytes of segments that wait for the disk
	mostReads   = 8        // at a time, of which each may hang as long as the disk does
)

// disk is the file, and what is in it.
type disk struct {
	store *Store
	path  string

	// using is held while the file is written, and never by code that mail waits for. It is
	// taken before the store's mutex.
	using sync.Mutex
	db    *bbolt.DB
	file  *os.File
	// broken is why the file must not be used again; nil if it may.
	broken atomic.Pointer[error]
	reads  chan struct{}

	// Under the store's mutex:
	parts   [2][]saved // the oldest first
	failing error
	keys    int // changes of the store's keys that are in the file
	chunks  uint32

	ending chan struct{}
	ended  chan struct{}
}

// saved is a segment in the file.
type saved struct {
	seq         uint64
	first, last int64
	events      int
	bytes       int64
}

// count tells of every segment in the file. The store's mutex is held.
func (d *disk) count(tell func(shelf int, first int64, events int, bytes int64)) {
	for i := range d.parts {
		for _, p := range d.parts[i] {
			tell(i, p.first, p.events, p.bytes)
		}
	}
}

// overfull reports whether more waits for the disk than may. The store's mutex is held.
func (d *disk) overfull(s *Store) bool {
	return s.shelves[0].bytes+s.shelves[1].bytes > min(mostUnsaved, s.MaxBytes/4)
}

// dropOldest gives up a segment that the disk has not taken. mu is held.
func (s *Store) dropOldest() {
	shelf := &s.shelves[ofMessages]
	if other := &s.shelves[ofNoMessage]; other.bytes > shelf.bytes {
		shelf = other
	}
	s.dropped += int64(shelf.sealed[0].len())
	shelf.forget(0)
}

// run writes what is new, once in a while.
func (d *disk) run() {
	defer close(d.ended)
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-d.ending:
			return
		}
		_ = d.write() // it is reported, and tried again
	}
}

// change is what is to be done.
type change struct {
	segments [2][]*part // that are full
	open     [2]*chunk  // what is new in those that are not; nil for nothing
	gone     [2][]uint64
	keys     []keyUse // nil where they are as they were
	changes  int
}

// chunk is what is new in a segment.
type chunk struct {
	writer *writer
	n      uint32
	body   []byte
	upTo   extent
}

// write brings the file up to date with what is in memory.
func (d *disk) write() error {
	d.using.Lock()
	defer d.using.Unlock()
	err := d.writeOnce()
	for tries := 0; errors.Is(err, bolterrors.ErrMaxSizeReached) && tries < mostTries; tries++ {
		// Its free pages are too scattered: more of them are needed.
		err = d.writeOnce()
	}
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) { // Close has written all there was
		return nil
	}
	s := d.store
	s.mu.Lock()
	before := d.failing
	d.failing = err
	s.mu.Unlock()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("write %s: %w", d.path, err)
	if before == nil {
		s.Report(fmt.Errorf("live: %w: what it does not take is dropped", err))
	}
	return err
}

// mostTries bounds how many segments are let go for one that has no place.
const mostTries = 16

// writeOnce first lets go what is too much or too old, because the place of what is removed
// can be used once that is committed.
func (d *disk) writeOnce() error {
	c := d.collect()
	if len(c.gone[0])+len(c.gone[1]) > 0 {
		if err := d.guarded(func() error { return d.db.Update(c.remove) }); err != nil {
			return err
		}
		d.removed(c)
	}
	err := d.guarded(func() error { return d.db.Update(c.add) })
	s := d.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, bolterrors.ErrMaxSizeReached) {
		d.makeRoom()
	}
	if err == nil {
		d.added(c)
	}
	return err
}

// collect is what is to be done.
func (d *disk) collect() change {
	s := d.store
	s.mu.Lock()
	defer s.mu.Unlock()
	var c change
	horizon := s.horizon()
	for i := range s.shelves {
		shelf := &s.shelves[i]
		if shelf.open.len() > 0 && time.Since(shelf.open.begun) > s.MaxAge/16 { // what is too old goes segment by segment
			s.seal(shelf)
		}
		c.segments[i] = append([]*part(nil), shelf.sealed...)
		if now := shelf.open.extent(); now != shelf.open.saved {
			added := shelf.open.since(shelf.open.saved)
			d.chunks++
			c.open[i] = &chunk{shelf.open, d.chunks, added.marshal(), now}
		}
		var bytes int64
		for _, p := range d.parts[i] {
			bytes += p.bytes
		}
		for _, p := range c.segments[i] {
			bytes += p.size()
		}
		for _, p := range d.parts[i] {
			// A quarter is left for pages that are free, and for what is not full yet.
			if p.last >= horizon && bytes <= s.share(i)/4*3 {
				break
			}
			bytes -= p.bytes
			c.gone[i] = append(c.gone[i], p.seq)
		}
	}
	if d.keys != s.keys.changes {
		c.keys, c.changes = append([]keyUse(nil), s.keys.Used...), s.keys.changes
	}
	return c
}

func (c *change) remove(tx *bbolt.Tx) error {
	for i := range c.gone {
		for _, seq := range c.gone[i] {
			if err := tx.Bucket(shelfNames[i]).Delete(seqKey(seq)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *change) add(tx *bbolt.Tx) error {
	open := tx.Bucket(openName)
	for i := range c.segments {
		for _, p := range c.segments[i] {
			if err := removeChunks(open, p.seq); err != nil {
				return err
			}
			if err := tx.Bucket(shelfNames[i]).Put(seqKey(p.seq), p.marshal()); err != nil {
				return err
			}
		}
		if chunk := c.open[i]; chunk != nil {
			key := binary.BigEndian.AppendUint32(append(seqKey(chunk.writer.seq), byte(i)), chunk.n)
			if err := open.Put(key, chunk.body); err != nil {
				return err
			}
		}
	}
	if c.keys == nil {
		return nil
	}
	text, err := json.Marshal(c.keys)
	if err != nil {
		return err
	}
	return tx.Bucket(ownerName).Put(keysName, text)
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func removeChunks(open *bbolt.Bucket, seq uint64) error {
	c := open.Cursor()
	prefix := seqKey(seq)
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Seek(prefix) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// removed takes what is not in the file any more.
func (d *disk) removed(c change) {
	d.store.mu.Lock()
	defer d.store.mu.Unlock()
	for i := range c.gone {
		d.parts[i] = d.parts[i][len(c.gone[i]):]
	}
}

// added takes what is in the file now. The store's mutex is held.
func (d *disk) added(c change) {
	for i := range c.segments {
		shelf := &d.store.shelves[i]
		for _, p := range c.segments[i] {
			if len(shelf.sealed) > 0 && shelf.sealed[0].seq == p.seq { // else it was given up meanwhile
				shelf.forget(0)
			}
			d.parts[i] = append(d.parts[i], saved{p.seq, p.first, p.last, p.len(), fileSize(p.size())})
		}
		if chunk := c.open[i]; chunk != nil {
			chunk.writer.saved = chunk.upTo
		}
	}
	if c.keys != nil {
		d.keys = c.changes
	}
}

// makeRoom has the next write let the oldest segments go: the file is as large as it may be.
// The store's mutex is held.
func (d *disk) makeRoom() {
	for i := range d.parts {
		if len(d.parts[i]) > 0 {
			d.parts[i][0].last = 0
		}
	}
}

// fileSize is what a value takes in the file.
func fileSize(size int64) int64 {
	const page, overhead = 4 << 10, 64
	return (size + overhead + page - 1) / page * page
}

// flush writes all that is in memory now.
func (d *disk) flush(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- d.write() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (d *disk) close(ctx context.Context) error {
	close(d.ending)
	done := make(chan error, 1)
	go func() {
		<-d.ended
		err := d.write()
		if d.broken.Load() != nil {
			done <- errors.Join(err, d.file.Close()) // which ends the lock on it, too
			return
		}
		done <- errors.Join(err, d.db.Close())
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// guarded calls use, which uses the file. A damaged file makes the library panic or read
// outside of its mapping; either becomes an error here.
func (d *disk) guarded(use func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errFileDamaged, p)
			d.broken.Store(&err) // the library may have left locks behind
		}
	}()
	if broken := d.broken.Load(); broken != nil {
		return *broken
	}
	return use()
}
