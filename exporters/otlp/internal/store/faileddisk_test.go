package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// An attempt to write costs time and holds up the sending. So after a failure, writing is
// tried once a second, and not with every request.
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
	if l := a.Ledger(); l.Disk != 10 || l.Memory != requests || !l.Balanced() {
		t.Errorf("after the disk failed: %+v", l)
	}
	// What is on disk comes first, then what is only in memory, and nothing is missing.
	if sent := empty(s, traces); len(sent) != 10+requests || sent[0] != "00000000" || sent[10+requests-1] != "00000509" {
		t.Errorf("%d were given out, from %s to %s, want %d in order", len(sent), sent[0], sent[len(sent)-1], 10+requests)
	}
	if l := a.Ledger(); l.Sent != 10+requests || l.Memory != 0 || l.Disk != 0 || !l.Balanced() {
		t.Errorf("after all was Sent: %+v", l)
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
	t.Parallel()
	s, h := mustOpen(t, choiceFor(t.TempDir()))
	a := s.account(traces)
	s.disk.Lock() // sweep has to wait
	s.mu.Lock()
	s.failing = errors.New("no space")
	s.mu.Unlock()
	const requests = 10
	fill(s, traces, 0, requests, mostPerCommit/2)
	if l := a.Ledger(); l.Memory != requests || l.Disk != 0 {
		t.Errorf("while the disk failed: %+v", l)
	}
	s.disk.Unlock()
	deadline := time.Now().Add(time.Minute)
	for a.Ledger().Memory > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("still in Memory: %+v", a.Ledger())
		}
		time.Sleep(5 * time.Millisecond)
	}
	wantLedger(t, s, traces, ledger.Ledger{Produced: requests, Disk: requests})
	if sent := empty(s, traces); len(sent) != requests || !slices.IsSorted(sent) {
		t.Errorf("given out: %v", sent)
	}
	if said := h.all(); said != "" {
		t.Errorf("reported: %s", said)
	}
}

// While the disk fails, new requests are sent from memory, at once.
func TestFailedDiskWakesTheSender(t *testing.T) {
	s, _ := mustOpen(t, choiceFor(t.TempDir()))
	a := s.account(traces)
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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

// While the disk never accepts anything, memory is bounded, the first requests are kept and
// can be sent, and the others are counted as dropped.
func TestDiskThatFails(t *testing.T) {
	s, h := mustOpen(t, choiceFor(t.TempDir()))
	fill(s, traces, 0, 2, 10)
	s.disk.Lock()
	s.broken = errors.New("the disk is gone")
	s.disk.Unlock()
	const size = 1 << 20
	fill(s, logs, 0, 20, size)
	a := s.account(logs)
	l := a.Ledger()
	if kept := l.Memory; kept != mostPending/size || l.Dropped[ledger.Disk] != 20-kept || !l.Balanced() {
		t.Errorf("counts: %+v", l)
	}
	if said := h.all(); !strings.Contains(said, "the disk is gone") || !strings.Contains(said, "memory for it is full") {
		t.Errorf("reports: %.500s", said)
	}
	e, body, ok := a.Pick()
	if !ok || !bytes.HasPrefix(body, []byte("00000000")) {
		t.Fatalf("picked %.8q, %v", body, ok)
	}
	a.Settle(e, 1, ledger.Rejected)
	if l = a.Ledger(); l.Sent != 1 || !l.Balanced() {
		t.Errorf("counts: %+v", l)
	}
	// It works again: everything is written, in order.
	s.disk.Lock()
	s.broken = nil
	s.commit()
	s.disk.Unlock()
	if l = a.Ledger(); l.Memory != 0 || !l.Balanced() {
		t.Errorf("counts: %+v", l)
	}
	if got := strings.Join(empty(s, traces), " "); got != numbers(0, 2) {
		t.Errorf("spans: %s", got)
	}
	// 15 requests of 1 MiB and a little do not fit a buffer of 8 MiB.
	if got := strings.Join(empty(s, logs), " "); got != numbers(9, 7) {
		t.Errorf("records: %s", got)
	}
}
