package store

import (
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// A record that is set aside holds up none behind it, keeps its place in the counts, is
// tried when it is due, and comes back first after a restart.
func TestDefer(t *testing.T) {
	dir := t.TempDir()
	s, _ := mustOpen(t, choiceFor(dir))
	a := s.account(traces)
	fill(s, traces, 0, 6, 100)
	settle := func(e Entry) { a.Settle(e, e.Items, ledger.Rejected) }
	head, _, _ := a.Pick()
	a.Release()
	behind, body, ok := a.PickBehind(head.Number())
	if !ok || string(body[:8]) != numbers(1, 1) {
		t.Fatalf("behind the first is %.8q, %v", body, ok)
	}
	settle(behind)
	again, body, _ := a.Pick()
	if string(body[:8]) != numbers(0, 1) {
		t.Fatalf("the first is %.8q", body)
	}
	a.Defer(again, time.Now().Add(time.Hour))
	wantLedger(t, s, traces, ledger.Ledger{Produced: 6, Sent: 1, Disk: 5})
	e, body, _ := a.Pick()
	if string(body[:8]) != numbers(2, 1) {
		t.Errorf("after that comes %.8q", body)
	}
	settle(e)
	e, _, _ = a.Pick()
	a.Defer(e, time.Now().Add(time.Hour))
	if _, _, ok := a.PickDeferred(); ok {
		t.Error("one is due already")
	}
	if items, due := a.Deferred(); items != 2 || time.Until(due) < 50*time.Minute {
		t.Errorf("%d are set aside, due %v", items, due)
	}
	if done, _ := a.Settled(e.Number()); !done {
		t.Error("what is set aside counts as unsettled")
	}
	a.Hasten()
	e, body, ok = a.PickDeferred()
	if !ok || string(body[:8]) != numbers(0, 1) || e.Deferred != 1 {
		t.Fatalf("due is %.8q, %+v", body, e)
	}
	a.Defer(e, time.Now())
	if e, _, ok = a.PickDeferred(); !ok || e.Deferred != 2 {
		t.Fatalf("due is %+v, %v", e, ok)
	}
	settle(e)
	wantLedger(t, s, traces, ledger.Ledger{Produced: 6, Sent: 3, Disk: 3})
	closeStore(t, s)

	s, h := mustOpen(t, choiceFor(dir))
	if got := strings.Join(empty(s, traces), " "); got != numbers(3, 3) || h.all() != "" {
		t.Errorf("after a restart: %s; reports: %s", got, h.all())
	}
	wantLedger(t, s, traces, ledger.Ledger{Produced: 6, Sent: 6})
}

// What is set aside is dropped for its age and for want of space as the others are.
func TestDeferredIsDropped(t *testing.T) {
	config := choiceFor(t.TempDir())
	s, _ := mustOpen(t, config)
	a := s.account(traces)
	const size = 1<<20 - 4096
	fill(s, traces, 0, 3, size)
	for range 2 {
		e, _, _ := a.Pick()
		a.Defer(e, time.Now().Add(time.Hour))
	}
	fill(s, traces, 3, 6, size)
	want := ledger.Ledger{Produced: 9, Disk: 8}
	want.Dropped[ledger.TooManyBytes] = 1
	wantLedger(t, s, traces, want)
	if items, _ := a.Deferred(); items != 1 {
		t.Errorf("%d are set aside", items)
	}
	s.disk.Lock()
	s.MaxAge = time.Nanosecond
	s.disk.Unlock()
	time.Sleep(5 * time.Millisecond) // what is stored must be older than that
	s.disk.Lock()
	s.commit()
	s.disk.Unlock()
	want.Disk, want.Dropped[ledger.TooOld] = 0, 8
	wantLedger(t, s, traces, want)
	if items, due := a.Deferred(); items != 0 || !due.IsZero() {
		t.Errorf("%d are set aside, due %v", items, due)
	}
	if _, _, ok := a.PickDeferred(); ok {
		t.Error("what was dropped is picked")
	}
}

// What is settled out of order while the disk fails is not sent twice.
func TestSettledOutOfOrderWhileTheDiskFails(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t, choiceFor(t.TempDir()))
	a := s.account(traces)
	fill(s, traces, 0, 4, 100)
	s.disk.Lock()
	s.broken = errNotOpen
	s.commit() // fails
	s.broken = nil
	s.disk.Unlock()
	head, _, _ := a.Pick()
	behind, _, _ := a.PickBehind(head.Number())
	a.Settle(behind, 1, ledger.Rejected)
	a.Defer(head, time.Now().Add(time.Hour))
	if got := strings.Join(empty(s, traces), " "); got != numbers(2, 2) {
		t.Errorf("came: %s", got)
	}
	a.Hasten()
	e, body, ok := a.PickDeferred()
	if !ok || string(body[:8]) != numbers(0, 1) {
		t.Fatalf("due is %.8q, %v", body, ok)
	}
	a.Settle(e, 1, ledger.Rejected)
	for deadline := time.Now().Add(20 * time.Second); s.Failing() != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not written again")
		}
	}
	wantLedger(t, s, traces, ledger.Ledger{Produced: 4, Sent: 4})
	if a.bytes != 0 || len(a.done) != 0 {
		t.Errorf("an empty store has %d bytes and remembers %d", a.bytes, len(a.done))
	}
}
