package main

import (
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rusmes/otelmail/observe"
)

// pop3 is a session (RFC 1939).
func (s *server) pop3(accepted net.Conn) {
	conn := observe.POP3(s.tel, accepted) // otelmail: the one line
	defer conn.Close()
	text := textproto.NewConn(conn)
	say := func(reply string) { _ = text.PrintfLine("%s", reply) } // what fails here fails at the next read
	say("+OK ready")
	var user string
	var messages []*string // nil before the login, and where deleted
	var gone []*string
	for {
		_ = accepted.SetDeadline(time.Now().Add(10 * time.Minute))
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		verb, argument, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		number, _ := strconv.Atoi(argument)
		chosen := number > 0 && number <= len(messages) && messages[number-1] != nil
		switch {
		case verb == "QUIT":
			s.tel.Storage.Messages.Add(-int64(s.box.remove(gone)))
			say("+OK bye")
			return
		case verb == "USER":
			user = argument
			say("+OK")
		case verb == "PASS" && user == "bob" && argument == "secret":
			messages = s.box.list()
			say("+OK")
		case verb == "PASS":
			say("-ERR [AUTH] no")
		case verb == "STAT" && messages != nil:
			n, size := 0, 0
			for _, m := range messages {
				if m != nil {
					n, size = n+1, size+len(*m)
				}
			}
			say(fmt.Sprintf("+OK %d %d", n, size))
		case verb == "LIST" && messages != nil && argument == "":
			say("+OK")
			w := text.DotWriter()
			for i, m := range messages {
				if m != nil {
					fmt.Fprintf(w, "%d %d\r\n", i+1, len(*m))
				}
			}
			_ = w.Close()
		case verb == "LIST" && chosen:
			say(fmt.Sprintf("+OK %d %d", number, len(*messages[number-1])))
		case verb == "RETR" && chosen:
			say("+OK")
			w := text.DotWriter()
			_, _ = w.Write([]byte(*messages[number-1]))
			_ = w.Close()
		case verb == "DELE" && chosen:
			gone = append(gone, messages[number-1])
			messages[number-1] = nil
			say("+OK")
		case verb == "NOOP" && messages != nil:
			say("+OK")
		default:
			say("-ERR no")
		}
	}
}

// mailbox is bob's.
type mailbox struct {
	mu       sync.Mutex
	messages []*string
}

func (b *mailbox) add(message string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = append(b.messages, &message)
}

// list is never nil.
func (b *mailbox) list() []*string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*string{}, b.messages...)
}

// remove says how many were still there.
func (b *mailbox) remove(gone []*string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := len(b.messages)
	b.messages = slices.DeleteFunc(b.messages, func(m *string) bool { return slices.Contains(gone, m) })
	return before - len(b.messages)
}
