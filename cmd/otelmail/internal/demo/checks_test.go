package demo

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

// TestTheDemoAsksItself as its clients do: every check holds, its sessions are no errors in
// the servers' own counters, the mail of the round trip is gone again, and how long it took
// shows.
func TestTheDemoAsksItself(t *testing.T) {
	c := quick()
	c.Rate = 1e-6 // nobody else comes while the test lasts
	d := running(t, c)
	names := []string{"descriptors", "disk", "dns", "imap", "jmap", "oldest", "pop3", "pop3s", "queue", "roundtrip", "smtp", "storage", "submissions"}
	var shown struct {
		Status string
		Checks map[string]string
	}
	ask := func(query string) {
		t.Helper()
		_, body := get(t, "http://"+d.web.Addr().String()+"/health"+query)
		shown.Checks = nil
		if err := json.Unmarshal([]byte(body), &shown); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
	}
	eventually(t, "every check holds", func() bool {
		ask("")
		return shown.Status == "healthy" && slices.Equal(slices.Sorted(maps.Keys(shown.Checks)), names)
	})
	eventually(t, "the round trip shows", func() bool { return onPage(t, d, "rusmes_round_trip_duration_seconds_count") >= 1 })
	eventually(t, "the sessions have ended", func() bool {
		for _, protocol := range []string{"smtp", "imap", "jmap", "pop3"} {
			if value(t, d, "active_connections", protocol) > 0 {
				return false
			}
		}
		return value(t, d, "queue_size") == 0
	})
	for _, series := range [][]string{
		{"smtp_errors_total"}, {"imap_errors_total"}, {"jmap_errors_total"}, {"smtp_messages_rejected_total"}, {"messages_total"},
		{"telemetry_unfollowed_sessions_total", "smtp"}, {"telemetry_unfollowed_sessions_total", "imap"}, {"telemetry_unfollowed_sessions_total", "pop3"},
		{"health_check_changes_total", "smtp"}, {"health_check_changes_total", "roundtrip"},
	} {
		if got := value(t, d, series[0], series[1:]...); got != 0 {
			t.Errorf("%v is %d, want 0", series, got)
		}
	}
	for _, m := range otelmail.Catalog() {
		if m.Name != "connections_lost_total" {
			continue
		}
		for _, stage := range m.Labels[0].Values {
			if n := value(t, d, m.Name, stage); n != 0 {
				t.Errorf("%v connections were lost at %s", n, stage)
			}
		}
	}
	for group, want := range map[string][]string{
		"storage": {"disk", "storage"}, "mail": {"oldest", "queue", "roundtrip"}, "listeners": {"imap", "jmap", "pop3", "pop3s", "smtp", "submissions"}, "network": {"dns"}, "process": {"descriptors"},
	} {
		ask("?verbose&group=" + group)
		if got := slices.Sorted(maps.Keys(shown.Checks)); !slices.Equal(got, want) {
			t.Errorf("group %s has %v, want %v", group, got, want)
		}
	}
}

// TestOldestInTheQueue leaves out what waits on purpose.
func TestOldestInTheQueue(t *testing.T) {
	now := time.Now()
	message := func(age time.Duration, next time.Duration) *item {
		it := &item{Next: now.Add(next)}
		it.Telemetry.Enqueued = now.Add(-age)
		return it
	}
	deferred, ready, retried, active := message(time.Hour, time.Hour), message(time.Minute, -time.Minute), message(time.Hour, -time.Second), message(2*time.Minute, -2*time.Minute)
	for name, tt := range map[string]struct {
		q    *queue
		want time.Time
	}{
		"empty":    {&queue{}, time.Time{}},
		"deferred": {&queue{waiting: byTime{deferred}}, time.Time{}},
		"ready":    {&queue{waiting: byTime{ready, deferred}}, now.Add(-time.Minute)},
		"retried":  {&queue{waiting: byTime{retried, deferred}}, now.Add(-time.Second)},
		"active":   {&queue{waiting: byTime{ready, deferred}, active: map[*item]bool{active: true}}, now.Add(-2 * time.Minute)},
	} {
		if got, err := tt.q.oldest(t.Context()); err != nil || !got.Equal(tt.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, tt.want)
		}
	}
}

// TestQueueIsBehind: mail waits at the door only where the workers are the reason.
func TestQueueIsBehind(t *testing.T) {
	due := func(ago time.Duration) byTime { return byTime{{Next: time.Now().Add(-ago)}} }
	busy := func(n int) map[*item]bool {
		active := map[*item]bool{}
		for range n {
			active[&item{}] = true
		}
		return active
	}
	for name, tt := range map[string]struct {
		q    *queue
		want bool
	}{
		"empty":              {&queue{}, false},
		"all busy":           {&queue{active: busy(workers)}, false},
		"just come":          {&queue{active: busy(workers), waiting: due(time.Second)}, false},
		"deferred":           {&queue{active: busy(workers), waiting: due(-time.Minute)}, false},
		"long due, one free": {&queue{active: busy(workers - 1), waiting: due(time.Minute)}, false},
		"long due, all busy": {&queue{active: busy(workers), waiting: due(time.Minute)}, true},
	} {
		if got := tt.q.behind(); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
