package observe_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
	"github.com/rusmes/otelmail/otelmailtest"
)

// limits are the listeners, and what a client is told that is one too many.
var limits = map[string]struct {
	limit  func(*otelmail.Telemetry, net.Listener, int) net.Listener
	told   string
	counts otelmailtest.Series // for each that is refused; those who are let in are not observed
}{
	"any":  {func(_ *otelmail.Telemetry, l net.Listener, n int) net.Listener { return observe.Limit(l, n) }, "", nil},
	"imap": {observe.LimitIMAP, "* BYE [UNAVAILABLE] ", otelmailtest.Series{"rusmes_imap_connections_total": 1, "rusmes_imap_errors_total": 1}},
	"pop3": {observe.LimitPOP3, "-ERR [SYS/TEMP] ", nil},
}

// greeter greets who is accepted, and holds the connections until a client has left.
func greeter(t *testing.T, l net.Listener) (address string) {
	t.Helper()
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				fmt.Fprint(c, "welcome\r\n")
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
				_ = c.Close() // counts once
			}()
		}
	}()
	return l.Addr().String()
}

// greeting is the first line that a client gets, "" if there is none.
func greeting(t *testing.T, c net.Conn) string {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil && err != io.EOF && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	return line
}

func dialled(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func listening(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLimit(t *testing.T) {
	for name, test := range limits {
		t.Run(name, func(t *testing.T) {
			rec := otelmailtest.New(t)
			address := greeter(t, test.limit(rec.Tel, listening(t), 2))
			const over = 100 // more than are told at a time
			var tooMany []net.Conn
			first, second := dialled(t, address), dialled(t, address)
			for _, c := range []net.Conn{first, second} {
				if line := greeting(t, c); line != "welcome\r\n" {
					t.Fatalf("one of two is told %q", line)
				}
			}
			for range over {
				tooMany = append(tooMany, dialled(t, address))
			}
			told := 0
			for _, c := range tooMany {
				switch line := greeting(t, c); {
				case test.told != "" && strings.HasPrefix(line, test.told):
					told++
				case line != "":
					t.Fatalf("one too many is told %q", line)
				}
			}
			if test.told != "" && told < 50 {
				t.Errorf("%d of %d are told that they are refused", told, over)
			}
			for series, each := range test.counts {
				rec.Has(otelmailtest.Series{series: over * each})
			}

			// A place is free when its client has left, and then it is one.
			_ = first.Close()
			deadline := time.Now().Add(time.Minute)
			for greeting(t, dialled(t, address)) != "welcome\r\n" {
				if time.Now().After(deadline) {
					t.Fatal("nobody gets the place that is free")
				}
			}
			if line := greeting(t, dialled(t, address)); line == "welcome\r\n" {
				t.Error("the place is given to two")
			}
			for _, c := range tooMany {
				_ = c.Close()
			}
			if name != "any" {
				rec.Has(otelmailtest.Series{"rusmes_active_connections": 0})
			}
		})
	}
}

func TestWithoutALimit(t *testing.T) {
	l := listening(t)
	defer l.Close()
	for _, n := range []int{0, -1} {
		for name, test := range limits {
			if got := test.limit(nil, l, n); got != l {
				t.Errorf("%s of %d is a %T", name, n, got)
			}
		}
	}
}

// What stands on top of a listener with a limit sees TLS, as without it.
func TestLimitBelowTLS(t *testing.T) {
	rec := otelmailtest.New(t)
	l := tls.NewListener(observe.Limit(listening(t), 1), certificate(t))
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		observed := observe.POP3(rec.Tel, c)
		fmt.Fprint(observed, "+OK ready\r\n")
		_ = observed.Close()
	}()
	secure := tls.Client(dialled(t, l.Addr().String()), &tls.Config{InsecureSkipVerify: true})
	if line := greeting(t, secure); line != "+OK ready\r\n" {
		t.Fatal(line)
	}
	rec.Has(otelmailtest.Series{`rusmes_tls_sessions_total{tls="yes"}`: 1})
}
