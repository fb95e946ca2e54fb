package integration

import (
	"errors"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// A Collector that is stopped for a while under traffic gets everything, and nothing
// twice: it shuts down properly.
func TestOutageStopped(t *testing.T) {
	eachWay(t, "stopped", func(s *scene) {
		s.start(s.direct())
		s.collector.Stop()
		s.wait(*outageFor)
		s.collector.Restart()
		s.finish(atMost(1)) // a request that is under way when the Collector stops
	})
}

// A Collector that is killed again and again gets everything. It answers a request when
// its file has it, so what is in flight at a kill can come twice: one request of each
// signal, since one is sent at a time.
func TestOutageKilled(t *testing.T) {
	eachWay(t, "killed", func(s *scene) {
		s.start(s.direct(), "OTEL_BSP_SCHEDULE_DELAY=200", "OTEL_BLRP_SCHEDULE_DELAY=200") // many requests
		for range *kills {
			s.waitForSending()
			time.Sleep(rand.N(300 * time.Millisecond)) // soon: in the middle of what waited
			s.collector.Kill()
			s.wait(rand.N(2 * time.Second))
			s.collector.Restart()
		}
		s.finish(atMost(*kills))
	})
}

// waitForSending returns when another request has been taken.
func (s *scene) waitForSending() {
	s.Helper()
	before := s.demo.page()[sentOf("traces")]
	peer.Eventually(s.T, patience, func() error {
		if s.demo.page()[sentOf("traces")] == before {
			return errors.New("no spans are sent")
		}
		return nil
	})
}

// A black hole takes connections and answers nothing. When the Collector has its
// port back, everything arrives.
func TestOutageBlackHole(t *testing.T) {
	eachWay(t, "black hole", func(s *scene) {
		s.start(s.direct(), "OTEL_EXPORTER_OTLP_TIMEOUT=1000")
		s.collector.Stop()
		refill := blackHole(s.T, s.direct())
		s.wait(partOfOutage())
		refill()
		s.collector.Restart()
		s.finish(atMost(1))
	})
}

// blackHole listens on an address and keeps every connection open without an answer. It
// returns the function that ends it, which fails the test if nobody connected.
func blackHole(t *testing.T, address string) (refill func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ended := make(chan []net.Conn)
	go func() {
		var held []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				ended <- held
				return
			}
			held = append(held, conn)
		}
	}()
	return func() {
		l.Close()
		held := <-ended
		for _, conn := range held {
			conn.Close()
		}
		if len(held) == 0 {
			t.Error("nobody connected to the black hole")
		}
	}
}

// The mail server is killed twice: in the middle of an outage, and while it sends what
// waited. What its buffer counted arrives, including what was logged well before the first
// kill.
func TestOutageAndKilledDemo(t *testing.T) {
	eachWay(t, "demo killed", func(s *scene) {
		s.start(s.direct())
		s.collector.Stop()
		s.wait(partOfOutage())
		said := s.demo.stderr.String()
		s.wait(3 * time.Second) // it gathers for a second before it writes
		s.demo.kill()

		s.startAgain()
		s.wait(partOfOutage())
		s.collector.Restart()
		waitForMail(s.demo, outageRate/4)
		s.demo.kill()

		s.startAgain()
		waitForMail(s.demo, outageRate)
		s.finish(atMost(2 + 1)) // two kills of the demo, one end of the Collector
		wantEveryMessage(s.T, s.collector, said)
	})
}
