package demo

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Of IMAP, JMAP and POP3 each has its limit: one client more is told so, or closed.
func TestConnectionsAreLimited(t *testing.T) {
	d := running(t, quick())
	for name, c := range map[string]struct {
		port net.Listener
		says string // "" is nothing
	}{
		"imap":  {d.ports.imap, "* BYE [UNAVAILABLE] "},
		"jmap":  {d.ports.jmap, ""},
		"pop3":  {d.ports.pop3, "-ERR [SYS/TEMP] "},
		"pop3s": {d.ports.pop3s, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var last net.Conn
			for range maxConnections + 1 {
				conn, err := net.Dial("tcp", c.port.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				last = conn
			}
			if err := last.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(last).ReadString('\n')
			if !strings.HasPrefix(line, c.says) || c.says == "" && (line != "" || err != io.EOF) {
				t.Errorf("one too many is told %q, %v", line, err)
			}
		})
	}
}
