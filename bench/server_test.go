package main

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// TestMain lets the test's own program be the child that the tests start.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		if err := run(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// Every server accepts what it is sent, counts it, and reports what it used.
func TestServers(t *testing.T) {
	for _, s := range []store{discard, spool} {
		for _, m := range modes {
			t.Run(fmt.Sprintf("%s %s", s, m), func(t *testing.T) {
				server, err := serve(t.Context(), m, 0, s.arguments()...)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					cost, err := server.spend(t.Context(), goClient{}, 3, 20)
					if err != nil {
						t.Fatal(err)
					}
					if cost.cpu <= 0 || cost.mallocs <= 0 || cost.rate <= 0 {
						t.Errorf("a message cost %+v", cost)
					}
				}
				if m != Unwrapped && m != Control {
					if err := scrapeOnce(t.Context(), "http://"+server.Metrics+"/metrics"); err != nil {
						t.Error(err)
					}
				}
				if err := server.stop(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestWrongMode(t *testing.T) {
	if server, err := serve(t.Context(), "watched", 0); err == nil {
		t.Errorf("a server in the mode \"watched\": %v", server.stop())
	}
}

// Both sides of the growth page show the same domains.
func TestExposed(t *testing.T) {
	const n = 300
	ours, err := exposed(t.Context(), "ours", n, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := exposed(t.Context(), "theirs", n, 0)
	if err != nil {
		t.Fatal(err)
	}
	if d := ours.PageSize - theirs.PageSize; d < -500 || d > 500 { // _other, and digits of process_*
		t.Errorf("pages of %d and %d bytes: not the same lines", ours.PageSize, theirs.PageSize)
	}
	if ours.PageSize < n*len("d000000.example.org") {
		t.Errorf("a page of %d bytes does not hold %d domains", ours.PageSize, n)
	}
	if ours.Heap == 0 || theirs.Heap == 0 || ours.Scrape == 0 {
		t.Errorf("ours %+v, theirs %+v", ours, theirs)
	}
}

// Recording the set changes what its row says.
func TestMessageSet(t *testing.T) {
	tel, err := start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	h := beginSessions(t.Context(), tel).begin(tel)
	h.end(tel)
	counters, gauges := 0, 0
	for _, c := range []struct {
		name   string
		labels []string
		want   int64
		into   *int
	}{
		{"smtp_auth_success_total", nil, 1, &counters},
		{"smtp_messages_received_total", nil, 1, &counters},
		{"messages_per_domain_total", []string{recipientDomain}, 1, &counters},
		{"mail_processed_total", nil, setHistograms, &counters},
		{"mail_delivered_total", nil, 1, &counters},
		{"smtp_messages_sent_total", nil, 1, &counters},
		{"imap_commands_total", nil, 1, &counters},
		{"push_delivery_failures_total", nil, 1, &counters},
		{"push_deliveries_total", nil, 1, &counters},
		{"jmap_requests_total", nil, 1, &counters},
		{"smtp_errors_total", nil, 1, &counters},
		{"smtp_connections_rejected_overload_total", nil, 1, &counters},
		{"mail_dropped_total", nil, 1, &counters},
		{"queue_size", nil, 1, &gauges},
		{"messages_total", nil, 1, &gauges},
	} {
		got, err := tel.Value(c.name, c.labels...)
		if err != nil || got != c.want {
			t.Errorf("%s = %d, %v, want %d", c.name, got, err, c.want)
		}
		*c.into += int(got)
	}
	if counters != setCounters || gauges != setGauges {
		t.Errorf("the set moves %d counters and %d gauges, the row says %d and %d", counters, gauges, setCounters, setGauges)
	}
}
