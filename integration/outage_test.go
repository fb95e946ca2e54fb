package integration

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// A demo whose Collector is not there works, reports that once for each signal, and pushes
// everything when the Collector comes.
func TestACollectorThatComesLater(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, c *peer.Collector, protocol string) {
		c.Stop()
		d := startDemo(t, launch{rate: 10, env: pushTo(c, protocol)})
		waitForMail(d, 20)
		wantOneReportEach(d)
		c.Restart()
		peer.Eventually(t, patience, func() error {
			if len(c.Traces()) == 0 || len(c.Metrics()) == 0 || len(c.Logs()) == 0 {
				return fmt.Errorf("arrived: %d spans, %d metrics, %d log records", len(c.Traces()), len(c.Metrics()), len(c.Logs()))
			}
			return nil
		})
		end := d.stop()
		wantAllSpans(t, c, end.page())
		wantOneReportEach(d)
	})
}

// A Collector that is killed under traffic and comes back after 3 s gets every span, and
// every record about a message.
func TestNothingIsLostInAnOutage(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, c *peer.Collector, protocol string) {
		// On a busy machine the Collector is away for longer than the usual queue of 2,048 spans lasts.
		d := startDemo(t, launch{rate: 20, env: append(pushTo(c, protocol), "RUSMES_LOG_LEVEL=info", "OTEL_BSP_MAX_QUEUE_SIZE=20000")})
		waitForMail(d, 20)
		c.Kill()
		outage := time.Now().Add(3 * time.Second)
		peer.Eventually(t, patience, func() error {
			if time.Now().Before(outage) {
				return fmt.Errorf("the outage goes on")
			}
			return nil
		})
		c.Restart()
		waitForMail(d, 40)
		for series, n := range d.page() {
			if strings.HasPrefix(series, "rusmes_telemetry_dropped_total") && n != 0 {
				t.Errorf("%s is %v, want 0", series, n)
			}
		}
		end := d.stop()
		wantAllSpans(t, c, end.page())
		wantEveryMessage(t, c, d.stderr.String())
	})
}

// waitForMail returns when that many more messages have been accepted.
func waitForMail(d *demo, more float64) {
	d.t.Helper()
	begin := d.page()[received]
	peer.Eventually(d.t, patience, func() error {
		if got := d.page()[received] - begin; got < more {
			return fmt.Errorf("%v messages accepted, want %v", got, more)
		}
		return nil
	})
}

// wantOneReportEach wants at most one line in the log for each signal, and
// nothing else.
func wantOneReportEach(d *demo) {
	d.t.Helper()
	seen := map[string]int{}
	for line := range strings.Lines(d.stderr.String()) {
		signal := regexp.MustCompile(`otlp (traces|metrics|logs): http://\S+ .*connection refused`).FindStringSubmatch(line)
		if signal == nil {
			d.t.Errorf("the log says: %s", line)
			continue
		}
		if seen[signal[1]]++; seen[signal[1]] > 1 {
			d.t.Errorf("the log says once more: %s", line)
		}
	}
}

var logged = regexp.MustCompile(`msg=(accepted|bounced) .*\b(id|bounce)=(\S+)`)

// wantEveryMessage wants the span of each message's arrival in the queue, and
// the record of it in the logs, for every message that the demo's own log names.
func wantEveryMessage(t *testing.T, c *peer.Collector, log string) {
	t.Helper()
	spans, records := map[any]bool{}, map[any]bool{}
	for _, span := range named(t, c, "queue enqueue") {
		spans[span.Attributes["messaging.message.id"]] = true
	}
	for _, record := range c.Logs() {
		switch record.Body {
		case "accepted":
			records[record.Attributes["id"]] = true
		case "bounced":
			records[record.Attributes["bounce"]] = true
		}
	}
	all := logged.FindAllStringSubmatch(log, -1)
	for _, line := range all {
		if id := line[3]; !spans[id] || !records[id] {
			t.Errorf("of the message %s, %s, arrived: span %t, log record %t", id, line[1], spans[id], records[id])
		}
	}
	if len(all) < outageRate { // a busy machine is slow; each caller has waited for that many
		t.Errorf("the log names %d messages: too few to show anything", len(all))
	}
}

// A dead Collector holds up the end for the 5 s that telemetry has, and the summary says
// what was not delivered.
func TestTheEndWithADeadCollector(t *testing.T) {
	const most = 20 * time.Second // 5 s, and what a busy machine adds
	for _, protocol := range protocols {
		for name, address := range map[string]func(*testing.T) string{"refuses": refusing, "does not answer": unanswering} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				t.Parallel()
				d := startDemo(t, launch{env: []string{
					"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + address(t), "OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol}})
				if err := d.bringLetter(own); err != nil {
					t.Fatal(err)
				}
				d.settled()
				began := time.Now()
				end := d.stop()
				if took := time.Since(began); took > most {
					t.Errorf("the end took %v, want at most %v", took, most)
				}
				for _, want := range []string{
					`otlp traces: (\d+) of \d+ spans not delivered to http://127`,
					`otlp metrics: \d+ of \d+ data points of the last collection not delivered to http://127`,
					`otlp logs: 6 of 6 log records not delivered to http://127`, // two of the demo, and the four events of a message
				} {
					if !regexp.MustCompile(want).MatchString(end.text) {
						t.Errorf("the summary does not say %s:\n%s", want, end.text)
					}
				}
			})
		}
	}
}

// refusing is an address where nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// unanswering is an address where connections are accepted and nothing is answered.
func unanswering(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String() // the kernel accepts connections
}
