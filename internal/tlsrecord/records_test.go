package tlsrecord_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/internal/tlsrecord"
)

const (
	hello  = "\x16\x03\x01\x00\x04abcd"
	change = "\x14\x03\x03\x00\x01\x01"
	sealed = "\x17\x03\x03\x00\x03xyz"
)

func TestFailure(t *testing.T) {
	for _, tc := range []struct{ name, sent, want string }{
		{"nothing", "", ""},
		{"half a hello", hello[:7], ""},
		{"a handshake", hello + change + sealed + sealed, ""},
		{"an alert", hello + "\x15\x03\x03\x00\x02\x02\x30", "remote error: tls: unknown certificate authority"},
		{"an alert behind another record", hello + change + "\x15\x03\x03\x00\x02\x02\x2d", "remote error: tls: expired certificate"},
		{"an alert and more", hello + "\x15\x03\x03\x00\x02\x02\x46" + "what", "remote error: tls: protocol version not supported"},
		{"half an alert", hello + "\x15\x03\x03\x00\x02\x02", ""},
		{"a warning", hello + "\x15\x03\x03\x00\x02\x01\x00" + sealed, ""},
		{"an encrypted alert", hello + "\x15\x03\x03\x00\x1a" + strings.Repeat("\x02", 26), ""},
		{"an empty record", hello + "\x17\x03\x03\x00\x00" + "\x15\x03\x03\x00\x02\x02\x28", "remote error: tls: handshake failure"},
		{"what looks like an alert within a record", "\x16\x03\x01\x00\x07\x15\x03\x03\x00\x02\x02\x30", ""},
		{"no TLS", "GET / HTTP/1.1\r\n\r\n", "tls: the first byte is not that of a handshake"},
		{"an alert at first", "\x15\x03\x03\x00\x02\x02\x46", "remote error: tls: protocol version not supported"},
	} {
		for _, size := range []int{1, 2, 3, 5, 7, 1000} {
			t.Run(tc.name, func(t *testing.T) {
				got := failure([]byte(tc.sent), size)
				if text := textOf(got); text != tc.want {
					t.Errorf("in pieces of %d bytes: %q, want %q", size, text, tc.want)
				}
			})
		}
	}
}

func TestDone(t *testing.T) {
	for _, tc := range []struct {
		name, sent string
		want       bool
	}{
		{"a hello", hello, false},
		{"a hello again", hello + change + hello, false},
		{"TLS 1.3", hello + change + sealed, true},
		{"an alert of TLS 1.3", hello + change + "\x17\x03\x03\x00\x13" + strings.Repeat("x", 19), false},
	} {
		var r tlsrecord.Records
		if err := r.Failure([]byte(tc.sent)); err != nil || r.Done() != tc.want {
			t.Errorf("%s: %t, %v, want %t", tc.name, r.Done(), err, tc.want)
		}
	}
}

// failure is that of bytes that come in pieces.
func failure(sent []byte, size int) (all error) {
	var r tlsrecord.Records
	for len(sent) > 0 {
		n := min(size, len(sent))
		all = errors.Join(all, r.Failure(sent[:n]))
		sent = sent[n:]
	}
	return all
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// What crypto/tls really sends to a client of an old version.
func TestRealServer(t *testing.T) {
	near, far := net.Pipe()
	seen := &follower{Conn: far}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = tls.Server(seen, &tls.Config{MinVersion: tls.VersionTLS13}).Handshake()
		_ = far.Close()
	}()
	_ = tls.Client(near, &tls.Config{MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true}).Handshake() //nolint:gosec // for a test
	_, _ = io.Copy(io.Discard, near)
	<-ended
	if text := textOf(seen.failure); text != "remote error: tls: protocol version not supported" {
		t.Errorf("%q", text)
	}
}

// follower follows what is written.
type follower struct {
	net.Conn
	records tlsrecord.Records
	failure error
}

func (f *follower) Write(p []byte) (int, error) {
	f.failure = errors.Join(f.failure, f.records.Failure(p))
	return f.Conn.Write(p)
}
