package count

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Busiest counts by a key that strangers choose. Only the busiest keys have a
// series of their own, up to a limit, beside those that are pinned; the rest count
// together as the others. L is the type of a series' labels.
//
// The sum over all is exact at all times, and no series ever falls:
//
//   - Up to the limit, every key gets a slot.
//   - Then a key counts among the others and is watched by [frequent]. Once it
//     has had more occurrences than the least busy slot shows, it takes the slot
//     over, with its count as it stands: so many of the others' occurrences were
//     the newcomer's, at least, and these change places with those of the
//     key that leaves. The others do not move, and neither does the sum.
//   - What the least busy slot shows never falls. So a key that comes back
//     shows no less than when it left, and Prometheus never sees a reset.
type Busiest[L any] struct {
	limit  int
	label  func(key string) L
	others slot[L]
	index  atomic.Pointer[map[string]*slot[L]] // copied on write: reads take no lock
	slots  atomic.Pointer[[]*slot[L]]          // grows only

	mu      sync.Mutex          // guards what follows, and writes to the above
	room    int                 // for slots: the limit, and one for each key that was pinned before it had one
	fresh   map[string]*slot[L] // not yet in index
	watched *frequent
	least   int64 // what the least busy slot showed when last looked at: a lower bound
}

// slot is one series. Which key it shows may change, its count only grows. It is
// not spread over cells: no single key is that busy, and there are many.
type slot[L any] struct {
	n     atomic.Int64
	shown atomic.Pointer[shown[L]]
}

type shown[L any] struct {
	key    string
	pinned bool
	label  L
}

// NewBusiest returns a count that shows up to limit keys beside the pinned ones.
// others is the key under which the rest is shown; label is called once for
// each key that gets a series.
func NewBusiest[L any](limit int, pinned []string, others string, label func(key string) L) *Busiest[L] {
	b := &Busiest[L]{limit: limit, label: label, room: limit,
		fresh: map[string]*slot[L]{}, watched: newFrequent(max(4*limit, 1000))}
	b.others.shown.Store(&shown[L]{others, true, label(others)})
	b.index.Store(&map[string]*slot[L]{})
	b.slots.Store(&[]*slot[L]{})
	b.Pin(pinned)
	return b
}

// Pin gives keys a series of their own for as long as the process lives, from 0 on where
// they had none. One that is among the busiest keeps its slot with its count, and takes it
// from the busiest: another slot for them would begin at 0, and a key that has left would
// come back with less than it had.
func (b *Busiest[L]) Pin(keys []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	index, slots := maps.Clone(*b.index.Load()), slices.Clone(*b.slots.Load())
	for _, key := range keys {
		s := b.fresh[key]
		if s == nil || s.shown.Load().key != key {
			s = index[key]
		}
		if s == nil || s.shown.Load().key != key {
			s = &slot[L]{}
			slots = append(slots, s)
			b.room++
		}
		if now := s.shown.Load(); now == nil || !now.pinned {
			s.shown.Store(&shown[L]{key, true, b.label(key)})
		}
		index[key] = s
	}
	b.index.Store(&index)
	b.slots.Store(&slots)
}

// Off reports that nothing is counted at all: no key could be shown.
func (b *Busiest[L]) Off() bool { return b.limit == 0 && len(*b.slots.Load()) == 0 }

// AddShown counts one occurrence of a key that has a series, and reports whether
// it has.
func (b *Busiest[L]) AddShown(key string) bool {
	s := b.lookup(key)
	if s == nil {
		return false
	}
	s.n.Add(1)
	return true
}

// Shown reports whether a key has a series of its own.
func (b *Busiest[L]) Shown(key string) bool {
	if b.lookup(key) != nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.fresh[key]
	return s != nil && s.shown.Load().key == key || b.lookup(key) != nil
}

// Add counts one occurrence of a key.
func (b *Busiest[L]) Add(key string) {
	s := b.lookup(key)
	switch {
	case s != nil:
	case key == b.others.shown.Load().key:
		s = &b.others
	default:
		s = b.admit(key)
	}
	s.n.Add(1)
}

// lookup finds the slot that shows a key. The map may still name a slot that shows
// another key by now.
func (b *Busiest[L]) lookup(key string) *slot[L] {
	if s := (*b.index.Load())[key]; s != nil && s.shown.Load().key == key {
		return s
	}
	return nil
}

// admit returns the slot in which to count this occurrence of a key that is not in
// the map: a new one, or that of the others, even if the key takes over a slot now.
func (b *Busiest[L]) admit(key string) *slot[L] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.fresh[key]; s != nil && s.shown.Load().key == key {
		return s
	}
	if s := b.lookup(key); s != nil {
		return s
	}
	if len(*b.slots.Load()) < b.room {
		s := &slot[L]{}
		b.place(key, s)
		slots := append(*b.slots.Load(), s)
		b.slots.Store(&slots)
		return s
	}
	atLeast := b.watched.add(key, strings.Clone)
	if atLeast <= b.least {
		return &b.others
	}
	s, count := b.leastBusy()
	if b.least = count; s == nil || atLeast <= count {
		return &b.others
	}
	// This occurrence is among those watched. It counts among the others like the
	// rest that the newcomer had there; the next one counts in the slot.
	b.watched.remove(key)
	b.place(key, s)
	return &b.others
}

// place makes a slot show a copy of a key: the caller's may be a part of a longer
// string, which would stay in memory.
func (b *Busiest[L]) place(key string, s *slot[L]) {
	key = strings.Clone(key)
	s.shown.Store(&shown[L]{key, false, b.label(key)})
	b.fresh[key] = s
	index := *b.index.Load()
	if len(b.fresh) <= len(index)/8 {
		return // the map is not copied for every newcomer
	}
	grown := make(map[string]*slot[L], len(index)+len(b.fresh))
	for _, m := range []map[string]*slot[L]{index, b.fresh} {
		for key, s := range m {
			if s.shown.Load().key == key {
				grown[key] = s
			}
		}
	}
	b.index.Store(&grown)
	clear(b.fresh)
}

// leastBusy returns the slot with the smallest count that is not pinned.
func (b *Busiest[L]) leastBusy() (least *slot[L], count int64) {
	count = math.MaxInt64
	for _, s := range *b.slots.Load() {
		if n := s.n.Load(); n < count && !s.shown.Load().pinned {
			least, count = s, n
		}
	}
	return least, count
}

// Each calls observe for every series, that of the others last.
func (b *Busiest[L]) Each(observe func(n int64, label L)) {
	if b.Off() {
		return
	}
	for _, s := range *b.slots.Load() {
		observe(s.n.Load(), s.shown.Load().label)
	}
	observe(b.others.n.Load(), b.others.shown.Load().label)
}

// Load returns the count of a key that is shown.
func (b *Busiest[L]) Load(key string) (n int64, found bool) {
	if key == b.others.shown.Load().key {
		return b.others.n.Load(), true
	}
	for _, s := range *b.slots.Load() {
		if s.shown.Load().key == key {
			return s.n.Load(), true
		}
	}
	return 0, false
}
