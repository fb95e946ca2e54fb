package peer

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}

	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lock(over, path); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), path) {
		t.Errorf("locking it twice: %v, want one that is context.Canceled and names %s", err, path)
	}

	taken := make(chan error)
	go func() {
		unlockAgain, err := lock(t.Context(), path)
		if err == nil {
			unlockAgain()
		}
		taken <- err
	}()
	unlock()
	if err := <-taken; err != nil {
		t.Errorf("locking it after the unlock: %v", err)
	}
}
