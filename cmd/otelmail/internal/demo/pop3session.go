package demo

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelpop3"
)

// pop3Session is one connection. Its states are those of RFC 1939: before the
// login there is no maildrop, and the UPDATE state is a QUIT that has one.
type pop3Session struct {
	server *pop3Server
	conn   net.Conn // plaintext or TLS
	lines  *otelpop3.Reader
	out    *bufio.Writer
	tel    *otelpop3.Session

	secured bool
	name    string    // what USER has said; "" for nothing
	drop    *maildrop // nil before the login
	over    bool      // QUIT was said, or the connection is lost
}

func newPOP3Session(s *pop3Server, conn net.Conn) *pop3Session {
	return &pop3Session{
		server: s, conn: conn, lines: otelpop3.NewReader(conn), out: bufio.NewWriter(conn),
		tel: otelpop3.Begin(context.Background(), s.tel, conn),
	}
}

// run serves the session to its end. The hooks of otelpop3 are all the telemetry
// that POP3 needs: one for the session, one for each command.
func (p *pop3Session) run() {
	cause := otelmail.CausePanic
	defer func() {
		p.leave()
		p.tel.End(cause)
		_ = p.conn.Close() // last: who waits for it wants the session to be over
	}()
	cause = p.serve()
}

// leave forgets the maildrop: without QUIT nothing is deleted.
func (p *pop3Session) leave() {
	if p.drop != nil {
		p.drop.close()
		p.drop = nil
	}
}

func (p *pop3Session) serve() otelmail.Cause {
	if p.server.open.Load() > maxConnections {
		return p.say("-ERR [SYS/TEMP] Too many connections")
	}
	cause := p.say("+OK " + localHost + " is ready")
	for cause == otelmail.CauseNone && !p.over {
		cause = p.serveNext()
	}
	return cause
}

// serveNext reads and answers a command.
func (p *pop3Session) serveNext() otelmail.Cause {
	if err := p.conn.SetReadDeadline(time.Now().Add(p.server.idle)); err != nil {
		return otelmail.CauseOf(err)
	}
	line, err := p.lines.ReadLine()
	switch {
	case errors.Is(err, otelpop3.ErrTooLong):
		line = nil // answered as a command that nobody knows
	case err != nil && p.server.leaving.Load():
		p.over = true
		return p.say("-ERR [SYS/TEMP] The server shuts down")
	case errors.Is(err, io.EOF): // between two commands: nothing is broken
		p.over = true
		return otelmail.CauseNone
	case err != nil:
		return otelmail.CauseOf(err)
	}
	answer, cause := p.command(line)
	if cause == otelmail.CauseNone && answer.after != nil {
		cause = answer.after()
	}
	return cause
}

// command obeys a command and writes the answer.
func (p *pop3Session) command(line []byte) (a answer, cause otelmail.Cause) {
	command := p.tel.Command(line)
	cause = otelmail.CausePanic
	defer func() { command.End(a.failure == "" && cause == otelmail.CauseNone, cause) }()
	verb, argument, _ := strings.Cut(string(line), " ")
	a = p.obey(strings.ToUpper(verb), argument)
	cause = p.write(a)
	return a, cause
}

// answer is what a command is answered with.
type answer struct {
	text    string                // behind +OK
	failure string                // behind -ERR; "" for success
	lines   []string              // of a multi-line response, if multi
	message io.Reader             // likewise
	multi   bool                  // ends with a line of one dot
	after   func() otelmail.Cause // is called when the answer is written; may be nil
}

func yes(text string) answer { return answer{text: text} }

func no(format string, values ...any) answer {
	return answer{failure: fmt.Sprintf(format, values...)}
}

func (p *pop3Session) write(a answer) otelmail.Cause {
	if a.failure != "" {
		return p.say("-ERR " + a.failure)
	}
	if !a.multi {
		return p.say(strings.TrimSpace("+OK " + a.text))
	}
	if err := p.conn.SetWriteDeadline(time.Now().Add(pop3Write)); err != nil {
		return otelmail.CauseOf(err)
	}
	fmt.Fprintf(p.out, "+OK %s\r\n", a.text)
	return otelmail.CauseOf(errors.Join(writeDotted(p.out, a), p.out.Flush()))
}

func (p *pop3Session) say(line string) otelmail.Cause {
	if err := p.conn.SetWriteDeadline(time.Now().Add(pop3Write)); err != nil {
		return otelmail.CauseOf(err)
	}
	fmt.Fprintf(p.out, "%s\r\n", line)
	return otelmail.CauseOf(p.out.Flush()) // which remembers an earlier error
}

// upgrade is the second half of STLS (RFC 2595 section 4).
func (p *pop3Session) upgrade() otelmail.Cause {
	if p.lines.Buffered() > 0 {
		return otelmail.CauseProtocol // sent ahead in plaintext, perhaps by somebody in between
	}
	secure := tls.Server(p.conn, p.server.certificate)
	if err := secure.SetDeadline(time.Now().Add(pop3Write)); err != nil {
		return otelmail.CauseOf(err)
	}
	if secure.Handshake() != nil {
		return otelmail.CauseTLSHandshake
	}
	p.conn, p.lines, p.out = secure, otelpop3.NewReader(secure), bufio.NewWriter(secure)
	p.secured, p.name = true, ""
	p.tel.Upgrade(secure.ConnectionState())
	return otelmail.CauseNone
}
