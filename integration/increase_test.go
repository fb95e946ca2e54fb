package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestIncreaseIsWhatWasSent has clients send a known load while a real Prometheus scrapes the
// demo each second: what it has stored of each counter and histogram of the Catalog has grown by
// exactly what was sent, and increase() says of these samples what its formula says.
func TestIncreaseIsWhatWasSent(t *testing.T) {
	t.Parallel()
	for _, sessions := range []int{1, 50} {
		t.Run(fmt.Sprint(sessions), func(t *testing.T) {
			t.Parallel()
			d := startDemo(t, launch{})
			server := peer.StartPrometheus(t, d.web)
			server.WaitUp(patience)
			waitForScrapes(t, server, 3)
			scraped := time.Now()
			waitForScrapes(t, server, 3)

			before := d.page()
			d.sendSignals(sessions)
			waitForScrapes(t, server, 2) // so that one scrape sees a part of it
			d.sendEvents(sessions)
			after, end := whenStored(t, server, d.settled)

			for name, start := range map[string]time.Time{"since before the first scrape": scraped.Add(-time.Hour), "while it was scraped": scraped} {
				w := window{server, time.UnixMilli(start.UnixMilli()), end}
				seen := w.check(t, name, before, after)
				if seen.series < 500 || seen.moved < 150 || seen.appeared < 20 || seen.native > 0 {
					t.Errorf("%s: there are %+v", name, seen)
				}
			}
			d.stop()
		})
	}
}

// sendEvents has so many clients at a time bring mail, and what is refused, and wants the
// series that these move to say exactly that.
func (d *demo) sendEvents(sessions int) {
	d.t.Helper()
	before, moves := d.page(), page{}
	var events []event
	for range max(1, sessions/25) {
		for _, e := range append(mailEvents(), refusalEvents()...) {
			events = append(events, e)
			moves.add(e.moves)
		}
	}
	atOnce(d.t, sessions, events, func(e event) (string, error) { return e.name, e.happen(d) })
	for _, other := range []string{processed, spam, pushed} { // they depend on what else there was: see wantMoved
		delete(moves, other)
	}
	peer.Eventually(d.t, patience, func() error {
		var all []error
		now := d.settled()
		for series, n := range moves {
			if grown := now[series] - before[series]; grown != n {
				all = append(all, fmt.Errorf("%s has grown by %v, want %v", series, grown, n))
			}
		}
		return errors.Join(all...)
	})
}

// waitForScrapes waits for so many scrapes more, of all jobs together, that were not in vain.
func waitForScrapes(t *testing.T, server *peer.Prometheus, more float64) {
	t.Helper()
	scrapes := func() float64 {
		if all := server.Query("sum(sum_over_time(up[1h]))"); len(all) == 1 {
			return all[0].Value
		}
		return 0
	}
	before := scrapes()
	peer.Eventually(t, patience, func() error {
		if now := scrapes(); now < before+more {
			return fmt.Errorf("%v scrapes, want %v more than %v", now, more, before)
		}
		return nil
	})
}

// whenStored waits until Prometheus has stored what the page shows of counters and histograms,
// and returns that page and a time up to which everything is stored.
func whenStored(t *testing.T, server *peer.Prometheus, read func() page) (p page, end time.Time) {
	t.Helper()
	peer.Eventually(t, patience, func() error {
		p = read()
		held := heldBy(server, "")
		for _, m := range otelmail.Catalog() {
			if m.Kind == catalog.Gauge {
				continue
			}
			for series, value := range p {
				if strings.HasPrefix(series, m.FullName(namespace)) && held[series] != value {
					return fmt.Errorf("%s is %v in Prometheus, want %v", series, held[series], value)
				}
			}
		}
		return nil
	})
	return p, scrapedUntilNow(t, server)
}

// scrapedUntilNow returns a time up to which everything is stored: what is asked of this time
// on is the same whenever it is asked.
func scrapedUntilNow(t *testing.T, server *peer.Prometheus) time.Time {
	t.Helper()
	now := time.UnixMilli(time.Now().UnixMilli())
	peer.Eventually(t, patience, func() error {
		for _, s := range server.Query("timestamp(up)") {
			if at := time.UnixMilli(int64(s.Value * 1000)); !at.After(now) {
				return fmt.Errorf("the last scrape was at %v, want one after %v", at, now)
			}
		}
		return nil
	})
	return now
}

// window is what a Prometheus knows of (start, end].
type window struct {
	server     *peer.Prometheus
	start, end time.Time
}

// seen is how many series a window has, how many of them have moved, how many of these were not
// there before, and how many native histograms there are; each of these is two series.
type seen struct{ series, moved, appeared, native int }

// check compares each counter and each histogram of the Catalog with what it was before the load
// and after it, both within the window.
func (w window) check(t *testing.T, which string, before, after page) (all seen) {
	t.Helper()
	for _, m := range otelmail.Catalog() {
		full := m.FullName(namespace)
		switch m.Kind {
		case catalog.Counter:
			all.add(w.checkName(t, which, full, before, after))
		case catalog.Histogram:
			for _, part := range []string{"", "_count", "_sum", "_bucket"} { // "" for native ones
				all.add(w.checkName(t, which, full+part, before, after))
			}
		}
	}
	return all
}

func (s *seen) add(more seen) {
	s.series, s.moved, s.appeared, s.native = s.series+more.series, s.moved+more.moved, s.appeared+more.appeared, s.native+more.native
}

// part is what is compared of a sample: its value, or of a native histogram its count or sum.
type part struct {
	suffix string
	of     func(peer.Sample) float64
}

var (
	values = []part{{"", func(s peer.Sample) float64 { return s.Value }}}
	native = []part{
		{"_count", func(s peer.Sample) float64 { return s.Histogram.Count }},
		{"_sum", func(s peer.Sample) float64 { return s.Histogram.Sum }},
	}
)

// checkName compares the series of one name.
func (w window) checkName(t *testing.T, which, name string, before, after page) (all seen) {
	t.Helper()
	selector := fmt.Sprintf("%s[%dms]", name, w.end.Sub(w.start).Milliseconds())
	increases := map[string]peer.Sample{}
	for _, s := range w.server.QueryAt(w.end, "increase("+selector+")") {
		labels, le := ownLabels(s.Labels)
		increases[seriesName(name, labels, le)] = s
	}
	for _, series := range w.server.Samples(w.end, selector) {
		labels, le := ownLabels(series.Labels)
		first, last := series.Samples[0], series.Samples[len(series.Samples)-1]
		parts := values
		if first.Histogram != nil {
			parts = native
			all.native++
		}
		increase, told := increases[seriesName(name, labels, le)]
		for _, p := range parts {
			as := seriesName(name+p.suffix, labels, le)
			wrong := func(format string, args ...any) { t.Errorf("%s: %s %s", which, as, fmt.Sprintf(format, args...)) }
			all.series++
			was, there := before[as]
			begun := p.of(first)
			if !there {
				begun, all.appeared = 0, all.appeared+1 // it was 0 until its first event
			}
			grown := after[as] - was
			if grown != 0 {
				all.moved++
			}
			if there && begun != was {
				wrong("is %v at first, want %v", begun, was)
			}
			if stored := p.of(last) - begun; stored != grown {
				wrong("has grown by %v in Prometheus, want %v", stored, grown)
			}
			if err := wantNoFall(series.Samples, p.of); err != nil {
				wrong("is a counter: %v", err)
			}
			switch want, tells := increaseOf(series.Samples, w.start, w.end, p.of); {
			case tells != told:
				wrong("has an increase(): %t, want %t of %+v", told, tells, series.Samples)
			case told && !nearly(p.of(increase), want):
				wrong("has increase() %v, want %v of %+v", p.of(increase), want, series.Samples)
			}
		}
	}
	return all
}
