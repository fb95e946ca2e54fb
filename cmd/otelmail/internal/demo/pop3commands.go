package demo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/rusmes/otelmail"
)

// obey does what a command asks for, if it may be given now.
func (p *pop3Session) obey(verb, argument string) answer {
	switch verb {
	case "QUIT":
		return p.quit()
	case "CAPA":
		return p.capabilities()
	}
	if p.drop == nil {
		switch verb {
		case "USER":
			return p.user(argument)
		case "PASS":
			return p.pass(argument)
		case "STLS":
			return p.stls()
		}
		return no("Unknown command, or log in first")
	}
	switch verb {
	case "STAT":
		return yes(p.drop.stat())
	case "LIST":
		return p.list(argument, func(m *popMessage) string { return strconv.FormatInt(m.size, 10) })
	case "UIDL":
		return p.list(argument, func(m *popMessage) string { return p.drop.uniqueID(m) })
	case "RETR":
		return p.retrieve(argument)
	case "TOP":
		return p.top(argument)
	case "DELE":
		return p.delete(argument)
	case "RSET":
		p.drop.reset()
		return yes(p.drop.stat())
	case "NOOP":
		return yes("")
	}
	return no("Unknown command, or not in this state")
}

// mayLogIn says whether a password may be sent over this connection.
func (p *pop3Session) mayLogIn() bool { return p.secured || p.server.plaintextAuth }

func (p *pop3Session) capabilities() answer {
	lines := []string{"TOP", "UIDL", "RESP-CODES", "PIPELINING", "AUTH-RESP-CODE"}
	if p.mayLogIn() {
		lines = append(lines, "USER")
	}
	if !p.secured {
		lines = append(lines, "STLS")
	}
	return answer{text: "What can be done", lines: lines, multi: true}
}

func (p *pop3Session) user(name string) answer {
	switch {
	case !p.mayLogIn():
		return no("Send STLS first")
	case name == "":
		return no("Want a name")
	}
	p.name = name
	return yes("Send the password") // to anybody: who exists is no stranger's business
}

func (p *pop3Session) pass(password string) answer {
	name := p.name
	p.name = ""
	if name == "" {
		return no("Send USER first")
	}
	switch err := p.server.store.login(name, password); {
	case errors.Is(err, errUsersAway):
		p.conn.Cause(otelmail.CauseStorage)
		return no("[SYS/TEMP] Nobody can log in now")
	case err != nil:
		return no("[AUTH] Wrong name or password")
	}
	drop, err := p.server.openMaildrop()
	switch {
	case err != nil:
		p.server.log.Error("POP3 maildrop", "error", err)
		return no("[SYS/TEMP] INBOX cannot be read now")
	case drop == nil:
		return no("[IN-USE] Another session has INBOX open")
	}
	p.drop = drop
	return yes(fmt.Sprintf("%d messages", len(drop.messages)))
}

func (p *pop3Session) stls() answer {
	if p.secured {
		return no("TLS is in use already")
	}
	return answer{text: "Begin TLS", after: p.upgrade}
}

// quit ends the session; what was marked is deleted now.
func (p *pop3Session) quit() answer {
	p.over = true
	if p.drop == nil {
		return yes("Good-bye")
	}
	err := p.drop.update()
	p.leave()
	if err != nil {
		p.server.log.Error("POP3 update", "error", err)
		return no("[SYS/TEMP] Some messages were not deleted")
	}
	return yes("Good-bye")
}

// list is LIST and UIDL: of one message or of all that are not marked.
func (p *pop3Session) list(argument string, of func(*popMessage) string) answer {
	if argument != "" {
		m, err := p.drop.message(argument)
		if err != nil {
			return no("%v", err)
		}
		return yes(fmt.Sprintf("%d %s", m.number, of(m)))
	}
	lines := make([]string, 0, len(p.drop.messages))
	for i := range p.drop.messages {
		if m := &p.drop.messages[i]; !m.deleted {
			lines = append(lines, fmt.Sprintf("%d %s", m.number, of(m)))
		}
	}
	return answer{text: p.drop.stat(), lines: lines, multi: true}
}

func (p *pop3Session) retrieve(argument string) answer {
	text, refused := p.text(argument)
	if text == nil {
		return refused
	}
	return answer{text: fmt.Sprintf("%d octets", len(text)), message: bytes.NewReader(text), multi: true}
}

// top is the header and some lines of the body.
func (p *pop3Session) top(argument string) answer {
	number, count, _ := strings.Cut(argument, " ")
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return no("Want the number of a message and a number of lines")
	}
	text, refused := p.text(number)
	if text == nil {
		return refused
	}
	return answer{text: "The top", message: topOf(text, n), multi: true}
}

func topOf(text []byte, lines int) io.Reader {
	header, body, found := bytes.Cut(text, []byte("\r\n\r\n"))
	if !found {
		return bytes.NewReader(text)
	}
	end := 0
	for ; lines > 0 && end < len(body); lines-- {
		i := bytes.IndexByte(body[end:], '\n')
		if i < 0 {
			i = len(body) - end - 1
		}
		end += i + 1
	}
	return bytes.NewReader(text[:len(header)+4+end])
}

// text is a message's text, or why there is none.
func (p *pop3Session) text(number string) ([]byte, answer) {
	m, err := p.drop.message(number)
	if err != nil {
		return nil, no("%v", err)
	}
	text, err := p.drop.text(m)
	if err != nil {
		p.server.log.Error("POP3 message", "error", err)
		return nil, no("[SYS/TEMP] The message cannot be read now")
	}
	if text == nil {
		return nil, no("The message was deleted over another protocol")
	}
	return text, answer{}
}

func (p *pop3Session) delete(argument string) answer {
	m, err := p.drop.message(argument)
	if err != nil {
		return no("%v", err)
	}
	m.deleted = true
	return yes(fmt.Sprintf("Message %d is marked", m.number))
}

// writeDotted writes a multi-line response: a dot at the beginning of a line is
// doubled (RFC 1939 section 3).
func writeDotted(w *bufio.Writer, a answer) error {
	if len(a.lines) == 0 && a.message == nil { // a DotWriter would make an empty line of it
		_, err := io.WriteString(w, ".\r\n")
		return err
	}
	dotted := textproto.NewWriter(w).DotWriter()
	for _, line := range a.lines {
		if _, err := io.WriteString(dotted, line+"\r\n"); err != nil {
			return err
		}
	}
	if a.message != nil {
		if _, err := io.Copy(dotted, a.message); err != nil {
			return err
		}
	}
	return dotted.Close()
}
