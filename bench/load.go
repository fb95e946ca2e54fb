package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// generator sends messages to a server.
type generator interface {
	// send shares messages among sessions that reuse their connections. It
	// returns when all are accepted.
	send(ctx context.Context, address string, sessions, messages int) error
	String() string
}

// goClient is our own generator: for machines without another one, and for what others
// do not measure.
type goClient struct {
	interval time.Duration // between two messages of a session; 0 sends at once
	observe  func(took time.Duration)
}

func (goClient) String() string { return "a Go client of our own" }

// messageBody is a message of 1 KiB.
var messageBody = []byte("Subject: hello\r\nFrom: <alice@sender.example>\r\n\r\n" +
	strings.Repeat(strings.Repeat("x", 70)+"\r\n", 13) + strings.Repeat("x", 37) + "\r\n.\r\n")

func (c goClient) send(ctx context.Context, address string, sessions, messages int) error {
	var left atomic.Int64
	left.Store(int64(messages))
	errs := make([]error, sessions)
	var wg sync.WaitGroup
	for i := range sessions {
		wg.Go(func() { errs[i] = c.session(ctx, address, &left) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// session sends messages over one connection until none is left.
func (c goClient) session(ctx context.Context, address string, left *atomic.Int64) error {
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = nc.Close() }()
	if err := nc.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		return err
	}
	s := &smtpSession{conn: nc, replies: bufio.NewReader(nc)}
	s.say(nil)
	s.say([]byte("EHLO client.example.net\r\n"))
	next := time.Now()
	for s.err == nil && ctx.Err() == nil && left.Add(-1) >= 0 {
		if c.interval > 0 {
			next = next.Add(c.interval)
			time.Sleep(time.Until(next)) // the pace of the load
		}
		begun := time.Now()
		s.say([]byte("MAIL FROM:<alice@sender.example>\r\n"))
		s.say([]byte("RCPT TO:<bob@mail.example.org>\r\n"))
		s.say([]byte("DATA\r\n"))
		s.say(messageBody)
		if c.observe != nil {
			c.observe(time.Since(begun))
		}
	}
	s.say([]byte("QUIT\r\n"))
	return errors.Join(s.err, ctx.Err())
}

// smtpSession remembers its first error.
type smtpSession struct {
	conn    net.Conn
	replies *bufio.Reader
	err     error
}

// say sends a command and waits for the end of the reply.
func (s *smtpSession) say(line []byte) {
	if s.err != nil {
		return
	}
	if len(line) > 0 {
		if _, s.err = s.conn.Write(line); s.err != nil {
			return
		}
	}
	for {
		reply, err := s.replies.ReadSlice('\n')
		if err != nil {
			s.err = err
			return
		}
		if len(reply) < 4 || reply[0] > '3' {
			s.err = fmt.Errorf("the server said %q", reply)
			return
		}
		if reply[3] == ' ' {
			return
		}
	}
}
