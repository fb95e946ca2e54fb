package store

import (
	"context"
	"fmt"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// Leave ends the use of the store by the caller of Open. The last user to leave closes
// the file.
func (s *Store) Leave(ctx context.Context) error { return s.leave(ctx, nil) }

// Leave ends the use of an account. What cannot be written to disk by then is dropped. It
// returns when this is done or ctx ends.
func (a *Account) Leave(ctx context.Context) error { return a.store.leave(ctx, a) }

func (s *Store) leave(ctx context.Context, a *Account) error {
	s.mu.Lock()
	s.users--
	last := s.users == 0
	s.mu.Unlock()
	if last {
		close(s.ending)
	} else if a == nil {
		return nil
	}
	done := make(chan error, 1)
	go func() {
		if last {
			<-s.ended
		}
		s.disk.Lock()
		defer s.disk.Unlock()
		s.mend()
		if s.db != nil {
			s.commit()
		} // else the last user was faster, has written everything and closed the file
		s.abandonPending(a)
		if last {
			done <- s.close()
		}
		close(done)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("close %s: %w", s.path, ctx.Err())
	}
}

// abandonPending drops what a has in memory. disk is held.
func (s *Store) abandonPending(a *Account) {
	if a == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.pending) - 1; i >= 0; i-- {
		if s.pending[i].account == a {
			s.forget(i)
		}
	}
	a.ledger.Dropped[ledger.Disk] += a.ledger.Memory
	a.ledger.Memory = 0
}
