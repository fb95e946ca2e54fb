package store

import (
	"testing"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// The signals leave at the same time, and the last one closes the file. One that
// comes after it has nothing left to write, and reports nothing.
func TestLeavingAfterTheFileIsClosed(t *testing.T) {
	s, h := mustOpen(t, choiceFor(t.TempDir()))
	fill(s, traces, 0, 1, 100)
	s.disk.Lock()
	err := s.close()
	s.disk.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	s.users = 2
	if err := s.account(traces).Leave(t.Context()); err != nil {
		t.Errorf("leave: %v", err)
	}
	wantLedger(t, s, traces, ledger.Ledger{Produced: 1, Disk: 1})
	if said := h.all(); said != "" {
		t.Errorf("reported: %s", said)
	}
}
