package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"time"
)

// The local user over POP3, which has one session at a time: a client that meets
// another one is refused, and comes again at its next turn.

// popRead looks at the newest message and leaves everything where it is.
func (t *traffic) popRead(ctx context.Context, _ int) error {
	return t.popSession(ctx, t.password, func(c *popClient) error {
		newest, err := c.messages()
		if err != nil {
			return err
		}
		if err := errors.Join(c.many("LIST"), c.many("UIDL")); err != nil || newest == 0 {
			return err
		}
		return c.many(fmt.Sprintf("RETR %d", newest))
	})
}

// popTake takes the oldest message away, if there is one.
func (t *traffic) popTake(ctx context.Context, _ int) error {
	return t.popSession(ctx, t.password, func(c *popClient) error {
		newest, err := c.messages()
		if err != nil || newest == 0 {
			return err
		}
		err = c.many("RETR 1")
		_, deleted := c.one("DELE 1")
		return errors.Join(err, deleted)
	})
}

// popGuess tries a password that is wrong.
func (t *traffic) popGuess(ctx context.Context, _ int) error {
	err := t.popSession(ctx, t.password+"?", func(*popClient) error { return nil })
	if popRefused(err) {
		return nil
	}
	return fmt.Errorf("not refused for the password: %w", err)
}

// popRefused says whether an error is the refusal of a password.
func popRefused(err error) bool {
	refusal, ok := errors.AsType[*popRefusal](err)
	return ok && strings.HasPrefix(refusal.text, "[AUTH]")
}

// slowLine is how long a client on a slow line lets its server wait.
const slowLine = 300 * time.Millisecond

func (t *traffic) popSession(ctx context.Context, password string, work func(*popClient) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection
	c, err := t.popOpen(ctx)
	if err != nil {
		return err
	}
	// A slow line: a session of a few milliseconds would never be seen open. The
	// mailbox is not locked yet.
	select {
	case <-time.After(slowLine):
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err = c.one("USER " + t.user)
	if err == nil {
		_, err = c.one("PASS " + password)
	}
	if err == nil {
		err = work(c)
	}
	_, quit := c.one("QUIT")
	return errors.Join(err, quit)
}

// popOpen connects and reads the greeting. The connection closes with ctx.
func (t *traffic) popOpen(ctx context.Context) (*popClient, error) {
	conn, err := dial(ctx, t.pop3)
	if err != nil {
		return nil, err
	}
	c := newPOPClient(conn)
	_, err = c.reply()
	return c, err
}

// popClient is a small POP3 client.
type popClient struct{ *textproto.Conn }

func newPOPClient(conn io.ReadWriteCloser) *popClient { return &popClient{textproto.NewConn(conn)} }

// popRefusal is an -ERR.
type popRefusal struct{ text string }

// Error implements error.
func (r *popRefusal) Error() string { return "-ERR " + r.text }

// reply reads a status line.
func (c *popClient) reply() (string, error) {
	line, err := c.ReadLine()
	if err != nil {
		return "", err
	}
	if text, ok := strings.CutPrefix(line, "-ERR"); ok {
		return "", &popRefusal{strings.TrimSpace(text)}
	}
	text, ok := strings.CutPrefix(line, "+OK")
	if !ok {
		return "", fmt.Errorf("no reply of POP3: %.50q", line)
	}
	return strings.TrimSpace(text), nil
}

// one gives a command that is answered with one line.
func (c *popClient) one(command string) (string, error) {
	if err := c.PrintfLine("%s", command); err != nil {
		return "", err
	}
	return c.reply()
}

// many gives a command that is answered with many lines, and reads them.
func (c *popClient) many(command string) error {
	if _, err := c.one(command); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c.DotReader())
	return err
}

// messages is how many there are.
func (c *popClient) messages() (n int, err error) {
	text, err := c.one("STAT")
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscanf(text, "%d", &n)
	return n, err
}
