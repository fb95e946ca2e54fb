package otelsmtp_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"go.opentelemetry.io/otel/codes"

	"github.com/rusmes/otelmail/mailconv"
)

// FuzzCommands sends bytes of a stranger's choice and compares the counted
// errors with the refusals that the client has read.
func FuzzCommands(f *testing.F) {
	for _, seed := range []string{
		"EHLO a\r\n" + transaction + "\r\nDATA\r\nhi\r\n.\r\nQUIT\r\nEHLO b\r\nFOOO\r\n",
		"EHLO a\r\n" + transaction + "\r\nDATA\r\nhi",
		"EHLO a\r\n" + transaction + "\r\nBDAT 3\r\nhi\nBDAT 2\r\nxBDAT 0 LAST\r\n",
		"EHLO a\r\n" + transaction + "\r\nBDAT 3\r\nhi\nRSET\r\n" + transaction + "\r\nBDAT 999 LAST\r\n",
		"EHLO a\r\n" + transaction + "\r\nBDAT 3\r\nhi\nMAIL FROM:<>\r\nBDAT 200 LAST\r\n" + strings.Repeat("y\r\n", 70),
		"EHLO a\r\nAUTH LOGIN\r\nc2VjcmV0\r\nAUTH LOGIN\r\n*\r\nAUTH LOGIN\r\n?\r\nAUTH LOGIN\r\n",
		"EHLO a\r\nAUTH LOGIN\r\nd3Jvbmc=\r\nAUTH LOGIN\r\nc2VjcmV0\r\nAUTH X\r\nMAIL FROM:<no@a.b>\r\nMAIL FROM:<550@a.b>\r\n",
		"\r\nFOOO\r\n\x00\xff\r\nEHLO \xff\r\nHELO a\r\nHELO b\r\nSTARTTLS\r\nVRFY\r\n",
		"EHLO a\r\n" + strings.Repeat("x", 3000),
	} {
		f.Add([]byte(seed))
	}
	b := logins()
	b.mail = func(_ *gosmtp.Conn, from string) error {
		if strings.HasPrefix(from, "no") { // a stranger's text in the reply
			return errors.New(from + "\n550 " + from)
		}
		return nil
	}
	b.rcpt = unknownUser
	f.Fuzz(func(t *testing.T, input []byte) {
		w := start(t, b, setting{server: func(s *gosmtp.Server) { s.MaxMessageBytes = 100 }})
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		go func() {
			_, _ = c.Write(input)
			_ = c.(*net.TCPConn).CloseWrite()
		}()
		refusals, whole := readRefusals(c)
		w.Has(counts{"rusmes_smtp_session_duration_seconds_count": 1, "rusmes_smtp_connections_total": 1,
			`rusmes_active_connections{protocol="smtp"}`: 0})
		if whole { // else the server closed before it had read all: replies may be lost
			w.Has(counts{"rusmes_smtp_errors_total": refusals + w.unanswered()})
		}
	})
}

// readRefusals counts the replies 4xx and 5xx until the server closes.
func readRefusals(c net.Conn) (n float64, whole bool) {
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return n, err == io.EOF
		}
		if len(line) > 3 && (line[0] == '4' || line[0] == '5') && line[3] == ' ' {
			n++
		}
	}
}

// unanswered counts the failed BDAT and AUTH to which there was no reply. (DATA
// that breaks off is answered, if only to the void.)
func (w *world) unanswered() (n float64) {
	for _, s := range w.Spans("") {
		if s.Status().Code != codes.Error || s.Name() != "SMTP BDAT" && s.Name() != "SMTP AUTH" {
			continue
		}
		answered := false
		for _, kv := range s.Attributes() {
			answered = answered || kv.Key == mailconv.SMTPStatusCodeKey
		}
		if !answered {
			n++
		}
	}
	return n
}
