package checks_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rusmes/otelmail/health/checks"
)

// FuzzGreeting: whatever a server says, and then closes, the check ends, and its error is
// short and is text.
func FuzzGreeting(f *testing.F) {
	for _, kind := range []uint8{0, 1, 2, 3} {
		for _, said := range []string{
			"", "220 hello\r\n221 bye\r\n", "220-a\r\n220 b\r\n250 c\r\n", "554 no\r\n", "4\xff21\r\n", "* OK\r\n* BYE\r\na1 OK\r\n",
			"* PREAUTH x\na1 NO",
			"* OK\na1 OK\n* OK {3}\nabc\na2 OK\n* SEARCH 7\na3 OK\na4 OK\na5 OK\na6 OK\n", "* BYE\r\n", "+OK\r\n+OK\r\n", "-ERR\r\n", "+OK\r\n220 \r\n", strings.Repeat("220-\r\n", 120), strings.Repeat("y", 9000),
		} {
			f.Add(kind, []byte(said))
		}
	}
	dir, err := os.MkdirTemp("", "checks")
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", path) // no port is used up
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close(); os.RemoveAll(dir) })
	says := make(chan []byte, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write(<-says)
			_ = conn.(*net.UnixConn).CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	f.Fuzz(func(t *testing.T, kind uint8, said []byte) {
		if len(said) > 1<<16 {
			return
		}
		says <- said
		opts := []checks.ListenerOption{nil}
		if kind&4 != 0 {
			opts[0] = checks.StartTLS("mail.example.org", 0)
		}
		err := run(t, []check{
			checks.SMTP(path, opts...), checks.IMAP(path, opts...), checks.POP3(path, opts...),
			func(ctx context.Context) error {
				_, err := checks.Mailbox{Address: path, Options: opts}.Take(ctx, "id")
				return err
			},
		}[kind&3])
		if err == nil {
			return
		}
		text := err.Error()
		if len(text) > 1000 || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("error of %d bytes: %q", len(text), text)
		}
	})
}
