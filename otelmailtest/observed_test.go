package otelmailtest_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/observe"
	"github.com/rusmes/otelmail/otelmailtest"
)

// maildrop is a POP3 session of a server that knows of nothing (RFC 1939).
type maildrop struct {
	conn   *observe.POP3Conn
	in     *bufio.Reader
	secure *tls.Config // nil for no STLS
	name   string
	open   bool
}

var letters = []string{"Subject: one\r\n\r\n..\r\n", "Subject: two\r\n\r\n+OK\r\n-ERR\r\n"}

func (m *maildrop) serve() {
	defer func() { m.conn.Close() }()
	m.say("+OK ready")
	for {
		line, err := m.in.ReadString('\n')
		if err != nil {
			return
		}
		words := append(strings.Fields(line), "", "", "")
		verb := strings.ToUpper(words[0])
		if line[0] == ' ' {
			verb = ""
		}
		if !m.obey(verb, words[1], words[2]) {
			return
		}
	}
}

func (m *maildrop) obey(verb, first, second string) (goesOn bool) {
	n, err := strconv.Atoi(first)
	exists := m.open && err == nil && n > 0 && n <= len(letters)
	switch {
	case verb == "QUIT":
		m.say("+OK bye")
		return false
	case verb == "CAPA":
		m.say("+OK\r\nUSER\r\nSTLS\r\nUIDL\r\nTOP\r\n.")
	case verb == "STLS" && m.secure != nil && first == "":
		m.say("+OK go on")
		secure := tls.Server(m.conn, m.secure)
		m.conn = m.conn.Upgrade(secure)
		m.in, m.secure = bufio.NewReader(m.conn), nil
	case verb == "USER" && first != "" && !m.open:
		m.name = first
		m.say("+OK")
	case verb == "PASS" && m.name == "user" && first == "secret" && second == "" && !m.open:
		m.open = true
		m.say("+OK")
	case verb == "STAT" && m.open:
		m.say("+OK 2 60")
	case (verb == "LIST" || verb == "UIDL") && m.open && first == "":
		m.say("+OK\r\n1 20\r\n2 40\r\n.")
	case (verb == "LIST" || verb == "UIDL") && exists:
		m.say(fmt.Sprintf("+OK %d 20", n))
	case verb == "RETR" && exists, verb == "TOP" && exists && second != "":
		m.say("+OK\r\n" + letters[n-1] + ".")
	case (verb == "NOOP" || verb == "RSET") && m.open, verb == "DELE" && exists:
		m.say("+OK")
	default:
		m.say("-ERR no")
	}
	return true
}

func (m *maildrop) say(text string) { _, _ = io.WriteString(m.conn, text+"\r\n") }

func testCertificate(t testing.TB) *tls.Config {
	t.Helper()
	lender := httptest.NewUnstartedServer(nil)
	lender.StartTLS()
	t.Cleanup(lender.Close)
	return &tls.Config{Certificates: lender.TLS.Certificates}
}

// A POP3 server in plaintext, with STLS and inside TLS, observed.
func TestConformanceOfPOP3(t *testing.T) {
	t.Parallel()
	r := newRecorded(t)
	config := testCertificate(t)
	handle := func(accepted net.Conn, secure *tls.Config) {
		conn := observe.POP3(r.Telemetry, accepted)
		(&maildrop{conn: conn, in: bufio.NewReader(conn), secure: secure}).serve()
	}
	otelmailtest.Conformance(t, otelmailtest.Server{
		POP3:    otelmailtest.DialTCP(listen(t, func(c net.Conn) { handle(c, config) })),
		POP3S:   otelmailtest.DialTCP(listen(t, func(c net.Conn) { handle(tls.Server(c, config), nil) })),
		Metrics: otelmailtest.MetricsFrom(r.reader), Spans: r.spans.Ended, Sessions: 40,
	})
}
