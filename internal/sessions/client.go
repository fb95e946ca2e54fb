package sessions

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"time"
)

// manner is how a client talks.
type manner uint8

const (
	listening manner = iota // one unit, then its reply
	ahead                   // everything at once
	bytewise                // like listening, a byte a packet
	manners
)

// String returns "in-step", "ahead" or "bytewise".
func (m manner) String() string { return [...]string{"in-step", "ahead", "bytewise"}[m] }

// manner is one that the server can bear.
func (server *Server) manner(n int) manner {
	if m := manner(n); m != ahead || !server.InStep {
		return m
	}
	return listening
}

// ending is how a client leaves.
type ending uint8

const (
	politely    ending = iota // when everything is answered
	halfClosing               // says that nothing follows, and reads on
	resetting                 // RST
	endings
)

// script is all that a client does.
type script struct {
	units  []unit
	manner manner
	ending ending
	cut    int  // of all bytes, those that are said; -1 for all
	lie    bool // speaks plaintext where TLS must begin
}

func newScript(rng *rand.Rand, server *Server) script {
	s := script{units: server.Protocol.script(rng, server), manner: server.manner(rng.IntN(int(manners))), cut: -1}
	s.ending = ending(rng.IntN(int(endings)))
	if rng.IntN(4) == 0 {
		s.cut = rng.IntN(length(s.units) + 1)
	}
	s.lie = server.Mode != Plaintext && rng.IntN(20) == 0
	return s
}

// client is a session under way.
type client struct {
	server *Server
	tcp    net.Conn
	conn   net.Conn // plaintext or TLS
	said   *said
	read   reading
	left   int // bytes that may be said; negative for any number
}

// play says a script and returns what was said.
func (s script) play(server *Server) (*said, error) {
	tcp, err := server.Dial()
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	defer tcp.Close()
	c := &client{server: server, tcp: tcp, conn: tcp, said: &said{mode: server.Mode, parts: make([]part, 1)}, left: s.cut}
	c.wait()
	if err := c.talk(s); err != nil {
		return c.said, err
	}
	if r := server.Protocol.read(c.said); (s.manner == ahead || c.said.closed) && !r.answered || r.unknown {
		c.said.lost = true // it has closed with more to read: has it read that, and answered more than has come?
	}
	c.said.over = true
	return c.said, nil
}

// wait gives the server time anew.
func (c *client) wait() { _ = c.tcp.SetDeadline(time.Now().Add(c.server.patience())) }

func (c *client) talk(s script) error {
	if c.server.Mode == Implicit {
		if s.lie {
			c.said.lied = true
			_, _ = io.WriteString(c.tcp, "QUIT\r\n")
			return c.drain()
		}
		if err := c.handshake(); err != nil {
			return err
		}
	}
	if err := c.hear(); err != nil {
		if c.said.closed = errors.Is(err, io.EOF); c.said.closed { // refused without a word
			return nil
		}
		return err
	}
	for units := s.units; len(units) > 0 && c.read.wants != nothing; {
		n := 1
		if s.manner == ahead {
			n = together(units)
		}
		gone, err := c.say(units[:n], s.manner)
		if err != nil || gone {
			return errors.Join(err, c.leave(s.ending))
		}
		if upgrade := units[n-1].upgrade; upgrade && c.read.wants == aHandshake {
			if s.lie {
				c.said.lied = true
				_, _ = io.WriteString(c.tcp, "NOOP\r\n")
				return c.leave(halfClosing)
			}
			if err := c.upgrade(); err != nil {
				return err
			}
		}
		units = units[n:]
	}
	return c.leave(s.ending)
}

// together is how many units go out at once: up to one whose answer decides what comes
// next: it asks for TLS, or for more of a command of IMAP.
func together(units []unit) int {
	for i, u := range units {
		if u.upgrade || u.only == aContinuation || i+1 < len(units) && units[i+1].only == aContinuation {
			return i + 1
		}
	}
	return len(units)
}

// say says units and waits for the answers. It reports whether the client has no more
// to say, or the server has closed.
func (c *client) say(units []unit, how manner) (gone bool, err error) {
	var text []byte
	for _, u := range units {
		if u.only == anything || how == ahead || u.only == c.read.wants {
			text = append(text, u.text...)
		}
	}
	if c.left >= 0 {
		gone = len(text) >= c.left
		text = text[:min(len(text), c.left)]
		c.left -= len(text)
	}
	c.said.byClient(text)
	size := len(text)
	if how == bytewise {
		size = 1 + size/1000
	}
	for ; len(text) > 0; text = text[min(size, len(text)):] {
		c.wait()
		if _, err := c.conn.Write(text[:min(size, len(text))]); err != nil {
			gone, c.said.lost = true, true
			break
		}
	}
	if err := c.hear(); err != nil {
		if c.said.closed = errors.Is(err, io.EOF); c.said.closed {
			return true, nil
		}
		return true, err
	}
	return gone, nil
}

// hear reads until everything is answered.
func (c *client) hear() error {
	buffer := make([]byte, 4096)
	for {
		c.wait()
		if c.read = c.server.Protocol.read(c.said); c.read.answered {
			return nil
		}
		n, err := c.conn.Read(buffer)
		c.said.byServer(buffer[:n])
		if err != nil && n == 0 {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("no answer within %s: raise Server.Patience for a server that takes longer", c.server.patience())
			}
			c.said.lost = !errors.Is(err, io.EOF)
			return io.EOF
		}
	}
}

func (c *client) handshake() error {
	secure := tls.Client(c.tcp, c.server.TLS)
	if err := secure.Handshake(); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	c.conn = secure
	return nil
}

func (c *client) upgrade() error {
	if err := c.handshake(); err != nil {
		return err
	}
	c.said.parts = append(c.said.parts, part{})
	c.said.upgraded = true
	c.read = c.server.Protocol.read(c.said)
	return nil
}

// leave ends the session.
func (c *client) leave(how ending) error {
	switch tcp, ok := c.tcp.(*net.TCPConn); {
	case c.said.closed:
		return nil
	case how == halfClosing || c.left == 0 || c.mayHearMore() || c.read.wants == aContinuation,
		how == politely && (c.read.wants == aResponse || c.read.wants == aBody): // the server may have more to say
		if secure, ok := c.conn.(*tls.Conn); ok {
			_ = secure.CloseWrite()
		}
		if half, ok := c.tcp.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		return c.drain()
	case how == resetting && ok && c.read.wants != nothing:
		c.said.reset = true
		_ = tcp.SetLinger(0)
		return tcp.Close()
	}
	_ = c.conn.Close() // the server may have been first
	return nil
}

// mayHearMore reports that the last reply was for a command that cannot be understood:
// some servers say behind it that there were too many of these.
func (c *client) mayHearMore() bool {
	all := bytes.TrimSpace(c.said.last().server)
	last := all[bytes.LastIndexByte(all, '\n')+1:]
	return bytes.HasPrefix(last, []byte("500 ")) || bytes.HasPrefix(last, []byte("501 ")) || bytes.Contains(last, []byte(" BAD "))
}

// drain reads to the end.
func (c *client) drain() error {
	c.wait()
	rest, err := io.ReadAll(c.conn)
	c.said.byServer(rest)
	c.said.lost = err != nil && !c.said.reset
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the server does not close within %s of the client's end", c.server.patience())
	}
	return nil
}
