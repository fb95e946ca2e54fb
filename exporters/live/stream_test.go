package live

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// pipes is a listener whose connections have no buffers: who does not read holds up who
// writes.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (pipes) Close() error   { return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// Who does not read is cut off, and the others miss nothing by it.
func TestSlowReaders(t *testing.T) {
	s := newSampler(nil, "", nil, service{})
	s.history.add(sample{at: 1})
	v := newViewers(8)
	v.limit = 50 * time.Millisecond
	listener := make(pipes)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { v.stream(s, w, r) })} //nolint:gosec // for one test
	go func() { _ = server.Serve(listener) }()
	defer func() { close(listener); server.Close() }()
	dial := func() net.Conn {
		here, there := net.Pipe()
		listener <- there
		fmt.Fprint(here, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		return here
	}
	watching := func() int {
		v.mu.Lock()
		defer v.mu.Unlock()
		return len(v.all)
	}
	eventually := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not within 30 s: %s", what)
			}
		}
	}
	slow := dial()
	defer slow.Close()
	eventually("the slow one is cut off", func() bool { return watching() == 0 })
	quick := dial()
	defer quick.Close()
	messages := make(chan struct{}, 1000)
	go func() {
		for lines := bufio.NewScanner(quick); lines.Scan(); {
			if lines.Text() == "event: sample" {
				messages <- struct{}{}
			}
		}
	}()
	again := dial()
	defer again.Close()
	for range 5 {
		<-messages
		v.show(s)
	}
	eventually("one is left", func() bool { return watching() == 1 })
	v.show(s)
	<-messages
}
