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
	Session  string // its name: [Server].Only says it again
	Wrong    []Wrong
	Dialogue string
	// From and To are of how many commands a random session was, and to how many of them it
	// was shortened without a change of what is wrong; 0 for one that was not made at random.
	From, To int
}

// String shows the name, the counts and the bytes.
func (d Difference) String() string {
	var b strings.Builder
	b.WriteString(d.Session + "\n")
	for _, w := range d.Wrong {
		fmt.Fprintf(&b, "  %s\n", w)
	}
	return b.String() + d.Dialogue
}

// Report is what a check has found.
type Report struct {
	Sessions int
	// Unknown are those whose end the client did not hear: a server that closes before
	// it has read all takes back what it has answered (RFC 2525 section 2.17).
	Unknown int
	// Refused are those that the server did not want.
	Refused int
	Wrong   []Difference
	// Happened is the sum of what has happened.
	Happened Counts
}

// enough is how many sessions with differences are looked for: each takes its time.
const enough = 3

var errEnough = errors.New("enough differences")

// Check runs random sessions one after the other, the first with the given seed and each with
// one more, and compares what is counted after each. The server must have no other
// clients. It ends early when there is enough to report.
func Check(server *Server, seed uint64, sessions int) (r Report, err error) {
	for i := range uint64(sessions) {
		s := newScript(rand.New(rand.NewPCG(seed+i, 0)), server)
		if err := r.add(server, fmt.Sprintf("random/%d", seed+i), s); err != nil {
			return r, unlessEnough(err)
		}
	}
	return r, nil
}

// CheckFixed does the same with sessions that are written down, each said in every manner
// that the server can bear.
func CheckFixed(server *Server) (r Report, err error) {
	for _, f := range server.Protocol.fixed {
		for m := range manners {
			if server.manner(int(m)) != m {
				continue
			}
			s := script{units: f.units(server), manner: m, cut: -1}
			if err := r.add(server, strings.ReplaceAll(f.name, " ", "-")+"/"+m.String(), s); err != nil {
				return r, unlessEnough(err)
			}
		}
	}
	return r, nil
}

// CheckCuts says one session again and again, and leaves later each time: one byte, or as many
// that it is said about so many times.
func CheckCuts(server *Server, seed uint64, sessions int) (r Report, err error) {
	units := server.Protocol.script(rand.New(rand.NewPCG(seed, 0)), server)
	step := 1 + length(units)/sessions
	for cut := 0; cut <= length(units); cut += step {
		s := script{units: units, cut: cut, manner: server.manner(cut % int(manners)), ending: halfClosing}
		if err := r.add(server, fmt.Sprintf("cut/%d/%d", seed, cut), s); err != nil {
			return r, unlessEnough(err)
		}
	}
	return r, nil
}

func unlessEnough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// add plays a script and compares.
func (r *Report) add(server *Server, name string, s script) error {
	if server.Only != "" && server.Only != name {
		return nil
	}
	begun := time.Now()
	what, wrong, err := r.try(server, s, server.grace())
	slow := time.Since(begun) >= server.patience()
	if err != nil {
		return fmt.Errorf("session %s: %w\n%s", name, err, what)
	}
	if len(wrong) == 0 {
		return nil
	}
	d := Difference{Session: name, Wrong: wrong, Dialogue: what.String()}
	if strings.HasPrefix(name, "random/") && !slow {
		d.From = len(s.units)
		d.To, d.Wrong, d.Dialogue = server.shrink(s, d)
	}
	if r.Wrong = append(r.Wrong, d); len(r.Wrong) == enough || slow {
		return errEnough
	}
	return nil
}

// try plays a script, and says what is wrong of what is counted then.
func (r *Report) try(server *Server, s script, grace time.Duration) (what *said, wrong []Wrong, err error) {
	before, err := server.idle()
	if err != nil {
		return nil, nil, err
	}
	r.Sessions++
	if what, err = s.play(server); err != nil {
		return what, nil, err
	}
	server.latest = what.String()
	happened := server.Protocol.read(what)
	switch {
	case happened.refused: // by a limit or by a list, and so perhaps no session
		r.Refused++
		return what, nil, nil
	case what.lost:
		r.Unknown++
		return what, nil, nil
	}
	if r.Happened == nil {
		r.Happened = Counts{}
	}
	r.Happened.plus(happened.counts)
	wrong, err = server.settle(before, happened.counts, grace)
	return what, wrong, err
}

// CheckTogether runs sessions at the same time, so many clients at once, and compares
// what is counted each time that all of them are through.
func CheckTogether(server *Server, seed uint64, sessions, clients int) (r Report, err error) {
	for i := 0; i < sessions; i += clients {
		if err := r.together(server, seed+uint64(i), min(clients, sessions-i)); err != nil {
			return r, unlessEnough(err)
		}
	}
	return r, nil
}

func (r *Report) together(server *Server, seed uint64, clients int) error {
	name := fmt.Sprintf("together/%d-%d", seed, seed+uint64(clients)-1)
	if server.Only != "" && server.Only != name {
		return nil
	}
	before, err := server.idle()
	if err != nil {
		return err
	}
	r.Sessions += clients
	var (
		mu            sync.Mutex
		happened      = Counts{}
		dialogue      strings.Builder
		lost, refused int
		failed        error
		group         sync.WaitGroup
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
				failed = errors.Join(failed, fmt.Errorf("session %d of %s: %w", seed+c, name, err))
				return
			}
			read := server.Protocol.read(what)
			if what.lost {
				lost++
			}
			if read.refused {
				refused++
			}
			happened.plus(read.counts)
			fmt.Fprintf(&dialogue, "session %d:\n%s", seed+c, what)
		})
	}
	group.Wait()
	server.latest = dialogue.String()
	r.Refused += refused
	switch {
	case failed != nil:
		return failed
	case lost+refused > 0: // what all of them have done together is not known
		r.Unknown += clients - refused
		return nil
	}
	wrong, err := server.settle(before, happened, server.grace())
	if err != nil || len(wrong) == 0 {
		return err
	}
	if r.Wrong = append(r.Wrong, Difference{Session: name, Wrong: wrong, Dialogue: dialogue.String()}); len(r.Wrong) == enough {
		return errEnough
	}
	return nil
}
