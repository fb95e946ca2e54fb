package otlp

import "testing"

// The signals leave at the same time, and the last one closes the file. One that
// is overtaken by it has nothing left to write, and reports nothing.
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
	if err := s.leave(t.Context(), s.account(traces)); err != nil {
		t.Errorf("leave: %v", err)
	}
	wantLedger(t, s, traces, ledger{produced: 1, disk: 1})
	if said := h.all(); said != "" {
		t.Errorf("reported: %s", said)
	}
}
