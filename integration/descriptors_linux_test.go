package integration

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// almostAll may be more than there are: the list is read while some are closed and others opened.
var almostAll = regexp.MustCompile(`(?m)^process_open_fds (7[5-9]|8[0-9])$`)

// TestDescriptorsRunOut lets idle IMAP clients hold every file descriptor of the demo: it is
// alive, is not ready and says why, and is well again when they have gone.
func TestDescriptorsRunOut(t *testing.T) {
	t.Parallel()
	d := startDemo(t, launch{within: []string{"sh", "-c", `ulimit -n 80 && exec "$0" "$@"`}})
	idle := make([]net.Conn, 150)
	for i := range idle {
		c, err := net.Dial("tcp", d.imap)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle[i] = c
	}
	peer.Eventually(t, patience, func() error { return d.readiness(http.StatusServiceUnavailable) })
	for range 5 {
		if code, body := d.get("/live"); code != http.StatusOK {
			t.Errorf("/live: %d %s, want 200", code, body)
		}
		if code, body := d.get("/ready"); code != http.StatusServiceUnavailable || !strings.Contains(body, `"descriptors"`) {
			t.Errorf("/ready: %d %s, want 503 and the check that says why", code, body)
		}
		if code, body := d.get("/health"); code != http.StatusServiceUnavailable || !strings.Contains(body, `"descriptors":"unhealthy"`) {
			t.Errorf("/health: %d %s, want 503 and the check that says why", code, body)
		}
		peer.Eventually(t, patience, func() error { // an idle client may have got the one for a file of /proc
			if page := d.classicPage(); !strings.Contains(page, "\nprocess_max_fds 80\n") || !almostAll.MatchString(page) {
				return fmt.Errorf("the page does not say that all of 80 descriptors are open:\n%s", page)
			}
			return nil
		})
	}
	if n := d.page()[`rusmes_telemetry_server_problems_total{reason="descriptors"}`]; n < 20 {
		t.Errorf("%v connections were taken with the reserve, want each of 20 at least", n)
	}

	for _, c := range idle {
		_ = c.Close()
	}
	peer.Eventually(t, patience, func() error {
		if err := d.readiness(http.StatusOK); err != nil {
			return err
		}
		if err := d.bringLetter(own); err != nil {
			return fmt.Errorf("mail is not taken again: %w", err)
		}
		return nil
	})
	d.stop()
}
