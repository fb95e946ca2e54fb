package demo

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// flow is what one of each of flowClients changes, as it stands on the page.
var flow = map[string]float64{
	`rusmes_delivery_attempts_total{outcome="delivered",reason="none",transport="smtp"}`:      4,
	`rusmes_delivery_attempts_total{outcome="deferred",reason="system",transport="smtp"}`:     5,
	`rusmes_delivery_attempts_total{outcome="failed",reason="unknown_user",transport="smtp"}`: 1,
	`rusmes_delivery_attempts_total{outcome="failed",reason="system",transport="smtp"}`:       1,
	`rusmes_delivery_attempts_total{outcome="delivered",reason="none",transport="local"}`:     1,
	`rusmes_delivery_attempt_duration_seconds_count{outcome="delivered",transport="smtp"}`:    4,
	`rusmes_delivery_attempt_duration_seconds_count{outcome="deferred",transport="smtp"}`:     5,
	`rusmes_delivery_attempt_duration_seconds_count{outcome="failed",transport="smtp"}`:       2,
	`rusmes_delivery_attempt_duration_seconds_count{outcome="delivered",transport="local"}`:   1,
	`rusmes_delivery_total_seconds_count{outcome="delivered"}`:                                5,
	`rusmes_delivery_total_seconds_count{outcome="bounced"}`:                                  1,
	`rusmes_delivery_total_seconds_count{outcome="expired"}`:                                  1,
	`rusmes_delivery_total_seconds_count{outcome="dropped"}`:                                  1,
	`rusmes_delivery_phase_duration_seconds_count{phase="queue"}`:                             12,
	`rusmes_delivery_phase_duration_seconds_count{phase="dns"}`:                               11,
	`rusmes_delivery_phase_duration_seconds_count{phase="connect"}`:                           19, // 7 refused, and one again in plaintext
	`rusmes_delivery_phase_duration_seconds_count{phase="tls"}`:                               11,
	`rusmes_delivery_phase_duration_seconds_count{phase="transfer"}`:                          11,
	`rusmes_queue_scheduler_lag_seconds_count`:                                                12,
	`rusmes_queue_expired_total`:                                                              1,
	`rusmes_delivery_throttled_total{reason="greylisting"}`:                                   2,
	`rusmes_outbound_tls_total{policy="opportunistic",result="encrypted"}`:                    10,
	`rusmes_outbound_tls_total{policy="opportunistic",result="plaintext"}`:                    1,
	`rusmes_plaintext_fallback_total`:                                                         1,
	`rusmes_tlsrpt_sessions_total{type="success"}`:                                            10,
	`rusmes_tlsrpt_sessions_total{type="validation-failure"}`:                                 1,
	`rusmes_outbound_connect_failures_total{kind="refused"}`:                                  7,
	`rusmes_dns_lookup_duration_seconds_count{result="ok",type="MX"}`:                         11,
	`rusmes_dns_lookup_duration_seconds_count{result="ok",type="A"}`:                          18,
}

var flowClients = []client{outbound, deferred, rejected, neverTaken, spam, legacy}

// TestTheFlowIsCountedExactly at one session and at fifty at once.
func TestTheFlowIsCountedExactly(t *testing.T) {
	for _, sessions := range []int{1, 50} {
		t.Run(strconv.Itoa(sessions), func(t *testing.T) {
			d := running(t, quick())
			var sending sync.WaitGroup
			for n := range sessions {
				sending.Go(func() {
					for _, c := range flowClients {
						if err := c.call(d.traffic, t.Context(), n); err != nil {
							t.Errorf("%s: %v", c.name, err)
						}
					}
				})
			}
			sending.Wait()
			idle(t, d)
			got := flowOf(t, d)
			for name := range maps.Keys(flow) {
				if want := flow[name] * float64(sessions); got[name] != want {
					t.Errorf("%s: %v, want %v", name, got[name], want)
				}
				delete(got, name)
			}
			for _, direction := range []string{"in", "out", "local"} {
				name := `rusmes_last_success_timestamp_seconds{direction="` + direction + `"}`
				if at := got[name]; at < float64(d.began.Unix()) {
					t.Errorf("%s: %v, before the start", name, at)
				}
				delete(got, name)
			}
			for name, n := range got { // at rest, or never moved
				if n != 0 {
					t.Errorf("%s: %v, want 0", name, n)
				}
			}
		})
	}
}

// flowOf is what the page shows of the families in flow, and of those at rest.
func flowOf(t *testing.T, d *Demo) map[string]float64 {
	t.Helper()
	families := []string{"rusmes_queue_messages", "rusmes_queue_bytes", "rusmes_queue_oldest_age_seconds", "rusmes_queue_size",
		"rusmes_outbound_connections", "rusmes_last_success_timestamp_seconds"}
	for name := range flow {
		family, _, _ := strings.Cut(name, "{")
		families = append(families, family)
	}
	_, page := get(t, "http://"+d.web.Addr().String()+"/metrics")
	got := map[string]float64{}
	for line := range strings.Lines(page) {
		name, number, _ := cutLast(strings.TrimSpace(line), " ")
		if family, _, _ := strings.Cut(name, "{"); slices.Contains(families, family) {
			value, err := strconv.ParseFloat(number, 64)
			if err != nil {
				t.Fatal(err)
			}
			got[name] = value
		}
	}
	return got
}
