package integration

import (
	"encoding/json"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// The tests TestOutage… check the promises of the durable buffer against the real
// Collector. By default they are short; `make outages` runs the long form.
var (
	outageFor = flag.Duration("outage", 8*time.Second, "how long the Collector is away in TestOutageStopped; the other outages last a third of it, a minute at most")
	kills     = flag.Int("kills", 3, "how often TestOutageKilled kills the Collector")
)

// partOfOutage is the length of the outages in tests where the length does not matter.
func partOfOutage() time.Duration { return min(*outageFor/3, time.Minute) }

// outageRate is the rate of mail in a scene, in messages a second.
const outageRate = 20

// scene is a demo with a buffer on disk that pushes to a Collector.
type scene struct {
	*testing.T
	name      string // what happens, and the protocol
	protocol  string
	collector *peer.Collector
	launch    launch
	buffer    string // a directory
	demo      *demo
	lives     int // demos started
}

// eachWay plays a test for both protocols at the same time, since most of it is
// waiting: two scenes cost little more than one.
func eachWay(t *testing.T, name string, play func(*scene)) {
	t.Helper()
	t.Parallel()
	var both sync.WaitGroup
	for _, protocol := range protocols {
		both.Go(func() {
			t.Run(protocol, func(t *testing.T) {
				play(&scene{
					T: t, name: name + ", " + protocol, protocol: protocol,
					collector: peer.StartCollector(t), buffer: t.TempDir(),
				})
			})
		})
	}
	both.Wait()
}

// start starts a demo that pushes to an address, that of the Collector or of something in
// front of it, and waits for some mail. startAgain starts another one on the same
// directories.
func (s *scene) start(address string, env ...string) {
	s.Helper()
	s.launch = launch{
		rate: outageRate, flags: []string{"--spool", s.TempDir(), "--duration", "1h"},
		env: append([]string{ // batches are gathered for a second, the default
			"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + address,
			"OTEL_EXPORTER_OTLP_PROTOCOL=" + s.protocol,
			"OTEL_METRIC_EXPORT_INTERVAL=1000",
			"RUSMES_OTLP_BUFFER_DIR=" + s.buffer,
			"RUSMES_LOG_LEVEL=info",
		}, env...),
	}
	s.startAgain()
	waitForMail(s.demo, outageRate)
}

func (s *scene) startAgain() {
	s.Helper()
	s.demo = startDemo(s.T, s.launch)
	s.lives++
}

// direct is the Collector's own address.
func (s *scene) direct() string { return addressOf(s.collector, s.protocol) }

// wait lets time pass, during an outage or after it, and wants the demo to be healthy all
// the while: mail is accepted, and /health and /metrics answer.
func (s *scene) wait(d time.Duration) {
	s.Helper()
	begun, before := time.Now(), s.demo.page()[received]
	accepted := before
	for time.Since(begun) < d {
		time.Sleep(min(200*time.Millisecond, d))
		s.demo.wantNothingFails()
		accepted = s.demo.page()[received] // fails the test if there is none
	}
	if d < time.Second {
		return // too short to count messages in
	}
	// A busy machine is only slow; a mail server that waits for telemetry would accept nothing.
	peer.Eventually(s.T, patience, func() error {
		if accepted = s.demo.page()[received]; accepted == before {
			return fmt.Errorf("no message is accepted any more: still %v", before)
		}
		return nil
	})
	rate := (accepted - before) / time.Since(begun).Seconds()
	s.Logf("%s: %.1f messages a second accepted for %v; then wait: %s", s.name, rate, d.Round(time.Second), s.demo.backlog())
}

// wantNothingFails wants no check to have failed. One may still be at its first run: the mail of
// the round trip waits behind what the life before has left.
func (d *demo) wantNothingFails() {
	d.t.Helper()
	_, body := d.get("/health")
	var answer struct {
		Checks map[string]string `json:"checks"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Checks) == 0 {
		d.t.Errorf("/health: %v: %s", err, body)
	}
	for name, state := range answer.Checks {
		if state != "healthy" && state != "starting" {
			d.t.Errorf("/health: %s is %s: %s", name, state, body)
		}
	}
}

// backlog is a text that says what waits to be sent.
func (d *demo) backlog() string {
	d.t.Helper()
	p := d.page()
	return fmt.Sprintf("%v spans, %v log records, %v metric points",
		p[waitingOf("traces")], p[waitingOf("logs")], p[waitingOf("metrics")])
}

func waitingOf(signal string) string {
	return fmt.Sprintf("rusmes_telemetry_waiting{signal=%q}", signal)
}

func droppedOf(signal string) string {
	return fmt.Sprintf("rusmes_telemetry_dropped_total{signal=%q}", signal)
}

func sentOf(signal string) string {
	return fmt.Sprintf("rusmes_telemetry_sent_total{signal=%q}", signal)
}

// catchUp is demo.catchUp in a scene.
func (s *scene) catchUp() {
	s.Helper()
	s.Logf("%s: caught up in %v", s.name, s.demo.catchUp().Round(100*time.Millisecond))
}

// catchUp returns when all spans and log records that were produced before it was
// called are sent or dropped. The pauses between attempts grow to a minute and a half while a
// setting is wrong, so it is patient.
func (d *demo) catchUp() time.Duration {
	d.t.Helper()
	begun, before := time.Now(), d.page()
	peer.Eventually(d.t, 5*time.Minute, func() error {
		time.Sleep(200 * time.Millisecond) // a page costs the demo more than a message
		now := d.page()
		for _, signal := range []string{"traces", "logs"} {
			produced := before[sentOf(signal)] + before[droppedOf(signal)] + before[waitingOf(signal)]
			if settled := now[sentOf(signal)] + now[droppedOf(signal)]; settled < produced {
				return fmt.Errorf("%s: %v of %v are sent or dropped", signal, settled, produced)
			}
		}
		return nil
	})
	return time.Since(begun)
}
