package health_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rusmes/otelmail/health"
)

func TestHeartbeat(t *testing.T) {
	tests := []struct {
		name   string
		maxAge time.Duration
		given  func(h *health.Heartbeat)
		want   string // in the error; "" for none
	}{
		{"no beat yet", time.Second, func(*health.Heartbeat) {}, "no beat yet"},
		{"just now", time.Second, func(h *health.Heartbeat) { h.Beat() }, ""},
		{"as old as allowed", time.Second, func(h *health.Heartbeat) { h.Beat(); time.Sleep(time.Second) }, ""},
		{"older", time.Second, func(h *health.Heartbeat) { h.Beat(); time.Sleep(time.Second + 1) }, "last beat 1.000000001s ago: must be at most 1s"},
		{"beats again", time.Second, func(h *health.Heartbeat) { h.Beat(); time.Sleep(time.Hour); h.Beat() }, ""},
		{"max age 0", 0, func(h *health.Heartbeat) { h.Beat() }, "max age 0s: must be positive"},
		{"max age negative", -time.Second, func(h *health.Heartbeat) { h.Beat() }, "max age -1s: must be positive"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				var h health.Heartbeat
				check := h.Check(tt.maxAge)
				tt.given(&h)
				err := check(t.Context())
				switch {
				case tt.want == "" && err != nil:
					t.Error(err)
				case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
					t.Errorf("got %v, want %q", err, tt.want)
				}
			})
		})
	}
}

func TestHeartbeatFromManyGoroutines(t *testing.T) {
	var h health.Heartbeat
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				h.Beat()
				if err := h.Check(time.Hour)(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := testing.AllocsPerRun(100, h.Beat); n != 0 {
		t.Errorf("Beat allocates %v times", n)
	}
}
