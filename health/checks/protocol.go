package checks

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/rusmes/otelmail/internal/smtpreply"
)

// protocol is what a client says to a server, and how it takes the answers.
type protocol struct {
	name string
	// greeting reads the server's first words. A refusal is a [refusedError], after which the
	// session may still be ended in order.
	greeting func(*dialogue) error
	// startTLS brings the server to the point where TLS begins.
	startTLS func(*dialogue) error
	// leave ends the session in order, so that the server's own counters have no
	// broken one.
	leave func(*dialogue) error
}

// refusedError is an answer that is understood, and says no.
type refusedError struct{ answer string }

func (e refusedError) Error() string { return "the server answers " + e.answer }

var (
	tcp = protocol{
		name:     "tcp",
		greeting: func(*dialogue) error { return nil },
		leave:    func(*dialogue) error { return nil },
	}
	smtp = protocol{
		name:     "smtp",
		greeting: func(d *dialogue) error { return smtpReply(d, 220) },
		startTLS: func(d *dialogue) error {
			if err := smtpCommand(d, "EHLO "+literal(d.conn.LocalAddr()), 250); err != nil {
				return err
			}
			return smtpCommand(d, "STARTTLS", 220)
		},
		leave: func(d *dialogue) error { return smtpCommand(d, "QUIT", 221) },
	}
	imap = protocol{
		name:     "imap",
		greeting: imapGreeting,
		startTLS: func(d *dialogue) error { return imapCommand(d, "STARTTLS") },
		leave:    func(d *dialogue) error { return imapCommand(d, "LOGOUT") },
	}
	pop3 = protocol{
		name:     "pop3",
		greeting: pop3Reply,
		startTLS: func(d *dialogue) error { return pop3Command(d, "STLS") },
		leave:    func(d *dialogue) error { return pop3Command(d, "QUIT") },
	}
)

// literal is our address as EHLO has it (RFC 5321 section 4.1.3).
func literal(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return "localhost"
	}
	if ip4 := tcp.IP.To4(); ip4 != nil {
		return "[" + ip4.String() + "]"
	}
	return "[IPv6:" + tcp.IP.String() + "]"
}

func smtpCommand(d *dialogue, line string, want int) error {
	verb, _, _ := strings.Cut(line, " ")
	err := d.send(line)
	if err == nil {
		err = smtpReply(d, want)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

// smtpReply reads one reply of any number of lines.
func smtpReply(d *dialogue, want int) error {
	first := ""
	for {
		line, err := d.read()
		if err != nil {
			return err
		}
		if first == "" {
			first = line
		}
		parsed, ok := smtpreply.Parse(line)
		if !ok || parsed.Code == 0 {
			return fmt.Errorf("%s is no reply of SMTP", quoted(line))
		}
		if parsed.Last {
			if parsed.Code != want {
				return refusedError{quoted(first)}
			}
			return nil
		}
	}
}

// imapGreeting reads the greeting (RFC 9051 section 7.1).
func imapGreeting(d *dialogue) error {
	line, err := d.read()
	if err != nil {
		return err
	}
	switch status, ok := cutFold(line, "* "); {
	case ok && (hasWord(status, "OK") || hasWord(status, "PREAUTH")):
		return nil
	case ok && hasWord(status, "BYE"):
		return refusedError{quoted(line)}
	}
	return fmt.Errorf("%s is no greeting of IMAP", quoted(line))
}

// imapCommand sends a command and reads until its tagged answer. A server that closes after
// LOGOUT has left in order.
func imapCommand(d *dialogue, command string) error {
	tag := d.tag()
	err := d.send(tag + command)
	for err == nil {
		var line string
		if line, err = d.read(); err != nil {
			break
		}
		if status, ok := cutFold(line, tag); ok {
			if hasWord(status, "OK") {
				return nil
			}
			err = refusedError{quoted(line)}
		}
	}
	if command == "LOGOUT" && errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("%s: %w", command, err)
}

func pop3Command(d *dialogue, command string) error {
	err := d.send(command)
	if err == nil {
		err = pop3Reply(d)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return nil
}

// pop3Reply reads one line (RFC 1939 section 3).
func pop3Reply(d *dialogue) error {
	line, err := d.read()
	switch {
	case err != nil:
		return err
	case hasWord(line, "+OK"):
		return nil
	case hasWord(line, "-ERR"):
		return refusedError{quoted(line)}
	}
	return fmt.Errorf("%s is no reply of POP3", quoted(line))
}

// hasWord says whether a line begins with a word, in whatever case.
func hasWord(line, word string) bool {
	rest, ok := cutFold(line, word)
	return ok && (rest == "" || rest[0] == ' ')
}

func cutFold(line, prefix string) (rest string, ok bool) {
	if len(line) < len(prefix) || !strings.EqualFold(line[:len(prefix)], prefix) {
		return "", false
	}
	return line[len(prefix):], true
}
