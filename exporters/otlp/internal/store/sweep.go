package store

import "time"

// sweep maintains the store while nothing is put: it tries again after the disk failed,
// drops what has become too old, and gives space back.
func (s *Store) sweep() {
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
		s.mend()
		if due {
			s.commit()
		}
		s.renew()
		s.disk.Unlock()
	}
}

func (s *Store) waiting() (n int64) {
	for _, a := range s.accounts {
		n += a.ledger.Disk
	}
	return n
}
