package otelmail

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/mailconv"
)

// openSessions are the sessions that are open and have begun since somebody has asked for a
// list of them. Before that none is kept.
type openSessions struct {
	asked atomic.Bool
	mu    sync.Mutex
	all   map[*session]struct{}
}

// listing is what lists them from now on.
func (o *openSessions) listing() func(protocol string, most int) []export.Session {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[*session]struct{}{}
	}
	o.asked.Store(true)
	return o.list
}

// Sessions returns what lists the open sessions that begin from now on, the oldest first: at most
// that many, of one protocol or with "" of all, see export.Pipeline, by which an exporter has it.
// For an application that shows them by itself, as [exporters/live] does after [New].
//
// [exporters/live]: https://pkg.go.dev/github.com/rusmes/otelmail/exporters/live
func (t *Telemetry) Sessions() func(protocol string, most int) []export.Session {
	return t.orNoop().SMTP.conns.open.listing()
}

func (o *openSessions) add(s *session) {
	if !s.listed {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all[s] = struct{}{}
}

func (o *openSessions) remove(s *session) {
	if !s.listed {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, s)
}

// list describes the oldest of them: of a protocol, or of all with "".
func (o *openSessions) list(protocol string, most int) []export.Session {
	o.mu.Lock()
	open := slices.Collect(maps.Keys(o.all))
	o.mu.Unlock()
	open = slices.DeleteFunc(open, func(s *session) bool { return protocol != "" && s.known.protocol != protocol })
	slices.SortFunc(open, func(a, b *session) int { return a.begun.Compare(b.begun) })
	list := []export.Session{}
	for _, s := range open[:min(len(open), max(most, 0))] {
		list = append(list, s.describe())
	}
	return list
}

func (s *session) describe() export.Session {
	k := s.known
	a := s.tracer.describe(nil).connection(k)
	k.mu.Lock()
	a.user(cmp.Or(k.user, k.login))
	k.mu.Unlock()
	d := export.Session{Begun: s.begun, About: slices.Clone(a.list)}
	a.release()
	if asked := s.asked.Load(); asked != 0 {
		d.Command = verbNames[s.protocol](int(asked & verbMask))
		d.Asked = processBegun.Add(time.Duration(asked>>verbBits) * time.Microsecond)
	}
	return d
}

var verbNames = [...]func(verb int) string{
	protocolSMTP: func(v int) string { return mailconv.SMTPVerb(v).String() },
	protocolIMAP: func(v int) string { return mailconv.IMAPVerb(v).String() },
	protocolPOP3: func(v int) string { return mailconv.POP3Verb(v).String() },
}

// A command in progress is one word: since when, in microseconds since the process began, of
// which there are enough for 2,000 years, and which.
const (
	verbBits = 8
	verbMask = 1<<verbBits - 1
)

func inProgress(verb int, since instant) uint64 {
	return uint64(max(time.Duration(since).Microseconds(), 1))<<verbBits | uint64(verb&verbMask)
}

// asks says that the client waits for the answer to a command, for those who list sessions.
func (s *session) asks(verb int, since instant) {
	if s != nil && s.listed {
		s.asked.Store(inProgress(verb, since))
	}
}

// answers ends that, unless it asks for something else by now.
func (s *session) answers(verb int, since instant) {
	if s != nil && s.listed {
		s.asked.CompareAndSwap(inProgress(verb, since), 0)
	}
}
