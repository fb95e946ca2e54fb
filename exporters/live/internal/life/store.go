// Package life keeps the mail events of a process, and finds in them what has happened to
// a message.
package life

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// The bounds, and what they are where nothing is said.
const (
	DefaultMaxBytes     = 64 << 20 // in memory
	DefaultDiskMaxBytes = 1 << 30
	MinMaxBytes         = 1 << 20
	MinDiskMaxBytes     = 16 << 20
	MaxMaxBytes         = 1 << 40
	DefaultMaxAge       = 7 * 24 * time.Hour
	MinMaxAge           = time.Hour
	MaxMaxAge           = 366 * 24 * time.Hour
)

// Config configures a Store. Zero values mean the default.
type Config struct {
	// MaxBytes bounds what is kept: the ring in memory, from 1 MiB on, by default 64 MiB; or
	// the file, from 16 MiB on, by default 1 GiB. A quarter of it is for events of no
	// message, which strangers can bring at will.
	MaxBytes int64
	// Dir is the directory of the file; "" keeps the events in memory.
	Dir string
	// MaxAge is for how long events are kept in the file, from an hour to 366 days, by
	// default a week.
	MaxAge time.Duration
	// Setting is what named Dir, for errors.
	Setting string
	// Forms are what stands in telemetry for an address, a user's name or a message id:
	// those of export.Pipeline. nil: nothing does.
	Forms func(text string) []string
	// Report is called when the disk begins to fail, never by code that mail waits for.
	Report func(error)
}

// Store keeps events. All methods are safe for concurrent use.
type Store struct {
	Config
	mu      sync.Mutex // never held during input or output
	shelves [2]shelf
	seq     uint64 // of the last segment
	keys    keys
	dropped int64 // events that the disk did not take
	closed  bool
	disk    *disk // nil in memory
}

// The shelves: what strangers bring at will does not push out what has happened to messages.
const (
	ofMessages = iota
	ofNoMessage
)

// shelf is what is in memory of one kind of events.
type shelf struct {
	sealed []*part // the oldest first
	open   *writer
	bytes  int64 // of sealed
	most   int64
}

// part is a segment that is read.
type part struct {
	*segment
	seq  uint64
	open *writer // that still adds to it, or did when it was looked at; nil for none
}

// Open opens the store. An error names Setting, the directory and what is allowed.
func Open(c Config) (*Store, error) {
	if c.Forms == nil {
		c.Forms = func(string) []string { return nil }
	}
	if c.Report == nil {
		c.Report = func(error) {}
	}
	s := &Store{Config: c}
	if c.Dir != "" && s.MaxAge == 0 {
		s.MaxAge = DefaultMaxAge
	}
	if s.MaxBytes == 0 {
		s.MaxBytes = DefaultMaxBytes
		if c.Dir != "" {
			s.MaxBytes = DefaultDiskMaxBytes
		}
	}
	for i := range s.shelves {
		s.shelves[i].most = s.share(i)
	}
	if c.Dir != "" {
		if err := s.openDisk(); err != nil {
			return nil, err
		}
	}
	for i := range s.shelves {
		s.shelves[i].open = s.newWriter()
	}
	if s.disk != nil {
		go s.disk.run()
	}
	return s, nil
}

// share is how much of MaxBytes is for a shelf.
func (s *Store) share(shelf int) int64 {
	if shelf == ofMessages {
		return s.MaxBytes / 4 * 3
	}
	return s.MaxBytes / 4
}

// The bounds of a segment: little enough of the whole for the oldest one to be let go.
func (s *Store) mostOfSegment() (bytes int64, events int) {
	bytes = min(max(s.MaxBytes/64, 16<<10), 1<<20)
	return bytes, int(bytes / 128)
}

func (s *Store) newWriter() *writer {
	s.seq++
	_, events := s.mostOfSegment()
	return newWriter(s.seq, events)
}

// add keeps an event.
func (s *Store) add(e *event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.keys.note(s.Forms, e.time)
	shelf := &s.shelves[ofNoMessage]
	if e.text(semconv.MessagingMessageIDKey) != "" {
		shelf = &s.shelves[ofMessages]
	}
	shelf.open.add(e)
	if bytes, events := s.mostOfSegment(); shelf.open.segment.size() >= bytes || shelf.open.len() >= events {
		s.seal(shelf)
	}
	if s.disk == nil {
		for len(shelf.sealed) > 0 && shelf.bytes+shelf.open.size() > shelf.most {
			shelf.forget(0)
		}
		return
	}
	for s.disk.overfull(s) {
		s.dropOldest()
	}
}

// seal begins another segment. mu is held.
func (s *Store) seal(shelf *shelf) {
	p := shelf.open.seal()
	shelf.sealed = append(shelf.sealed, p)
	shelf.bytes += p.size()
	shelf.open = s.newWriter()
}

// forget takes a segment out of memory.
func (h *shelf) forget(i int) {
	h.bytes -= h.sealed[i].size()
	h.sealed = append(h.sealed[:i:i], h.sealed[i+1:]...)
}

// Reach says what is kept.
type Reach struct {
	// From is the time of the oldest event about a message, and RefusalsFrom that of the
	// oldest other one; nil where there is none.
	From         *time.Time `json:"from"`
	RefusalsFrom *time.Time `json:"refusals_from"`
	// HashedFrom is since when addresses and message ids can be found: the hash key was
	// another one before. nil: all of them.
	HashedFrom *time.Time `json:"hashed_from,omitempty"`
	Events     int64      `json:"events"`
	Bytes      int64      `json:"bytes"` // that the events take
	MaxBytes   int64      `json:"max_bytes"`
	OnDisk     bool       `json:"on_disk"`
	// Dropped is how many events the disk did not take, since the start, and Failing why it
	// takes none now.
	Dropped int64  `json:"dropped"`
	Failing string `json:"failing,omitempty"`
}

// Reach says what is kept.
func (s *Store) Reach() Reach {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Reach{MaxBytes: s.MaxBytes, OnDisk: s.disk != nil, Dropped: s.dropped}
	oldest := [2]int64{}
	count := func(shelf int, first int64, events int, bytes int64) {
		if events > 0 && (oldest[shelf] == 0 || first < oldest[shelf]) {
			oldest[shelf] = first
		}
		r.Events += int64(events)
		r.Bytes += bytes
	}
	for i := range s.shelves {
		for _, p := range s.shelves[i].sealed {
			count(i, p.first, p.len(), p.size())
		}
		open := s.shelves[i].open
		count(i, open.first, open.len(), open.size())
	}
	if s.disk != nil {
		s.disk.count(count)
		if s.disk.failing != nil {
			r.Failing = s.disk.failing.Error()
		}
	}
	at := func(nanos int64) *time.Time {
		if nanos == 0 {
			return nil
		}
		t := time.Unix(0, max(nanos, s.horizon())).UTC()
		return &t
	}
	r.From, r.RefusalsFrom = at(oldest[ofMessages]), at(oldest[ofNoMessage])
	if since := s.keys.since(); !since.IsZero() && r.Events > 0 {
		r.HashedFrom = &since
	}
	return r
}

// horizon is the time before which nothing is shown, in nanoseconds since 1970.
func (s *Store) horizon() int64 {
	if s.MaxAge == 0 {
		return 0
	}
	return time.Now().Add(-s.MaxAge).UnixNano()
}

// Close writes what is not on disk yet, and ends the store.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed || s.disk == nil {
		return nil
	}
	if err := s.disk.close(ctx); err != nil {
		return fmt.Errorf("live: close %s: %w", s.disk.path, err)
	}
	return nil
}

// keys are the hash keys that were in force, each by what it makes of a word of ours. Without
// the key that tells nothing.
type keys struct {
	Used    []keyUse
	changes int
	asked   time.Time
}

type keyUse struct {
	Since time.Time
	Print string
}

const mostKeys = 16

// note takes which key is in force, asked for once a second at most.
func (k *keys) note(forms func(string) []string, now time.Time) {
	if since := now.Sub(k.asked); 0 <= since && since < time.Second {
		return
	}
	k.asked = now
	print := strings.Join(forms("otelmail"), " ")
	if n := len(k.Used); n > 0 && k.Used[n-1].Print == print {
		return
	}
	k.changes++
	k.Used = append(k.Used, keyUse{now.UTC(), print})
	if len(k.Used) > mostKeys {
		k.Used = k.Used[1:]
	}
}

// since is from when on the key in force is the one; zero where there was no other.
func (k *keys) since() time.Time {
	if len(k.Used) < 2 {
		return time.Time{}
	}
	return k.Used[len(k.Used)-1].Since
}
