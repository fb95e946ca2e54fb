package peer_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// A kill in the middle of traffic loses nothing that was acknowledged, and the file it may
// have torn is read, and written, further.
func TestCollectorKilledUnderTraffic(t *testing.T) {
	collector := peer.StartCollector(t)
	var acknowledged sync.Map // span name -> true
	var taken atomic.Int64
	var senders sync.WaitGroup
	for sender := range 4 {
		senders.Go(func() {
			for n := 0; ; n++ {
				name := fmt.Sprintf("%d-%d", sender, n)
				if err := tryPost(collector.HTTP(), name); err != nil {
					return // the kill
				}
				acknowledged.Store(name, true)
				taken.Add(1)
			}
		})
	}
	peer.Eventually(t, patience, func() error {
		if n := taken.Load(); n < 200 {
			return fmt.Errorf("%d spans acknowledged, want 200 before the kill", n)
		}
		return nil
	})
	collector.Kill()
	senders.Wait()
	collector.Restart()
	postSpan(t, collector, "after")
	acknowledged.Store("after", true)

	for _, span := range collector.Traces() {
		acknowledged.Delete(span.Name)
	}
	acknowledged.Range(func(name, _ any) bool {
		t.Errorf("span %s was acknowledged and is lost", name)
		return true
	})
}

// tryPost sends one big span; the error says that it was not acknowledged.
func tryPost(address, name string) error {
	body := fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":%q,"spanId":%q,"name":%q,
		"attributes":[{"key":"filling","value":{"stringValue":%q}}]}]}]}]}`,
		traceID, spanID, name, strings.Repeat("x", 20_000))
	client := http.Client{Timeout: time.Minute}
	response, err := client.Post("http://"+address+"/v1/traces", "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}
