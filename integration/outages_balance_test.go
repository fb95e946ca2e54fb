package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/integration/internal/peer"
)

// allowed is what a scene may cost: requests of a signal that come twice, as many
// more as there were answers of the gate that nobody waited for any more, and items dropped because
// the disk was full.
type allowed struct {
	repeats  int
	late     *gate
	fullDisk bool
}

// atMost allows that many repeated requests of each signal.
func atMost(n int) allowed { return allowed{repeats: n} }

// repeatsOf counts the answer, too, that the last Shutdown did not wait for, if it left something to
// the next start. A gate need not have seen that nobody waited: it may have been written just then.
func (a allowed) repeatsOf(signal string, left int64) int {
	n := a.repeats
	if a.late != nil {
		_, late := a.late.counted(signal)
		n += late
	}
	if left > 0 {
		n++
	}
	return n
}

// finish ends the demo and compares the counts with what the Collector wrote: everything
// produced has arrived, except what was counted as dropped, and only whole requests came
// twice, no more of them than allowed.
func (s *scene) finish(may allowed) {
	s.Helper()
	s.wait(time.Second)
	end := s.demo.stop()
	counts, left := s.finalCounts()
	line := s.name
	for _, arrived := range []arrival{spansArrived(s.collector), recordsArrived(s.collector)} {
		kept, ok := counts[arrived.signal]
		if !ok {
			s.Fatalf("the buffer has no counts of %s", arrived.signal)
		}
		line += fmt.Sprintf(" | %s: produced %d, arrived %d, duplicated %d in %d requests, dropped %d",
			arrived.signal, kept.Produced, arrived.unique, arrived.items-arrived.unique, arrived.repeats, kept.Failed)
		if kept.OnDisk != 0 || kept.SetAside != 0 {
			s.Errorf("%s: %d still wait, %d files are set aside", arrived.signal, kept.OnDisk, kept.SetAside)
		}
		if kept.Produced != kept.Sent+kept.Failed || kept.Sent != arrived.unique {
			s.Errorf("%s: produced %d, sent %d, dropped %d, but %d arrived", arrived.signal, kept.Produced, kept.Sent, kept.Failed, arrived.unique)
		}
		dropped := kept.Failed
		if may.fullDisk {
			dropped -= kept.Dropped.Disk
		}
		if dropped != 0 {
			s.Errorf("%s: dropped: %+v", arrived.signal, kept.Dropped)
		}
		if n := may.repeatsOf(arrived.signal, left); arrived.repeats > n {
			s.Errorf("%s: %d requests came twice, want at most %d", arrived.signal, arrived.repeats, n)
		}
		if twice := arrived.items - arrived.unique; twice != arrived.inRepeats {
			s.Errorf("%s: %d came twice, %d of them in a request that did", arrived.signal, twice, arrived.inRepeats)
		}
		if arrived.unique == 0 {
			s.Errorf("%s: none arrived: nothing was tried", arrived.signal)
		}
	}
	s.Log(line)
	if n := end.page()[droppedOf("metrics")]; n != 0 && !may.fullDisk {
		s.Errorf("%v metric points dropped", n)
	}
	// These counts are the exporter's own. The mail's counters are independent of them.
	if s.lives == 1 && !may.fullDisk {
		wantAllSpans(s.T, s.collector, end.page())
		wantEveryMessage(s.T, s.collector, s.demo.stderr.String())
	}
}

// finalCounts sends what still waits in the buffer, as the next start of a mail server
// would, and returns the counts in it, over all processes that used it, by signal, and how many
// items there were.
func (s *scene) finalCounts() (bySignal map[string]otlp.Stats, left int64) {
	s.Helper()
	counts := otlp.NewPusher(otlp.Endpoint("http://"+s.collector.HTTP()), otlp.Buffer(s.buffer), otlp.Metrics(otlp.Off()))
	begun := time.Now()
	tel, err := otelmail.Start(s.Context(), otelmail.WithoutGlobals(),
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		otelmail.WithErrorHandler(func(err error) { s.Errorf("sending the rest: %v", err) }),
		otelmail.WithExporter(counts))
	if err != nil {
		s.Fatalf("opening the buffer: %v", err)
	}
	bySignal = map[string]otlp.Stats{}
	peer.Eventually(s.T, 5*time.Minute, func() error {
		waiting := int64(0)
		for _, stats := range counts.Stats() {
			bySignal[stats.Signal] = stats
			waiting += stats.Waiting
		}
		if left = max(left, waiting); waiting > 0 {
			return fmt.Errorf("%d spans and log records still wait", waiting)
		}
		return nil
	})
	if err := tel.Shutdown(s.Context()); err != nil {
		s.Errorf("closing the buffer: %v", err)
	}
	s.Logf("%s: the demo left %d spans and log records to the next start, sent in %v", s.name, left, time.Since(begun).Round(100*time.Millisecond))
	return bySignal, left
}

// arrival is what the Collector wrote of a signal.
type arrival struct {
	signal        string
	items, unique int64
	repeats       int   // requests that came before
	inRepeats     int64 // items in them
}

func spansArrived(c *peer.Collector) arrival {
	return arrivalOf("traces", c.TraceRequests(), func(span peer.Span) string { return span.TraceID + span.SpanID })
}

// recordsArrived identifies log records by their whole content, to the nanosecond: they
// have no id.
func recordsArrived(c *peer.Collector) arrival {
	return arrivalOf("logs", c.LogRequests(), func(r peer.Log) string {
		return fmt.Sprint(r.Time.Format(time.RFC3339Nano), r.Observed.Format(time.RFC3339Nano), r.TraceID, r.SpanID, r.Severity, r.Body, r.Attributes)
	})
}

func arrivalOf[T any](signal string, requests [][]T, identity func(T) string) arrival {
	a := arrival{signal: signal}
	items, whole := map[string]bool{}, map[string]bool{}
	for _, request := range requests {
		name := ""
		for _, item := range request {
			id := identity(item)
			name += id + "\n"
			items[id] = true
		}
		a.items += int64(len(request))
		if whole[name] {
			a.repeats++
			a.inRepeats += int64(len(request))
		}
		whole[name] = true
	}
	a.unique = int64(len(items))
	return a
}

// The counting itself: a single item that came twice does not count as a request that did.
func TestArrivalsAreCounted(t *testing.T) {
	got := arrivalOf("traces", [][]string{{"a", "b"}, {"c"}, {"a", "b"}, {"c", "d"}, {"a", "b"}}, func(s string) string { return s })
	want := arrival{signal: "traces", items: 9, unique: 4, repeats: 2, inRepeats: 4}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
