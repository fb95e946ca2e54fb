//go:build soak

package integration

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

var soakFor = flag.Duration("soak", 30*time.Minute, "how long the soak lasts")

// sample is the state of the demo at one moment.
type sample struct {
	heap, goroutines, files, bytes float64
	mail                           float64 // a second, since the sample before
}

// TestSoak is hostile to the demo for a long time: random domains, random bytes
// in every field, a storm of scrapes, and a collector that comes and goes. It
// reports what grows, and fails if anything does without bound.
func TestSoak(t *testing.T) {
	collector := peer.StartCollector(t)
	d := startDemo(t, launch{rate: 20, flags: []string{"--duration", "3h"}, env: append(pushTo(collector, "http/protobuf"),
		"RUSMES_OTLP_BUFFER_DIR="+t.TempDir(), "OTEL_METRIC_EXPORT_INTERVAL=2000")})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var domains, junk, scrapes, failed atomic.Int64
	repeat := func(n int, do func()) {
		for range n {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						do()
					}
				}
			})
		}
	}
	repeat(2, func() { domains.Add(int64(d.sendToRandomDomains())) })
	repeat(1, func() { d.sendJunk(); junk.Add(1) })
	repeat(2, func() {
		scrapes.Add(1)
		if d.scrape() != nil {
			failed.Add(1)
		}
	})

	begun := time.Now()
	var samples []sample
	received0, at := d.page()[received], time.Now()
	for time.Since(begun) < *soakFor {
		time.Sleep(*soakFor / 12)
		s := d.sample()
		now := d.page()[received]
		s.mail = (now - received0) / time.Since(at).Seconds()
		received0, at = now, time.Now()
		samples = append(samples, s)
		t.Logf("%6s heap %5.1f MB, %3.0f goroutines, %3.0f files, page %4.0f kB, %5.1f messages/s",
			time.Since(begun).Round(time.Second), s.heap/1e6, s.goroutines, s.files, s.bytes/1e3, s.mail)
		if len(samples)%2 == 0 {
			collector.Stop()
		} else if len(samples) > 1 {
			collector.Restart()
		}
	}
	close(stop)
	wg.Wait()
	t.Logf("%d random domains, %d sessions of junk, %d scrapes of which %d failed", domains.Load(), junk.Load(), scrapes.Load(), failed.Load())

	// The first samples are the start: the store and the caches fill up.
	early, late := samples[len(samples)/4], samples[len(samples)-1]
	for what, pair := range map[string][2]float64{
		"heap": {early.heap, late.heap}, "goroutines": {early.goroutines, late.goroutines},
		"files": {early.files, late.files}, "page": {early.bytes, late.bytes},
	} {
		if pair[1] > 2*pair[0]+50 {
			t.Errorf("%s grew from %.0f to %.0f", what, pair[0], pair[1])
		}
	}
	if failed.Load() > 0 {
		t.Errorf("%d of %d scrapes failed", failed.Load(), scrapes.Load())
	}
	if late.mail < early.mail/2 {
		t.Errorf("%.1f messages a second at the end, %.1f at the start", late.mail, early.mail)
	}
	d.terminate()
}

// sendToRandomDomains submits a few messages, each to domains never seen before.
func (d *demo) sendToRandomDomains() (sent int) {
	client, err := d.startTLS()
	if err != nil {
		return 0
	}
	defer client.Close()
	if client.Auth(sasl.NewPlainClient("", user, password)) != nil {
		return 0
	}
	for range 10 {
		to := make([]string, 20)
		for i := range to {
			to[i] = fmt.Sprintf("x@%x.random.example", rand.Uint64())
		}
		if client.SendMail(own, to, strings.NewReader(letter(own, to[0], "Hello."))) != nil {
			return sent
		}
		sent += len(to)
		time.Sleep(100 * time.Millisecond) // the demo's queue makes an attempt for each domain
	}
	return sent
}

// sendJunk puts random bytes into every field of a dialogue.
func (d *demo) sendJunk() {
	junk := func() string {
		b := make([]byte, 1+rand.IntN(300))
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		return strings.NewReplacer("\r", "", "\n", "").Replace(string(b))
	}
	// The answers do not matter: the server must live.
	_ = d.say("EHLO "+junk(), "MAIL FROM:<"+junk()+">", "RCPT TO:<"+junk()+"@"+junk()+">", "AUTH PLAIN "+junk(), junk(), "QUIT")
	time.Sleep(20 * time.Millisecond)
}

func (d *demo) scrape() error {
	resp, err := http.Get("http://" + d.web + "/metrics")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	time.Sleep(50 * time.Millisecond)
	return nil
}

func (d *demo) sample() sample {
	text := d.classicPage()
	value := func(name string) (v float64) {
		if _, rest, ok := strings.Cut(text, "\n"+name+" "); ok {
			_, _ = fmt.Sscan(rest, &v)
		}
		return v
	}
	files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid))
	return sample{heap: value("go_memstats_heap_inuse_bytes"), goroutines: value("go_goroutines"),
		files: float64(len(files)), bytes: float64(len(text))}
}
