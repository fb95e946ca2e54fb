package sessions

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Name returns "smtp", "lmtp", "imap" or "pop3".
func (p Protocol) Name() string { return p.name }

// Offers are what a server says that it can.
type Offers struct{ StartTLS, Pipelining bool }

// Probe asks the server, in a session of its own, what it offers. The error says why the
// server cannot be tested.
func (server *Server) Probe() (Offers, error) {
	ask := map[string][]string{
		"smtp": {"EHLO client.example", "QUIT"}, "lmtp": {"LHLO client.example", "QUIT"},
		"imap": {"a CAPABILITY", "b LOGOUT"}, "pop3": {"CAPA", "QUIT"},
	}[server.Protocol.name]
	s := script{cut: -1}
	for _, line := range ask {
		s.units = append(s.units, unit{text: line + "\r\n"})
	}
	before, err := server.idle()
	if err != nil {
		return Offers{}, err
	}
	what, err := s.play(server)
	if what == nil {
		return Offers{}, err
	}
	heard := what.last().server
	read := server.Protocol.read(what)
	switch {
	case len(heard) == 0 && err == nil:
		return Offers{}, errors.New("the server closes without a greeting")
	case read.refused:
		return Offers{}, fmt.Errorf("the server refuses the client:\n%s", what)
	case len(heard) > 0 && !server.Protocol.greets(heard) || err == nil && !read.answered:
		return Offers{}, fmt.Errorf("the server does not speak %s:\n%s", strings.ToUpper(server.Protocol.name), what)
	case err != nil:
		return Offers{}, fmt.Errorf("%w\n%s", err, what)
	}
	// What is wrong with this session will be wrong with the next ones, too. Here only its end counts.
	if _, err := server.settle(before, read.counts, server.grace()); err != nil {
		return Offers{}, err
	}
	words := bytes.Fields(bytes.ReplaceAll(bytes.ToUpper(heard), []byte("-"), []byte(" ")))
	offers := func(word string) bool {
		return slices.ContainsFunc(words, func(w []byte) bool { return string(w) == word })
	}
	return Offers{
		StartTLS:   offers("STARTTLS") || offers("STLS"),
		Pipelining: offers("PIPELINING") || server.Protocol.name == "imap" || server.Protocol.name == "pop3",
	}, nil
}

// greets reports whether a server of the protocol can say that first.
func (p Protocol) greets(said []byte) bool {
	switch p.label {
	case "imap":
		return bytes.HasPrefix(said, []byte("* "))
	case "pop3":
		return bytes.HasPrefix(said, []byte("+OK")) || bytes.HasPrefix(said, []byte("-ERR"))
	}
	return said[0] >= '2' && said[0] <= '5'
}

// Add adds what another check has found.
func (r *Report) Add(other Report) {
	r.Sessions += other.Sessions
	r.Unknown += other.Unknown
	r.Refused += other.Refused
	r.Wrong = append(r.Wrong, other.Wrong...)
	r.Happened.plus(other.Happened)
}

// SpanName is what the span of a session, or of a command that was answered, counts as in
// [Counts], given its attributes.
func SpanName(span string, attributes map[string]string) (name string, counts bool) {
	name = "span " + span
	session := strings.HasSuffix(span, " session")
	if session || !strings.HasPrefix(span, "SMTP ") && !strings.HasPrefix(span, "IMAP ") && !strings.HasPrefix(span, "POP3 ") {
		return name, session
	}
	if why := attributes["error.type"]; strings.HasPrefix(span, "POP3 ") && why != "" && why != "err" {
		return "", false // no reply
	}
	for _, key := range []string{"pop3.response.status", "smtp.response.status_code", "imap.response.status"} {
		if status, ok := attributes[key]; ok {
			return name + " " + status, status != "broken"
		}
	}
	return "", false
}
