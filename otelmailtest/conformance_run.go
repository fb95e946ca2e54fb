package otelmailtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/internal/sessions"
)

// conformance is a run under way.
type conformance struct {
	t        testing.TB
	server   *Server
	happened sessions.Counts
	only     string // the one session to say
	said     bool   // it was
	sessions int
	wrong    bool
	last     *sessions.Server // nil before the first
}

// next is a listener in a mode, after the sessions that there were.
func (c *conformance) next(l listener, mode sessions.Mode) *sessions.Server {
	s := c.server.of(l, mode)
	if c.last != nil {
		s.Follow(c.last)
	}
	c.last = s
	return s
}

// readable reads the page, and finds the series of this module on it.
func (c *conformance) readable() error {
	text, err := c.server.Metrics(context.Background())
	if err != nil {
		return fmt.Errorf("its metrics cannot be read: %w", err)
	}
	found, err := parsePage(text)
	if err != nil {
		return fmt.Errorf("its metrics cannot be read: %w", err)
	}
	const always = `active_connections{protocol="smtp"}`
	if _, ok := found[c.server.namespace()+always]; ok {
		return nil
	}
	for series := range found {
		if namespace, ok := strings.CutSuffix(series, "_"+always); ok {
			return fmt.Errorf("Server.Namespace is %q, and on the page it is %q", strings.TrimSuffix(c.server.namespace(), "_"), namespace)
		}
	}
	return fmt.Errorf("the page of %d series has no %s%s, which every Telemetry shows", len(found), c.server.namespace(), always)
}

// listener tests one, in each mode that it has.
func (c *conformance) listener(l listener) {
	c.t.Helper()
	mode := sessions.Plaintext
	if l.implicit {
		mode = sessions.Implicit
	}
	offers, err := c.next(l, mode).Probe()
	if err != nil {
		c.t.Fatalf("otelmailtest: %s cannot be tested: %v", l.name, err)
	}
	modes := []sessions.Mode{mode}
	if !l.implicit && offers.StartTLS {
		modes = append(modes, sessions.StartTLS)
	}
	for _, mode := range modes {
		s := c.next(l, mode)
		s.InStep = c.server.Pipelining == PipeliningNever || c.server.Pipelining == PipeliningAsOffered && !offers.Pipelining
		if prefix := l.name + "/" + mode.String() + "/"; c.only != "" {
			only, ok := strings.CutPrefix(c.only, prefix)
			if !ok {
				continue
			}
			s.Only, c.said = only, true
		}
		c.mode(l, s)
	}
}

// mode runs all sessions of a listener in one mode.
func (c *conformance) mode(l listener, s *sessions.Server) {
	c.t.Helper()
	seed, n := cmp.Or(c.server.Seed, 1), cmp.Or(c.server.Sessions, 100)
	name := l.name + "/" + s.Mode.String()
	total := sessions.Report{Happened: sessions.Counts{}}
	for _, check := range []func() (sessions.Report, error){
		func() (sessions.Report, error) { return sessions.CheckFixed(s) },
		func() (sessions.Report, error) { return sessions.Check(s, seed, n) },
		func() (sessions.Report, error) { return sessions.CheckCuts(s, seed, n) },
		func() (sessions.Report, error) {
			if clients := cmp.Or(c.server.Clients, 8); clients > 1 {
				return sessions.CheckTogether(s, seed, n, clients)
			}
			return sessions.Report{}, nil
		},
	} {
		r, err := check()
		total.Add(r)
		for _, d := range r.Wrong {
			c.wrong = true
			c.t.Error(c.report(name, d))
		}
		if err != nil {
			c.t.Fatalf("otelmailtest: %s cannot be tested: %v", name, err)
		}
		if len(r.Wrong) > 0 {
			break // what comes next would show the same
		}
	}
	c.sessions += total.Sessions
	if c.only != "" && total.Sessions == 0 {
		c.t.Fatalf("otelmailtest: %s is %q: no session of %s, with this Server.Seed and Sessions", onlyVariable, c.only, name)
	}
	if total.Refused > total.Sessions/10 {
		c.t.Fatalf("otelmailtest: %s cannot be tested: the server refused %d of %d connections: raise its limits for the address of the test, or set Server.Clients to 1",
			name, total.Refused, total.Sessions)
	}
	for series, happened := range total.Happened {
		c.happened[series] += happened
	}
	c.t.Logf("%s: %d sessions, of which %d were refused, and %d were not compared because the client cannot know what the server has read", name, total.Sessions, total.Refused, total.Unknown)
}

// conclude wants the sessions to have proved something.
func (c *conformance) conclude(listeners []listener) {
	c.t.Helper()
	switch {
	case c.only != "" && !c.said:
		c.t.Fatalf("otelmailtest: %s is %q: no listener and mode of this server", onlyVariable, c.only)
	case c.only != "" || c.wrong:
		return
	}
	has := func(protocols ...sessions.Protocol) bool {
		return slices.ContainsFunc(listeners, func(l listener) bool {
			return slices.ContainsFunc(protocols, func(p sessions.Protocol) bool { return p.Name() == l.protocol.Name() })
		})
	}
	if has(sessions.SMTP, sessions.LMTP) && c.happened[sessions.MessagesReceived] == 0 {
		c.t.Error("otelmailtest: little is proved: the server has taken no message: set Server.Recipients, and Server.User and Password")
	}
	for name, login := range map[string]string{"IMAP": "span IMAP LOGIN ok", "POP3": "span POP3 PASS ok"} {
		if p := map[string]sessions.Protocol{"IMAP": sessions.IMAP, "POP3": sessions.POP3}[name]; has(p) && c.happened[login] == 0 {
			c.t.Errorf("otelmailtest: little is proved: nobody could log in by %s: set Server.User and Password", name)
		}
	}
}

// report shows a difference.
func (c *conformance) report(name string, d sessions.Difference) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s is not counted as it happened", name, d.Session)
	if d.From > 0 {
		fmt.Fprintf(&b, " (random, shortened from %d commands to %d)", d.From, d.To)
	}
	b.WriteString("\n")
	for _, w := range d.Wrong {
		fmt.Fprintf(&b, "  %s: counted %d, happened %d\n", c.server.withNamespace(w.Series), w.Counted, w.Happened)
	}
	fmt.Fprintf(&b, "%sagain: %s='%s/%s' go test -run '^%s$'", d.Dialogue, onlyVariable, name, d.Session, c.t.Name())
	return b.String()
}
