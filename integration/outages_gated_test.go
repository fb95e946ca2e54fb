package integration

import (
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

// A slow Collector is waited for, as long as the timeout allows; one that takes longer
// gets the request twice. Either way everything arrives.
func TestOutageSlow(t *testing.T) {
	eachWay(t, "slow", func(s *scene) {
		g := newGate(s.T, s.direct())
		s.start(g.address, "OTEL_EXPORTER_OTLP_TIMEOUT=2000")
		g.slow(time.Second)
		s.wait(partOfOutage())
		if _, late := g.counted("traces"); late != 0 {
			s.Logf("%d answers were held for longer than the timeout: the machine is busy", late)
		}
		g.slow(4 * time.Second)
		s.wait(max(partOfOutage(), 6*time.Second)) // long enough for one answer to be too late
		g.slow(0)
		s.catchUp()
		for _, signal := range []string{"traces", "logs"} {
			if _, late := g.counted(signal); late == 0 {
				s.Errorf("%s: no answer was too late: nothing was tried", signal)
			}
		}
		s.finish(allowed{late: g})
	})
}

// A Collector that refuses, because it is busy or because a token has expired, gets
// everything once it no longer refuses. One that says when to come back gets no request
// until then.
func TestOutageRefusing(t *testing.T) {
	const pause = 2 * time.Second
	busy := &refusal{status: http.StatusTooManyRequests, code: codes.ResourceExhausted, pause: pause}
	expired := &refusal{status: http.StatusUnauthorized, code: codes.Unauthenticated}
	eachWay(t, "refusing", func(s *scene) {
		g := newGate(s.T, s.direct())
		s.start(g.address)
		begun := time.Now()
		g.shut(busy)
		s.wait(partOfOutage())
		g.waitAsked()
		g.shut(nil)
		most := int(time.Since(begun)/pause) + 1
		for _, signal := range []string{"traces", "logs", "metrics"} {
			if n, _ := g.counted(signal); n > most {
				s.Errorf("%s: asked %d times while busy, want at most %d: a pause of %v was asked for", signal, n, most, pause)
			}
		}
		s.catchUp()
		g.shut(expired)
		s.wait(partOfOutage())
		g.shut(nil)
		s.finish(allowed{late: g})
	})
}
