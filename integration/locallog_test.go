package integration

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestNobodyReadsTheLog: the mail flows on, whether the reader of stderr is stuck or gone, and the
// operator sees it.
func TestNobodyReadsTheLog(t *testing.T) {
	for _, name := range []string{"stuck", "gone"} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			if name == "gone" {
				r.Close()
			}
			// The push reports that nobody listens there.
			d := startDemo(t, launch{rate: 200, stderr: w, env: []string{"RUSMES_LOG_LEVEL=info",
				"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_METRIC_EXPORT_INTERVAL=1000"}})
			peer.Eventually(t, patience, func() error {
				if _, health := d.get("/health"); !strings.Contains(health, `"log":"unhealthy"`) {
					return fmt.Errorf("the log is not shown to be stuck: %s", health)
				}
				return nil
			})
			before := d.messages()
			peer.Eventually(t, patience, func() error {
				if now := d.messages(); now < before+200 {
					return fmt.Errorf("%g messages, then %g: the mail does not flow on", before, now)
				}
				return nil
			})
			for _, path := range []string{"/ready", "/live"} {
				if status, body := d.get(path); status != http.StatusOK {
					t.Errorf("%s: %d %s", path, status, body)
				}
			}
			d.stop() // the summary says how many lines were not written
		})
	}
}

// messages is how many the demo has accepted.
func (d *demo) messages() (n float64) {
	_, body := d.get("/metrics")
	for line := range strings.Lines(body) {
		if _, err := fmt.Sscanf(line, "rusmes_smtp_messages_received_total %g", &n); err == nil {
			break
		}
	}
	return n
}
