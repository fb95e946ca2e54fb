package otelimap_test

import (
	"errors"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/rusmes/otelmail/otelmailtest"
)

// While a client idles no span is open, and none lasts as long as it has.
func TestIdleHoldsNoSpan(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		c := w.login().say("SELECT INBOX", "OK")
		w.idle(c)
		began := time.Now()
		other := w.login().say("APPEND INBOX {1+}\r\nx", "OK")
		c.answer("* 1 EXISTS") // the client is idling indeed
		w.expectSpans("IMAP LOGIN ok", "IMAP SELECT ok", "IMAP LOGIN ok", "IMAP APPEND ok")
		ended := time.Now()
		c.send("DONE\r\n").answer("t OK")
		w.expectSpans("IMAP LOGIN ok", "IMAP SELECT ok", "IMAP LOGIN ok", "IMAP APPEND ok", "IMAP IDLE ok")
		span := w.Span("IMAP IDLE")
		if span.StartTime().Before(ended) {
			t.Errorf("the span of IDLE began at %v, before DONE at %v (IDLE at %v)", span.StartTime(), ended, began)
		}
		span.Has(otelmailtest.Attributes{"imap.mailbox": "INBOX", "imap.state": "selected"})
		_, _ = c.Close(), other.Close()
		w.ended(2, counts{commands: 5})
	})
}

// idler is a backend whose IDLE says when it is told, and what a test wants.
func idler(s *setup, result func() error) (idles chan bool) {
	idles = make(chan bool, 9)
	s.session = serve(&backend{idle: func(stop <-chan struct{}) error {
		idles <- true
		if result != nil {
			return result()
		}
		<-stop
		return nil
	}})
	return idles
}

func TestIdleThatFails(t *testing.T) {
	for name, test := range map[string]struct {
		result func() error
		want   string
	}{
		"NO":        {func() error { return refused("NO", imap.ResponseCodeCannot) }, "IMAP IDLE no CANNOT"},
		"any error": {func() error { return errors.New("no updates") }, "IMAP IDLE no SERVERBUG"},
		"panic":     {func() error { panic("no") }, "IMAP IDLE no panic"},
	} {
		sees(t, func(t *testing.T, s setup) {
			t.Run(name, func(t *testing.T) {
				idles := idler(&s, test.result)
				w := newWorld(t, s)
				c := w.login().send("t IDLE\r\n").answer("+ idling")
				<-idles
				c.send("DONE\r\n").answer("t NO").say("CREATE a", "OK").say("LOGOUT", "OK").closed()
				w.ended(1, counts{commands: 4, errs: 1})
				w.expectSpans("IMAP LOGIN ok", test.want, "IMAP CREATE ok", "IMAP LOGOUT ok")
			})
		})
	}
}

// A client that is told NO falls back to NOOP: it counts.
func TestIdleRefusedThenNoop(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		idler(&s, func() error { return refused("NO", imap.ResponseCodeCannot) })
		w := newWorld(t, s)
		c := w.login().send("t IDLE\r\n").answer("+ idling").send("DONE\r\n").answer("t NO")
		c.say("NOOP", "OK").say("NOOP", "OK")
		w.expect(counts{connections: 1, active: 1, w.kind(): 1, commands: 4, errs: 1})
	})
}

func TestIdleEndedTheWrongWay(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		idles := idler(&s, nil)
		w := newWorld(t, s)
		c := w.login().send("t IDLE\r\n").answer("+ idling")
		<-idles
		c.send("NOOP\r\n").answer("t BAD").say("CREATE a", "OK")
		w.expectSpans("IMAP LOGIN ok", "IMAP IDLE bad CLIENTBUG", "IMAP CREATE ok")
		w.expect(counts{connections: 1, active: 1, w.kind(): 1, commands: 3, errs: 1})
	})
}

// DONE that comes with IDLE in one packet may end it before the session is told.
func TestIdleThatIsOverAtOnce(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		c := w.login()
		const times = 50
		for range times {
			c.send("t IDLE\r\nDONE\r\n").answer("t OK").say("CREATE a"+time.Now().Format("150405.000000000"), "OK")
		}
		w.expect(counts{connections: 1, active: 1, w.kind(): 1, commands: 1 + 2*times})
	})
}

// go-imap takes the end of a connection for the end of IDLE.
func TestClientVanishesInIdle(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		const clients = 30
		for i := range clients {
			c := w.login().say("SELECT INBOX", "OK")
			if i%2 == 0 {
				w.idle(c)
			} else { // before the session may have been told
				c.send("t IDLE\r\n").answer("+ idling")
			}
			_ = c.Close()
		}
		w.ended(clients, counts{commands: 3 * clients})
	})
}

// A backend that fails because the client has vanished is counted once.
func TestIdleFailsAsClientVanishes(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		idles := make(chan bool, 1)
		s.session = serve(&backend{idle: func(stop <-chan struct{}) error {
			idles <- true
			<-stop
			return errors.New("write: broken pipe")
		}})
		w := newWorld(t, s)
		c := w.login().send("t IDLE\r\n").answer("+ idling")
		<-idles
		_ = c.Close()
		w.ended(1, counts{commands: 2, errs: otelmailtest.Any})
	})
}

// kind is the counter of this world's kind of TLS.
func (w *world) kind() string {
	if w.tls {
		return overTLS
	}
	return plain
}
