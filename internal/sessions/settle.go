package sessions

import (
	"fmt"
	"strings"
	"time"
)

// counted is what the server has counted of what is compared.
func (server *Server) counted() (Counts, error) {
	all, err := server.Counts()
	if err != nil {
		return nil, err
	}
	return compared(all, server.Spans), nil
}

// openIn is how many connections are open, of all protocols.
func (c Counts) openIn() (open int64) {
	for name, n := range c {
		if strings.HasPrefix(name, "active_connections{") {
			open += n
		}
	}
	return open
}

// begunIn is how many sessions have begun.
func (c Counts) begunIn() int64 { return c[begins(Plaintext)] + c[begins(Implicit)] }

// pause waits before what is counted is looked at again, longer each time.
func pause(last time.Duration) time.Duration {
	time.Sleep(last)
	return min(2*last, 32*time.Millisecond)
}

// idle returns the counts when no session is open. What is open at its first call stays so.
func (server *Server) idle() (Counts, error) {
	if known := server.known; known != nil { // no need to read them again: nothing happens between two sessions
		server.known = nil
		return known, nil
	}
	wait := time.Millisecond
	for deadline := time.Now().Add(server.patience()); ; wait = pause(wait) {
		counts, err := server.counted()
		if err != nil {
			return nil, err
		}
		open := counts.openIn()
		if !server.started {
			server.started, server.open = true, open
		}
		switch {
		case open == server.open:
			return counts, nil
		case time.Now().After(deadline):
			return nil, fmt.Errorf("active_connections is %d, and was %d before: connections that are not counted as closed, or other clients than this test. The session before was\n%s",
				open, server.open, server.latest)
		}
	}
}

// grace is how long what is counted may be late when all sessions have ended.
func (server *Server) grace() time.Duration { return server.patience() / 10 }

// settle waits until what is counted is what happened: the server learns of the end of a
// session after the client. When as many sessions have ended as there were, only grace is
// left for the rest.
func (server *Server) settle(before, happened Counts, grace time.Duration) (wrong []Wrong, err error) {
	var (
		all   = compared(happened.withCommands(), server.Spans)
		wait  = pause(time.Millisecond) // the server, too, has to notice that the session is over
		ended time.Time
	)
	for deadline := time.Now().Add(server.patience()); ; wait = pause(wait) {
		now, err := server.counted()
		if err != nil {
			return nil, err
		}
		moved := now.since(before)
		if wrong = all.adjusted(now, moved).differences(moved); len(wrong) == 0 {
			if now.openIn() == server.open {
				server.known = now
			}
			return nil, nil
		}
		switch {
		case now.openIn() != server.open || moved.begunIn() < all.begunIn():
			ended = time.Time{}
		case ended.IsZero():
			ended = time.Now()
		}
		if time.Now().After(deadline) || !ended.IsZero() && time.Since(ended) > grace {
			server.open = now.openIn()
			return wrong, nil
		}
	}
}
