package demo

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// pop3Session is one connection. Its states are those of RFC 1939: before the
// login there is no maildrop, and the UPDATE state is a QUIT that has one.
type pop3Session struct {
	server *pop3Server
	conn   *observe.POP3Conn // plaintext or TLS
	lines  *pop3Lines
	out    *bufio.Writer

	secured bool
	name    string    // what USER has said; "" for nothing
	drop    *maildrop // nil before the login
	over    bool      // QUIT was said, or the connection is lost
}

// newPOP3Session serves POP3 on conn. That the connection is observed is all the
// telemetry that POP3 needs.
func newPOP3Session(s *pop3Server, conn net.Conn) *pop3Session {
	observed := observe.POP3(s.tel, conn)
	_, secured := conn.(*tls.Conn)
	return &pop3Session{server: s, conn: observed, lines: newPOP3Lines(observed), out: bufio.NewWriter(observed), secured: secured}
}

// run serves the session to its end.
func (p *pop3Session) run() {
	panics := true
	defer func() {
		p.leave()
		if panics {
			p.conn.End(otelmail.CausePanic)
		}
		_ = p.conn.Close() // last: who waits for it wants the session to be over
	}()
	_ = p.serve() // the span says how it ended
	panics = false
}

// leave forgets the maildrop: without QUIT nothing is deleted.
func (p *pop3Session) leave() {
	if p.drop != nil {
		p.drop.close()
		p.drop = nil
	}
}

func (p *pop3Session) serve() error {
	if err := p.conn.SetReadDeadline(time.Now().Add(p.server.idle)); err != nil { // implicit TLS: the greeting waits for the handshake
		return err
	}
	err := p.say("+OK " + localHost + " is ready")
	for err == nil && !p.over {
		err = p.serveNext()
	}
	return err
}

// serveNext reads and answers a command.
func (p *pop3Session) serveNext() error {
	if err := p.conn.SetReadDeadline(time.Now().Add(p.server.idle)); err != nil {
		return err
	}
	line, err := p.lines.next()
	switch {
	case errors.Is(err, errPOP3Line):
		line = nil // answered as a command that nobody knows
	case err != nil && p.server.leaving.Load():
		p.over = true
		return p.say("-ERR [SYS/TEMP] The server shuts down")
	case err != nil:
		return err
	}
	verb, argument, _ := strings.Cut(string(line), " ")
	answer := p.obey(strings.ToUpper(verb), argument)
	if err := p.write(answer); err != nil || answer.after == nil {
		return err
	}
	return answer.after()
}

// answer is what a command is answered with.
type answer struct {
	text    string       // behind +OK
	failure string       // behind -ERR; "" for success
	lines   []string     // of a multi-line response, if multi
	message io.Reader    // likewise
	multi   bool         // ends with a line of one dot
	after   func() error // is called when the answer is written; may be nil
}

func yes(text string) answer { return answer{text: text} }

func no(format string, values ...any) answer {
	return answer{failure: fmt.Sprintf(format, values...)}
}

func (p *pop3Session) write(a answer) error {
	if a.failure != "" {
		return p.say("-ERR " + a.failure)
	}
	if !a.multi {
		return p.say(strings.TrimSpace("+OK " + a.text))
	}
	if err := p.conn.SetWriteDeadline(time.Now().Add(pop3Write)); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "+OK %s\r\n", a.text)
	return errors.Join(writeDotted(p.out, a), p.out.Flush())
}

func (p *pop3Session) say(line string) error {
	if err := p.conn.SetWriteDeadline(time.Now().Add(pop3Write)); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s\r\n", line)
	return p.out.Flush() // which remembers an earlier error
}

// upgrade is the second half of STLS (RFC 2595 section 4).
func (p *pop3Session) upgrade() error {
	if p.lines.sentAhead() > 0 { // in plaintext, perhaps by somebody in between
		p.conn.End(otelmail.CauseProtocol)
		return errors.New("upgrade to TLS: the client did not wait for it")
	}
	secure := tls.Server(p.conn, p.server.certificate)
	if err := secure.SetDeadline(time.Now().Add(pop3Write)); err != nil {
		return err
	}
	if err := secure.Handshake(); err != nil {
		return fmt.Errorf("upgrade to TLS: %w", err)
	}
	p.conn = p.conn.Upgrade(secure)
	p.lines, p.out = newPOP3Lines(p.conn), bufio.NewWriter(p.conn)
	p.secured, p.name = true, ""
	return nil
}
