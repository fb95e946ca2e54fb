package life

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// view is all that is kept, as of one moment.
type view struct {
	store   *Store
	shelves [2][]*part // the newest first
	horizon time.Time  // what is older has been kept for long enough
}

// find calls found with the events of a part that may have a term of one of the hashes, until it
// returns false.
func (v *view) find(p *part, hashes []uint32, found func(i int) bool) {
	in := p.segment
	if p.open != nil {
		// For a few chains: less than a copy of the heads would take.
		v.store.mu.Lock()
		defer v.store.mu.Unlock()
		in = &p.open.segment
	}
	for _, h := range hashes {
		in.find(h, func(i int) bool { return i >= p.len() || found(i) })
	}
}

// read calls use with a view, which holds until use returns. It returns when ctx ends even if
// the disk hangs.
func read[T any](ctx context.Context, s *Store, use func(context.Context, view) (T, error)) (result T, err error) {
	memory := s.snapshot()
	if s.disk == nil {
		return use(ctx, s.view(memory, nil))
	}
	select {
	case s.disk.reads <- struct{}{}:
	case <-ctx.Done():
		return result, fmt.Errorf("live: wait for the disk: %w", context.Cause(ctx))
	}
	type answer struct {
		result T
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		defer func() { <-s.disk.reads }()
		var a answer
		err := s.disk.guarded(func() error {
			return s.disk.db.View(func(tx *bbolt.Tx) (err error) {
				a.result, err = use(ctx, s.view(memory, tx))
				return err
			})
		})
		if err != nil {
			a.err = fmt.Errorf("live: read %s: %w", s.disk.path, err)
		}
		done <- a
	}()
	select {
	case a := <-done:
		return a.result, a.err
	case <-ctx.Done():
		return result, fmt.Errorf("live: read %s: %w", s.disk.path, context.Cause(ctx))
	}
}

// snapshot is what is in memory, the newest first.
func (s *Store) snapshot() (parts [2][]*part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.shelves {
		parts[i] = append(parts[i], s.shelves[i].open.snapshot())
		for j := len(s.shelves[i].sealed) - 1; j >= 0; j-- {
			parts[i] = append(parts[i], s.shelves[i].sealed[j])
		}
	}
	return parts
}

// view is what is in memory, and behind it what is in the file, where tx is not nil. What has
// been written meanwhile is in both, and taken once.
func (s *Store) view(memory [2][]*part, tx *bbolt.Tx) view {
	v := view{store: s, horizon: time.Unix(0, s.horizon())}
	for i := range memory {
		v.shelves[i] = memory[i]
		if tx == nil {
			continue
		}
		seen := map[uint64]bool{}
		for _, p := range memory[i] {
			seen[p.seq] = true
		}
		c := tx.Bucket(shelfNames[i]).Cursor()
		for k, b := c.Last(); k != nil; k, b = c.Prev() {
			if seen[binary.BigEndian.Uint64(k)] {
				continue
			}
			if p, err := unmarshal(b); err == nil { // load has looked at it
				v.shelves[i] = append(v.shelves[i], &part{segment: p})
			}
		}
	}
	return v
}
