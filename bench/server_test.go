package main

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
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

// What the other side of a duel has to do is counted right.
func TestMovedBy(t *testing.T) {
	for name, c := range map[string]struct {
		work func(*otelmail.Telemetry)
		want string
	}{
		"nothing":          {func(*otelmail.Telemetry) {}, "0 counters, 0 gauges, 0 histograms"},
		"a gauge":          {func(tel *otelmail.Telemetry) { tel.Storage.Messages.Add(1) }, "0 counters, 1 gauges, 0 histograms"},
		"a counter, twice": {func(tel *otelmail.Telemetry) { tel.WebPush.GaveUp(); tel.WebPush.GaveUp() }, "2 counters, 0 gauges, 0 histograms"},
		"a message accepted": {func(tel *otelmail.Telemetry) {
			tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{}).Command(mailconv.SMTPData).EndMessage(accepted, recipient)
		}, "5 counters, 1 gauges, 2 histograms"},
	} {
		got, err := movedBy(t.Context(), func(tel *otelmail.Telemetry) func() { return func() { c.work(tel) } })
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, c.want)
		}
		if len(got.durations) != len(got.sizes) { // of a message: of its command, of its recipients
			t.Errorf("%s: %d durations, %d sizes", name, len(got.durations), len(got.sizes))
		}
	}
}
