package main

import (
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// maxSize of a message, in bytes.
const maxSize = 1 << 20

// smtp is a session (RFC 5321).
func (s *server) smtp(accepted net.Conn) {
	conn := observe.SMTP(s.tel, accepted) // otelmail: the one line
	defer func() { conn.Close() }()
	text := textproto.NewConn(conn)
	say := func(reply string) { _ = text.PrintfLine("%s", reply) } // what fails here fails at the next read
	say("220 mx.example.org ESMTP")
	var sender, recipient string
	secure := false
	for {
		_ = accepted.SetDeadline(time.Now().Add(5 * time.Minute))
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		verb, argument, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "HELO":
			say("250 mx.example.org")
		case "EHLO":
			if s.tls != nil && !secure {
				say("250-mx.example.org")
				say("250 STARTTLS")
			} else {
				say("250 mx.example.org")
			}
		case "STARTTLS":
			if s.tls == nil || secure {
				say("503 5.5.1 Not now")
				break
			}
			say("220 2.0.0 Go ahead")
			tlsConn := tls.Server(conn, s.tls)
			conn = conn.Upgrade(tlsConn) // otelmail: and so the session goes on inside TLS
			text, secure, sender, recipient = textproto.NewConn(conn), true, "", ""
		case "MAIL":
			if !strings.HasPrefix(strings.ToUpper(argument), "FROM:<") {
				say("501 5.5.4 MAIL FROM:<address>")
				break
			}
			sender, recipient = argument, ""
			say("250 2.1.0 Fine")
		case "RCPT":
			switch {
			case sender == "":
				say("503 5.5.1 MAIL first")
			case !strings.EqualFold(path(argument), "bob@example.org"):
				say("550 5.1.1 Nobody of that name")
			default:
				recipient = path(argument)
				say("250 2.1.5 Fine")
			}
		case "DATA":
			if recipient == "" {
				say("503 5.5.1 RCPT first")
				break
			}
			say("354 Go on")
			dots := text.DotReader()
			message, err := io.ReadAll(io.LimitReader(dots, maxSize+1))
			if err == nil {
				_, err = io.Copy(io.Discard, dots)
			}
			if err != nil {
				return
			}
			if len(message) > maxSize {
				say("552 5.3.4 Too large")
				break
			}
			id := rand.Text()
			conn.QueueID(id)                                                       // otelmail: what only the server knows
			s.deliver(conn, id, strings.ReplaceAll(string(message), "\n", "\r\n")) // as it came, before DotReader
			say("250 2.0.0 Taken as " + id)
			sender, recipient = "", ""
		case "RSET":
			sender, recipient = "", ""
			say("250 2.0.0 Fine")
		case "NOOP":
			say("250 2.0.0 Fine")
		case "QUIT":
			say("221 2.0.0 Bye")
			return
		default:
			say("502 5.5.1 Unknown")
		}
	}
}

// deliver puts a message into the mailbox.
func (s *server) deliver(conn *observe.SMTPConn, id, message string) {
	// otelmail: Context has the span of the DATA command, in which the message is delivered.
	attempt := s.tel.Delivery.Attempt(conn.Context(), otelmail.Attempt{
		Transport: otelmail.TransportLocal,
		Domain:    "example.org",
		Message:   otelmail.MessageFacts{QueueID: id, Size: int64(len(message))},
	})
	s.box.add(message)
	attempt.End(otelmail.Reply{Code: 250})
	s.tel.Storage.Messages.Add(1)
}

// path is what stands in the angle brackets of "TO:<bob@example.org>".
func path(argument string) string {
	_, rest, _ := strings.Cut(argument, "<")
	address, _, _ := strings.Cut(rest, ">")
	return address
}
