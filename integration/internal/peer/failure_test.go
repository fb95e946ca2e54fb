package peer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// A test that uses the package wrongly, or whose peer breaks, fails with the reason.
func TestFailuresSayWhy(t *testing.T) {
	tests := map[string]struct {
		run  func(testing.TB)
		want []string
	}{
		"a collector that cannot read its configuration": {
			run:  func(t testing.TB) { peer.StartCollector(t, peer.WithConfig("receivers: {nonesuch: {}}")) },
			want: []string{"ended unexpectedly", "exit status 1", "log of the collector", "nonesuch"},
		},
		"a collector that crashes": {
			run:  func(t testing.TB) { peer.StartCollector(t).Crash() },
			want: []string{"ended unexpectedly", "signal: killed", "log of the collector", "Everything is ready"},
		},
		"a prometheus that crashes": {
			run:  func(t testing.TB) { peer.StartPrometheus(t).Crash() },
			want: []string{"ended unexpectedly", "signal: killed", "log of prometheus", "ready to receive web requests"},
		},
		"a prometheus that does not know its flag": {
			run:  func(t testing.TB) { peer.StartPrometheusWith(t, peer.WithFlags("--nonesuch")) },
			want: []string{"ended unexpectedly", "log of prometheus", "nonesuch"},
		},
		"a scrape target of another kind": {
			run:  func(t testing.TB) { peer.StartPrometheus(t, "ftp://127.0.0.1/metrics") },
			want: []string{`"ftp://127.0.0.1/metrics"`, "want host:port or an http or https URL"},
		},
		"a query that does not parse": {
			run:  func(t testing.TB) { peer.StartPrometheus(t).Query("sum(") },
			want: []string{"parse error"},
		},
		"a query for a range": {
			run:  func(t testing.TB) { peer.StartPrometheus(t).Query("up[1m]") },
			want: []string{"up[1m]", "matrix"},
		},
		"a deadline that passes": {
			run: func(t testing.TB) {
				peer.Eventually(t, time.Millisecond, func() error { return errors.New("no mail yet") })
			},
			want: []string{"not within 1ms: no mail yet"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			failed, text := record(t, test.run)
			if !failed {
				t.Error("the test did not fail")
			}
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q but:\n%s", want, text)
				}
			}
		})
	}
}

func TestEventuallyAsksAgain(t *testing.T) {
	asked := 0
	peer.Eventually(t, time.Minute, func() error {
		asked++
		if asked < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if asked != 3 {
		t.Errorf("asked %d times, want 3", asked)
	}
}
