//go:build soak

package integration

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

var soakFor = flag.Duration("soak", 30*time.Minute, "how long the soak lasts")

const soakSamples = 12

func init() { findRaces = false }

// TestSoak is hostile to the demo for a long time: a million random domains,
// random bytes in every field of every protocol, a storm of scrapes, and a
// collector that comes and goes. It reports what grows, and fails if anything grows
// without bound, if a scrape fails, or if telemetry is lost.
func TestSoak(t *testing.T) {
	collector := peer.StartCollector(t)
	d := startDemo(t, launch{rate: 20, flags: []string{"--duration", "3h"}, env: append(pushTo(collector, "http/protobuf"),
		"RUSMES_OTLP_BUFFER_DIR="+t.TempDir(), "OTEL_METRIC_EXPORT_INTERVAL=2000")})
	h := beHostile(d)
	t.Log("      at |   heap |     RSS | goroutines | files | page | domains shown | queue | waiting | messages/s")
	var samples []sample
	before, at := d.page()[received], time.Now()
	for begun := time.Now(); time.Since(begun) < *soakFor; {
		time.Sleep(*soakFor / soakSamples)
		s := d.sample()
		s.mail = (s.received - before) / time.Since(at).Seconds()
		before, at = s.received, time.Now()
		samples = append(samples, s)
		t.Logf("%8s | %s", time.Since(begun).Round(time.Second), s)
		if len(samples)%2 == 1 {
			collector.Stop()
		} else {
			collector.Restart()
		}
	}
	if len(samples)%2 == 1 {
		collector.Restart()
	}
	h.end()
	t.Logf("%d random domains, %d hostile sessions, %d scrapes of which %d failed",
		h.domains.Load(), h.junk.Load(), h.scrapes.Load(), h.failed.Load())
	if n := h.failed.Load(); n > 0 {
		t.Errorf("%d of %d scrapes failed: %v", n, h.scrapes.Load(), h.failure.Load())
	}
	grows(t, samples)
	d.wantAllSent()
}

// grows compares the end with the first third, in which mailboxes, caches and the
// table of domains fill up.
func grows(t *testing.T, samples []sample) {
	early, late := samples[len(samples)/3], samples[len(samples)-1]
	for what, pair := range map[string][2]float64{
		"heap": {early.heap, late.heap}, "RSS": {early.rss, late.rss}, "goroutines": {early.goroutines, late.goroutines},
		"files": {early.files, late.files}, "page": {early.bytes, late.bytes},
	} {
		if pair[1] > 1.5*pair[0]+50 {
			t.Errorf("%s grew from %.0f to %.0f", what, pair[0], pair[1])
		}
	}
	if late.mail < early.mail/2 {
		t.Errorf("%.1f messages a second at the end, %.1f at the start", late.mail, early.mail)
	}
}

// wantAllSent waits until the collector has everything, and wants nothing dropped.
func (d *demo) wantAllSent() {
	d.t.Helper()
	took := d.catchUp()
	end := d.page()
	for _, signal := range []string{"traces", "logs", "metrics"} {
		dropped := end[droppedOf(signal)]
		d.t.Logf("%s: %.0f sent, %.0f dropped, caught up %v after the last outage", signal, end[sentOf(signal)], dropped, took.Round(time.Second))
		if dropped > 0 || end[sentOf(signal)] == 0 {
			d.t.Errorf("%s: %.0f sent, %.0f dropped", signal, end[sentOf(signal)], dropped)
		}
	}
	if status := d.stop(); status.text == "" {
		d.t.Error("the demo printed no summary at its end")
	}
}

// sample is the state of the demo at one moment.
type sample struct {
	heap, rss, goroutines, files, bytes float64
	domains, queue, waiting             float64
	received                            float64
	mail                                float64 // messages a second, since the sample before
}

func (s sample) String() string {
	return fmt.Sprintf("%3.0f MB | %4.0f MB | %10.0f | %5.0f | %2.0f kB | %13.0f | %5.0f | %7.0f | %10.1f",
		s.heap/1e6, s.rss/1e6, s.goroutines, s.files, s.bytes/1e3, s.domains, s.queue, s.waiting, s.mail)
}

func (d *demo) sample() sample {
	text := d.classicPage()
	p := readPage(d.t, text)
	value := func(name string) (v float64) {
		if _, rest, ok := strings.Cut(text, "\n"+name+" "); ok {
			_, _ = fmt.Sscan(rest, &v)
		}
		return v
	}
	s := sample{heap: value("go_memstats_heap_inuse_bytes"), rss: value("process_resident_memory_bytes"),
		goroutines: value("go_goroutines"), bytes: float64(len(text)),
		queue: p["rusmes_queue_size"], received: p[received], waiting: p[waitingOf("traces")],
		domains: float64(strings.Count(text, "\nrusmes_messages_per_domain_total{"))}
	files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid))
	s.files = float64(len(files))
	return s
}
