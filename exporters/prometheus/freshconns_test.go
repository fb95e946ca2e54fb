package prometheus

import (
	"net"
	"net/http"
	"testing"
)

// A connection that was accepted at the last moment is reported after all others were
// closed, and must not hold up the shutdown either.
func TestFreshConnectionAfterClose(t *testing.T) {
	var fresh freshConns
	open, reported := net.Pipe()
	fresh.track(reported, http.StateNew)
	fresh.close()
	late, lateReported := net.Pipe()
	fresh.track(lateReported, http.StateNew)
	for name, client := range map[string]net.Conn{"open": open, "late": late} {
		if _, err := client.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: not closed", name)
		}
	}
}
