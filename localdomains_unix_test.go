//go:build linux || darwin

package otelmail_test

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestLocalDomainsOfAFIFO: nobody waits until somebody writes into it.
func TestLocalDomainsOfAFIFO(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "domains")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	wrongLocalDomains(t, fifo, "is not a file of at most 1 MiB")
}
