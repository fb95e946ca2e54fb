package otlp

import (
	"context"
	"fmt"
	"time"
)

// sweep looks after the store while nothing is put: it tries a disk that failed
// again, drops what became too old, and gives memory and space back.
func (s *store) sweep() {
	defer close(s.ended)
	const every, thorough = time.Second, 60
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-s.ending:
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		due := s.failing != nil || n%thorough == 0 && s.waiting() > 0
		s.mu.Unlock()
		s.disk.Lock()
		if due {
			s.commit()
		}
		s.renew()
		s.unmap()
		s.disk.Unlock()
	}
}

func (s *store) waiting() (n int64) {
	for _, a := range s.accounts {
		n += a.ledger.disk
	}
	return n
}

// leave ends the use of an account, or with nil that of whoever opened the
// store; the last one out closes it. What is not on disk by then is dropped,
// since the process takes it along. It returns when this is done or ctx ends.
func (s *store) leave(ctx context.Context, a *account) error {
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
		if s.db != nil {
			s.commit()
		} // else the last one was here first, and has written what this one had
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
func (s *store) abandonPending(a *account) {
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
	a.ledger.dropped[diskFailed] += a.ledger.memory
	a.ledger.memory = 0
}
