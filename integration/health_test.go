package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestStorageDecidesReadiness takes the spool away and brings it back. Taking permissions
// away would not be enough: the tests may run as root.
func TestStorageDecidesReadiness(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	spool := filepath.Join(dir, "spool")
	// A directory that can be read and in which nobody can make a file.
	if err := os.Symlink("/dev/fd", spool); err != nil {
		t.Fatal(err)
	}
	d := run(t, launch{flags: []string{"--spool", spool}})
	d.readAddresses()

	wantHealth(d, false)
	if err := refused(452, d.bringLetter(own)); err != nil {
		t.Errorf("mail that cannot be stored: %v", err)
	}

	if err := os.Symlink(t.TempDir(), spool+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(spool+".new", spool); err != nil {
		t.Fatal(err)
	}
	wantHealth(d, true)
	if err := d.bringLetter(own); err != nil {
		t.Errorf("mail that can be stored again: %v", err)
	}
	d.settled()

	if err := os.Remove(spool); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(spool, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantHealth(d, false)
	d.stop()
}

// wantHealth waits until probes and series show that state of the storage.
func wantHealth(d *demo, storage bool) {
	d.t.Helper()
	status, state, word, series := http.StatusServiceUnavailable, "unhealthy", "unhealthy", 0.0
	if storage {
		status, state, word, series = http.StatusOK, "healthy", "healthy", 1
	}
	peer.Eventually(d.t, patience, func() error {
		var health struct {
			Status string
			Checks map[string]string
		}
		code, body := d.get("/health")
		if err := json.Unmarshal([]byte(body), &health); err != nil {
			return fmt.Errorf("/health: %d %s: %w", code, body, err)
		}
		if code != status || health.Status != word || health.Checks["storage"] != state || health.Checks["queue"] != "healthy" {
			return fmt.Errorf("/health: %d %s, want %d and storage %s", code, body, status, state)
		}
		if err := d.readiness(status); err != nil {
			return err
		}
		if code, body := d.get("/live"); code != http.StatusOK {
			return fmt.Errorf("/live: %d %s", code, body) // a full disk is no reason to restart
		}
		const name = `rusmes_health_check_status{check="storage"}`
		if got, ok := d.page()[name]; !ok || got != series {
			return fmt.Errorf("%s is %v, want %v", name, got, series)
		}
		return nil
	})
}

// readiness wants /ready to answer with the status and to say the same in its body.
func (d *demo) readiness(status int) error {
	var ready struct{ Ready *bool }
	code, body := d.get("/ready")
	if err := json.Unmarshal([]byte(body), &ready); err != nil {
		return fmt.Errorf("/ready: %d %s: %w", code, body, err)
	}
	if code != status || ready.Ready == nil || *ready.Ready != (status == http.StatusOK) {
		return fmt.Errorf("/ready: %d %s, want %d", code, body, status)
	}
	return nil
}

// While the demo drains it is alive, but not ready.
func TestADrainingDemoIsNotReady(t *testing.T) {
	t.Parallel()
	d := startDemo(t, launch{})
	open, err := smtp.Dial(d.smtp)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := open.Mail(own, nil); err != nil { // a transaction that does not end holds up the drain
		t.Fatal(err)
	}
	d.terminate()
	peer.Eventually(t, patience, func() error { return d.readiness(http.StatusServiceUnavailable) })
	if code, body := d.get("/live"); code != http.StatusOK {
		t.Errorf("/live: %d %s, want 200", code, body)
	}
	if code, body := d.get("/health"); code != http.StatusOK {
		t.Errorf("/health: %d %s, want 200: nothing is broken", code, body)
	}
	for d.running() { // it never says that it is ready again
		if code, body := d.get("/ready"); code != 0 && code != http.StatusServiceUnavailable {
			t.Fatalf("/ready: %d %s, want 503 until the end", code, body)
		}
	}
	d.farewell()
	d.wantEmptyLog()
}
