package otlp

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// An attempt to write costs time and holds up the sending. So a disk that fails is
// tried once a second, and not with every request that comes or goes.
func TestFailedDiskIsTriedSeldom(t *testing.T) {
	s, h := mustOpen(t, choiceFor(t.TempDir()))
	a := s.account(traces)
	fill(s, traces, 0, 10, 100)
	if err := s.file.Close(); err != nil { // no write succeeds from now on
		t.Fatal(err)
	}
	begun := time.Now()
	const requests = 500
	fill(s, traces, 10, requests, 10_000)
	if l := s.ledger(a); l.disk != 10 || l.memory != requests || !l.balanced() {
		t.Errorf("after the disk failed: %+v", l)
	}
	// What is safe comes first, then what is not, and all of it is there.
	if sent := empty(s, traces); len(sent) != 10+requests || sent[0] != "00000000" || sent[10+requests-1] != "00000509" {
		t.Errorf("%d were given out, from %s to %s, want %d in order", len(sent), sent[0], sent[len(sent)-1], 10+requests)
	}
	if l := s.ledger(a); l.sent != 10+requests || l.memory != 0 || l.disk != 0 || !l.balanced() {
		t.Errorf("after all was sent: %+v", l)
	}
	most := 2 + int(time.Since(begun)/time.Second)
	if n := strings.Count(h.all(), "write "+s.path); n == 0 || n > most {
		t.Errorf("the disk was tried %d times in %v, want 1 to %d", n, time.Since(begun), most)
	}
	close(s.ending)
	<-s.ended
	s.disk.Lock()
	defer s.disk.Unlock()
	_ = s.close() // the file was closed before
}

// When the disk works again, all that waited is written, in order, in more than
// one transaction if it is much.
func TestFailedDiskRecovers(t *testing.T) {
	s, h := mustOpen(t, choiceFor(t.TempDir()))
	a := s.account(traces)
	s.disk.Lock() // sweep has to wait
	s.mu.Lock()
	s.failing = errors.New("no space")
	s.mu.Unlock()
	const requests = 10
	fill(s, traces, 0, requests, mostPerCommit/2)
	if l := s.ledger(a); l.memory != requests || l.disk != 0 {
		t.Errorf("while the disk failed: %+v", l)
	}
	s.disk.Unlock()
	deadline := time.Now().Add(10 * time.Second)
	for s.ledger(a).memory > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("still in memory: %+v", s.ledger(a))
		}
		time.Sleep(5 * time.Millisecond)
	}
	wantLedger(t, s, traces, ledger{produced: requests, disk: requests})
	if sent := empty(s, traces); len(sent) != requests || !slices.IsSorted(sent) {
		t.Errorf("given out: %v", sent)
	}
	if said := h.all(); said != "" {
		t.Errorf("reported: %s", said)
	}
}

// What comes to a disk that fails is sent from memory, at once.
func TestFailedDiskWakesTheSender(t *testing.T) {
	s, _ := mustOpen(t, choiceFor(t.TempDir()))
	a := s.account(traces)
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for n := range 3 {
		fill(s, traces, n, 1, 100)
		select {
		case <-a.wake:
		case <-ctx.Done():
			t.Fatalf("nobody was woken for request %d", n)
		}
		if sent := empty(s, traces); len(sent) != 1 {
			t.Errorf("%d requests were given out, want the one", len(sent))
		}
	}
	close(s.ending)
	<-s.ended
	s.disk.Lock()
	defer s.disk.Unlock()
	_ = s.close()
}
