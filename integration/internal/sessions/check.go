package sessions

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// Difference is a session after which something was not counted as it happened.
type Difference struct {
	Seed    uint64   // of the session: Check with it and one session says it again
	Session string   // what was said
	Wrong   []string // what was counted, and what happened
}

// String shows the seed, the bytes and the counts.
func (d Difference) String() string {
	return fmt.Sprintf("session %d\n  %s\n%s", d.Seed, strings.Join(d.Wrong, "\n  "), d.Session)
}

// Report is what a check has found.
type Report struct {
	Sessions int
	// Unknown are those whose end the client did not hear: a server that closes before
	// it has read all takes back what it has answered (RFC 2525 section 2.17).
	Unknown int
	Wrong   []Difference
}

// Check runs sessions one after the other, the first with the given seed and each with
// one more, and compares what is counted after each. The server must have no other
// clients.
func Check(server *Server, seed uint64, sessions int) (r Report, err error) {
	for i := range uint64(sessions) {
		s := newScript(rand.New(rand.NewPCG(seed+i, 0)), server)
		if err := r.add(server, s, seed+i); err != nil {
			return r, err
		}
	}
	return r, nil
}

// CheckCuts says one session again and again, and leaves one byte later each time.
func CheckCuts(server *Server, seed uint64) (r Report, err error) {
	units := server.Protocol.script(rand.New(rand.NewPCG(seed, 0)), server)
	all := 0
	for _, u := range units {
		all += len(u.text)
	}
	for cut := range all + 1 {
		s := script{units: units, cut: cut, manner: manner(cut % int(manners)), ending: halfClosing}
		if err := r.add(server, s, seed); err != nil {
			return r, fmt.Errorf("cut at %d: %w", cut, err)
		}
	}
	return r, nil
}

// add plays a script and compares.
func (r *Report) add(server *Server, s script, seed uint64) error {
	before, err := server.idle()
	if err != nil {
		return err
	}
	r.Sessions++
	what, err := s.play(server)
	if err != nil {
		return fmt.Errorf("session %d: %w\n%s", seed, err, what)
	}
	if what.lost {
		r.Unknown++
		return nil
	}
	wrong, err := server.settle(before, server.Protocol.read(what).counts)
	if len(wrong) > 0 {
		r.Wrong = append(r.Wrong, Difference{Seed: seed, Session: what.String(), Wrong: wrong})
	}
	return err
}

// CheckTogether runs sessions at the same time, so many clients at once, and compares
// what is counted each time that all of them are through.
func CheckTogether(server *Server, seed uint64, sessions, clients int) (wrong []string, err error) {
	for i := 0; i < sessions && err == nil; i += clients {
		var more []string
		more, err = server.together(seed+uint64(i), min(clients, sessions-i))
		wrong = append(wrong, more...)
	}
	return wrong, err
}

func (server *Server) together(seed uint64, clients int) (wrong []string, err error) {
	before, err := server.idle()
	if err != nil {
		return nil, err
	}
	var (
		mu       sync.Mutex
		happened = Counts{}
		lost     bool
		failed   error
		group    sync.WaitGroup
	)
	for c := range uint64(clients) {
		group.Go(func() {
			s := newScript(rand.New(rand.NewPCG(seed+c, 0)), server)
			if s.manner == ahead {
				s.manner = listening // else much is unknown
			}
			what, err := s.play(server)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("session %d: %w", seed+c, err))
				return
			}
			lost = lost || what.lost
			happened.plus(server.Protocol.read(what).counts)
		})
	}
	group.Wait()
	if failed != nil || lost {
		return nil, failed
	}
	if wrong, err = server.settle(before, happened); len(wrong) > 0 {
		wrong = append(wrong, fmt.Sprintf("sessions %d to %d", seed, seed+uint64(clients)-1))
	}
	return wrong, err
}

// idle returns the counts when no session is open.
func (server *Server) idle() (counts Counts, err error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if counts, err = server.counted(); err != nil {
			return nil, err
		}
		open := int64(0)
		for name, n := range counts {
			if strings.HasPrefix(name, "active_connections/") {
				open += n
			}
		}
		if open == 0 {
			return counts, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%d connections do not end", open)
		}
	}
}

// settle waits until what is counted is what happened: the server learns of the end of a
// session after the client.
func (server *Server) settle(before, happened Counts) (wrong []string, err error) {
	want := happened.withReplies()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		now, err := server.counted()
		if err != nil {
			return nil, err
		}
		wrong = want.differences(now.since(before))
		if len(wrong) == 0 || time.Now().After(deadline) {
			return wrong, nil
		}
	}
}

// String shows what was said, long lines cut short.
func (s *said) String() string {
	if s == nil {
		return ""
	}
	var b strings.Builder
	for i, p := range s.parts {
		fmt.Fprintf(&b, "  part %d (%s)\n", i, s.mode)
		for line := range strings.SplitAfterSeq(string(p.client), "\n") {
			fmt.Fprintf(&b, "    client %.200q\n", line)
		}
		for line := range strings.SplitAfterSeq(string(p.server), "\n") {
			fmt.Fprintf(&b, "    server %.200q\n", line)
		}
	}
	if s.reset {
		b.WriteString("  reset by the client\n")
	}
	return b.String()
}
