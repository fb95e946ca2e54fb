package store

import (
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// deferral is a record that is set aside.
type deferral struct {
	Entry
	due time.Time
}

// Defer ends an attempt to send a record and sets it aside: those behind it go first, and
// only [Account.PickDeferred] returns it, once it is due. It waits as the others do. The
// next process begins with it as if it had never been tried.
func (a *Account) Defer(e Entry, due time.Time) {
	s := a.store
	s.disk.Lock()
	defer s.disk.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	a.inFlight = 0
	e.Deferred++
	if i := a.deferral(e.seq); i >= 0 {
		a.deferred[i] = deferral{e, due}
	} else {
		a.deferred = append(a.deferred, deferral{e, due})
		a.mark = max(a.mark, e.seq)
	}
	s.announce()
}

// deferral is the place of a record among those that are set aside, or -1. The list
// changes only while both disk and mu are held.
func (a *Account) deferral(seq uint64) int {
	return slices.IndexFunc(a.deferred, func(d deferral) bool { return d.seq == seq })
}

// undefer forgets that a record was set aside, and returns whether it was. disk and mu are
// held.
func (a *Account) undefer(seq uint64) bool {
	i := a.deferral(seq)
	if i >= 0 {
		a.deferred = slices.Delete(a.deferred, i, i+1)
	}
	return i >= 0
}

// Deferred is how many items are set aside, and when the next of them are due.
func (a *Account) Deferred() (items int64, due time.Time) {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	for _, d := range a.deferred {
		items += d.Items
		if due.IsZero() || d.due.Before(due) {
			due = d.due
		}
	}
	return items, due
}

// Hasten makes the oldest record that is set aside due: another one was taken.
func (a *Account) Hasten() {
	a.store.disk.Lock()
	defer a.store.disk.Unlock()
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	if len(a.deferred) > 0 {
		a.deferred[0].due = time.Now()
	}
}

// PickDeferred is Pick for a record that is set aside and due.
func (a *Account) PickDeferred() (e Entry, body []byte, ok bool) {
	a.store.disk.Lock()
	defer a.store.disk.Unlock()
	now := time.Now()
	i := slices.IndexFunc(a.deferred, func(d deferral) bool { return !d.due.After(now) })
	if i < 0 {
		return e, nil, false
	}
	d := a.deferred[i]
	e, body, ok = a.pick(func(b *bbolt.Bucket) (Entry, []byte, bool, error) {
		e, body, ok, err := readFrom(b, d.seq)
		return e, body, ok && e.seq == d.seq, err
	})
	e.Deferred = d.Deferred
	return e, body, ok
}
