package integration

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/integration/internal/peer"
)

// signal is what a client does and what of the labelled series it moves: names and label
// values as pageName takes them, sums of sizes included.
type signal struct {
	name   string
	happen func(*demo) error
	moves  map[string]float64
}

// signalEvents use the clients of net/smtp, go-smtp and go-imap, and lines typed by hand.
func signalEvents() []signal {
	const (
		mail, rcpt, data = "replies_total{smtp,MAIL,2xx}", "replies_total{smtp,RCPT,2xx}", "replies_total{smtp,DATA,2xx}"
		auth, other      = "replies_total{smtp,AUTH,2xx}", "replies_total{smtp,other,2xx}" // other: EHLO, STARTTLS and QUIT
	)
	text := letter("stranger-"+marker+"@shop.example", own, "Good morning.")
	return []signal{
		{"mail for the user", func(d *demo) error { return d.bringLetter(own) }, map[string]float64{other: 2, mail: 1, rcpt: 1, data: 1, "message_size_bytes_sum{in}": float64(len(text)), "message_size_bytes_count{in}": 1, "message_recipients_sum{in}": 1, "message_recipients_count{in}": 1}},
		{"mail in chunks", (*demo).bringInChunks, map[string]float64{other: 2, mail: 1, rcpt: 1, "replies_total{smtp,BDAT,2xx}": 1, "message_size_bytes_sum{in}": 25, "message_size_bytes_count{in}": 1, "message_recipients_sum{in}": 1, "message_recipients_count{in}": 1}},
		{"an unknown user", func(d *demo) error { return refused(550, d.bringLetter("nobody-"+marker+"@example.org")) },
			map[string]float64{other: 2, mail: 1, "replies_total{smtp,RCPT,5xx}": 1, "rejections_total{mx,rcpt,5xx,unknown_user,theirs}": 1}},
		{"a message that says it is too large", (*demo).announceTooMuch,
			map[string]float64{other: 2, "replies_total{smtp,MAIL,5xx}": 1, "rejections_total{mx,mail,5xx,too_large,theirs}": 1}},
		{"a login", func(d *demo) error { return d.login(password, 0) },
			map[string]float64{other: 4, auth: 1, "auth_attempts_total{smtp,PLAIN,success}": 1, "tls_handshakes_total{in,1.3}": 1}},
		// go-smtp's client sends "*" to an AUTH that has already failed.
		{"a wrong password", func(d *demo) error { return d.login("wrong", 535) },
			map[string]float64{other: 4, "replies_total{smtp,AUTH,5xx}": 1, "replies_total{smtp,other,5xx}": 1,
				"auth_attempts_total{smtp,PLAIN,failure}": 1, "tls_handshakes_total{in,1.3}": 1}},
		{"a login that is called off", func(d *demo) error { return d.say("EHLO c.example | 250", "AUTH PLAIN | 334", "* | 501", "QUIT | 221") },
			map[string]float64{other: 2, "replies_total{smtp,AUTH,5xx}": 1, "auth_attempts_total{smtp,PLAIN,aborted}": 1}},
		{"an old version of TLS", func(d *demo) error { return d.handshake(tls.VersionTLS12, "1.2") },
			map[string]float64{"tls_handshakes_total{in,1.2}": 1}},
		{"no version in common", func(d *demo) error { return d.handshake(tls.VersionTLS11, "") },
			map[string]float64{"tls_handshake_failures_total{in,protocol_version}": 1, "connections_lost_total{tls}": 1}},
		{"no TLS", (*demo).scan, map[string]float64{"tls_handshake_failures_total{in,not_tls}": 1, "connections_lost_total{tls}": 1}},
		{"a connection that breaks", func(d *demo) error { return d.breakOff() }, map[string]float64{other: 1, "connections_lost_total{helo}": 1}},
		{"a connection that breaks in a message", func(d *demo) error {
			return d.breakOff("MAIL FROM:<a@sender.example> | 250", "RCPT TO:<"+own+"> | 250", "DATA | 354")
		}, map[string]float64{other: 1, mail: 1, rcpt: 1, "replies_total{smtp,DATA,none}": 1, "connections_lost_total{data}": 1}},
		{"IMAP", func(d *demo) error {
			return d.lines(d.imap, "* OK", "a LOGIN "+user+" wrong", "a NO", "b LOGIN "+user+" "+password, "b OK", "c SELECT INBOX", "c OK", "d NONSENSE", "d BAD", "e LOGOUT", "e OK")
		}, map[string]float64{"auth_attempts_total{imap,LOGIN,failure}": 1, "auth_attempts_total{imap,LOGIN,success}": 1, "replies_total{imap,LOGIN,no}": 1,
			"replies_total{imap,LOGIN,ok}": 1, "replies_total{imap,SELECT,ok}": 1, "replies_total{imap,other,bad}": 1, "replies_total{imap,other,ok}": 1}},
		{"POP3", func(d *demo) error {
			// Only one session at a time may be in the maildrop.
			return d.lines(d.pop3, "+OK", "USER "+user, "+OK", "PASS wrong", "-ERR", "NOOP", "-ERR", "QUIT", "+OK")
		}, map[string]float64{"auth_attempts_total{pop3,PASS,failure}": 1, "replies_total{pop3,other,ok}": 2, "replies_total{pop3,other,error}": 1,
			"replies_total{pop3,PASS,error}": 1}},
	}
}

// handshake shakes hands with no version above this one, and wants the one that is named,
// or a failure for none.
func (d *demo) handshake(highest uint16, want string) error {
	dialer := &net.Dialer{Timeout: patience}
	conn, err := tls.DialWithDialer(dialer, "tcp", d.submissions, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: highest})
	if want == "" {
		if err == nil {
			conn.Close()
			return errors.New("the handshake was done")
		}
		return nil
	}
	if err != nil {
		return err
	}
	return conn.Close()
}

// scan speaks plaintext where TLS is expected.
func (d *demo) scan() error {
	conn, err := net.DialTimeout("tcp", d.submissions, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "EHLO scanner.example\r\n"); err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, err = conn.Read(make([]byte, 64))
	if err == nil {
		return errors.New("the scanner was answered")
	}
	return nil
}

// lines talks line by line: what to expect from the server, and what to send, in turns.
func (d *demo) lines(address string, steps ...string) error {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	for i, step := range steps {
		if i%2 == 1 {
			if _, err := fmt.Fprint(conn, step+"\r\n"); err != nil {
				return err
			}
			continue
		}
		for {
			l, err := r.ReadString('\n')
			if err != nil {
				return fmt.Errorf("waiting for %q: %w", step, err)
			}
			if strings.HasPrefix(l, step) {
				break
			}
			if !strings.HasPrefix(l, "* ") {
				return fmt.Errorf("%q, want %q", l, step)
			}
		}
	}
	return nil
}

// TestSignalsAreExact has clients do a known number of things, one after the other and in 50
// sessions at once: the labelled series say exactly that, and nothing else moves.
func TestSignalsAreExact(t *testing.T) {
	t.Parallel()
	for _, sessions := range []int{1, 50} {
		t.Run(fmt.Sprint(sessions), func(t *testing.T) {
			d := startDemo(t, launch{})
			d.sendSignals(sessions)
			d.stop()
		})
	}
}

// sendSignals has so many clients at a time do what the labelled series count, and wants
// these to say exactly that.
func (d *demo) sendSignals(sessions int) {
	d.t.Helper()
	var signals []signal
	want := d.page()
	for range 4 * max(1, sessions/10) {
		for _, s := range signalEvents() {
			signals = append(signals, s)
			for series, n := range s.moves {
				want[pageName(series)] += n
			}
		}
	}
	atOnce(d.t, sessions, signals, func(s signal) (string, error) { return s.name, s.happen(d) })
	d.settled()
	peer.Eventually(d.t, patience, func() error { // a session that broke is counted once its server has noticed
		var all []error
		for _, difference := range differences("/metrics", looked(d.page()), looked(want)) {
			all = append(all, errors.New(difference))
		}
		return errors.Join(all...)
	})
}

// atOnce has so many clients at a time do all that is to be done; do returns what it was.
func atOnce[T any](t *testing.T, clients int, all []T, do func(T) (string, error)) {
	t.Helper()
	todo := make(chan T)
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for one := range todo {
				if what, err := do(one); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
	for _, one := range all {
		todo <- one
	}
	close(todo)
	group.Wait()
}

// looked is the part of a page that this test looks at: of histograms their counts and,
// where nobody measures time, their sums.
func looked(p page) page {
	out := page{}
	for _, m := range otelmail.Catalog() {
		if countedElsewhere[m.Name] != "TestSignalsAreExact" || m.Name == "command_duration_seconds" {
			continue
		}
		for series, value := range p {
			rest, ours := strings.CutPrefix(series, m.FullName(namespace))
			if !ours || value == 0 || m.Kind != catalog.Histogram && rest[0] != '{' || strings.HasPrefix(rest, "_bucket") {
				continue
			}
			out[series] = value
		}
	}
	return out
}
