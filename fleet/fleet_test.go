package fleet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/fleet"
)

const someParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func newFleet(t *testing.T) *fleet.Fleet {
	t.Helper()
	f, err := fleet.New([]string{"mx2.example.org", ".fleet.example"}, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func tcp(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

func TestInbound(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, tc := range []struct{ name, in, out, parent, state string }{
		{"none", "From: a\r\n\r\nTraceparent: body\r\n", "From: a\r\n\r\nTraceparent: body\r\n", "", ""},
		{"both", "Traceparent: " + someParent + "\r\nFrom: a\r\nTracestate: v=1\r\n\r\nbody", "From: a\r\n\r\nbody", someParent, "v=1"},
		{"any case, folded, space before the colon", "tRaCePaReNt :\r\n " + someParent + "\r\nFrom: a\r\n\r\n", "From: a\r\n\r\n", someParent, ""},
		{"folded line of another field", "Subject: a\r\n Traceparent: no\r\n\r\n", "Subject: a\r\n Traceparent: no\r\n\r\n", "", ""},
		{"bare newlines", "Traceparent: " + someParent + "\nFrom: a\n\nbody", "From: a\n\nbody", someParent, ""},
		{"two parents", "Traceparent: " + someParent + "\r\nTraceparent: x\r\nFrom: a\r\n\r\n", "From: a\r\n\r\n", "", ""},
		{"prefix of the name", "Traceparent-X: 1\r\nX-Traceparent: 2\r\n\r\n", "Traceparent-X: 1\r\nX-Traceparent: 2\r\n\r\n", "", ""},
		{"long lines", "X: " + long + "\r\nTraceparent: " + long + "\r\nFrom: a\r\n\r\n" + long, "X: " + long + "\r\nFrom: a\r\n\r\n" + long, "", ""},
		{"the name far inside a long line", "X: " + long + "\nTraceparent: " + someParent + "\n\n", "X: " + long + "\n\n", someParent, ""},
		{"header alone", "From: a\r\nTraceparent: " + someParent, "From: a\r\n", someParent, ""},
		{"empty", "", "", "", ""},
		{"body at once", "\r\nTraceparent: x\r\n", "\r\nTraceparent: x\r\n", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFleet(t)
			for peer, believed := range map[string]bool{"192.0.2.7:25": true, "203.0.113.7:25": false} {
				m := f.Inbound(tcp(peer), iotest.OneByteReader(strings.NewReader(tc.in)))
				out, err := io.ReadAll(m)
				if err != nil || string(out) != tc.out {
					t.Errorf("%s: passed on %.80q, %v; want %.80q", peer, out, err, tc.out)
				}
				want := otelmail.TraceContext{}
				if believed {
					want = otelmail.TraceContext{Parent: tc.parent, State: tc.state}
					if tc.parent == "" {
						want = otelmail.TraceContext{}
					}
				}
				if got := m.TraceContext(); got != want && tc.name != "long lines" {
					t.Errorf("%s: trace context %+v, want %+v", peer, got, want)
				}
				if m.TraceContext().SpanContext().IsValid() && (!believed || tc.parent != someParent) {
					t.Errorf("%s: a trace from nowhere", peer)
				}
			}
			var off *fleet.Fleet
			m := off.Inbound(tcp("192.0.2.7:25"), strings.NewReader(tc.in))
			if out, _ := io.ReadAll(m); string(out) != tc.in || m.TraceContext() != (otelmail.TraceContext{}) {
				t.Error("the message was touched although there is no fleet")
			}
		})
	}
}

func TestOutbound(t *testing.T) {
	const stale = "Traceparent: stale\r\nFrom: a\r\n\r\nbody"
	f, rec := newFleet(t), tracetest.NewSpanRecorder()
	tel, err := otelmail.New(otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec))))
	if err != nil {
		t.Fatal(err)
	}
	op := tel.Delivery.Attempt(t.Context(), otelmail.Attempt{})
	for host, trusted := range map[string]bool{
		"mx2.example.org": true, "MX2.example.org.": true, "a.fleet.example": true,
		"fleet.example": false, "evilfleet.example": false, "mx3.example.org": false, "": false, "192.0.2.1": false,
	} {
		out, err := io.ReadAll(f.Outbound(op.Context(), host, strings.NewReader(stale)))
		if err != nil {
			t.Fatal(err)
		}
		want := "From: a\r\n\r\nbody"
		if trusted {
			want = "Traceparent: " + otelmail.TraceContextOf(op.Context()).Parent + "\r\n" + want
		}
		if string(out) != want {
			t.Errorf("%s: sent %q, want %q", host, out, want)
		}
	}
	if out, _ := io.ReadAll(f.Outbound(context.Background(), "mx2.example.org", strings.NewReader(stale))); string(out) != "From: a\r\n\r\nbody" {
		t.Errorf("without a span: sent %q", out)
	}
	op.End(otelmail.Reply{Code: 250})

	// The next hop links to it, and to nothing else.
	next := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
	fleet.Link(next.Context(), otelmail.TraceContextOf(op.Context()))
	fleet.Link(next.Context(), otelmail.TraceContext{Parent: "garbage"})
	fleet.Link(context.Background(), otelmail.TraceContext{Parent: someParent})
	fleet.Link(nil, otelmail.TraceContext{Parent: someParent}) //nolint:staticcheck // a caller's mistake
	if ctx := fleet.Link(next.Context(), otelmail.TraceContext{}); ctx != next.Context() {
		t.Error("without a trace the message's work is taken out of the session's")
	}
	next.End(otelmail.CauseNone)
	spans := rec.Ended()
	if l := spans[1].Links(); len(l) != 1 || l[0].SpanContext.SpanID() != spans[0].SpanContext().SpanID() || spans[1].Parent().IsValid() {
		t.Errorf("links %v and parent %v, want one link and no parent", l, spans[1].Parent())
	}
}

// TestLinkedAlike: a message's trace on the server that received it is sampled as the one on
// the server that sent it was, whatever the shares are and whatever became of the session's,
// and so on the server after that. Each link points at a span that was sampled.
func TestLinkedAlike(t *testing.T) {
	rec := tracetest.NewSpanRecorder() // what a gateway for all servers gets
	sends, hub, mailbox := sampling(t, rec, 0.5), sampling(t, rec, 0.25), sampling(t, rec, 1)
	decided := map[bool]int{}
	for range 200 {
		attempt := sends.Delivery.Attempt(t.Context(), otelmail.Attempt{})
		first := trace.SpanContextFromContext(attempt.Context())
		decided[first.IsSampled()]++
		text := send(t, attempt.Context())
		attempt.End(otelmail.Reply{Code: 250})
		for _, server := range []*otelmail.Telemetry{hub, mailbox} {
			session := server.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
			sent, queued := receive(t, server, session.Context(), text)
			sc := trace.SpanContextFromContext(queued.Context())
			if sc.IsSampled() != first.IsSampled() || sc.TraceID() == sent.SpanContext().TraceID() || sc.TraceID() == trace.SpanContextFromContext(session.Context()).TraceID() {
				t.Fatalf("%v after %v in the session %v", sc, first, trace.SpanContextFromContext(session.Context()))
			}
			id := first.TraceID().String()
			want := "ot=rv:" + id[len(id)-14:]
			if first.IsSampled() {
				want = "ot=th:8;rv:" + id[len(id)-14:]
			}
			if got := sc.TraceState().String(); got != want {
				t.Errorf("the tracestate is %q, want %q", got, want)
			}
			session.End(otelmail.CauseNone)
			onward := server.Delivery.Attempt(queued.Context(), otelmail.Attempt{})
			text = send(t, onward.Context())
			onward.End(otelmail.Reply{Code: 250})
			queued.End(otelmail.CauseNone)
		}
	}
	if decided[true] == 0 || decided[false] == 0 {
		t.Fatalf("decided only %v", decided)
	}
	kept := map[trace.SpanID]bool{}
	for _, s := range rec.Ended() {
		kept[s.SpanContext().SpanID()] = true
	}
	messages := 0
	for _, s := range rec.Ended() {
		if s.Name() == "queue enqueue" {
			messages++
			if s.Parent().IsValid() || len(s.Links()) == 0 {
				t.Errorf("%s has the parent %v and the links %v", s.Name(), s.Parent(), s.Links())
			}
		}
		for _, l := range s.Links() {
			if !kept[l.SpanContext.SpanID()] {
				t.Errorf("%s is linked to %v, which was not kept", s.Name(), l.SpanContext)
			}
		}
	}
	if messages != 2*decided[true] {
		t.Errorf("%d messages kept, want %d on each of two servers", messages, decided[true])
	}
}

// TestContinued: a message is one trace on all servers, and the sessions that brought it are
// linked to it.
func TestContinued(t *testing.T) {
	rec := tracetest.NewSpanRecorder() // what a gateway for all servers gets
	sends, hub, mailbox := sampling(t, rec, 0.5), sampling(t, rec, 0.25), sampling(t, rec, 1)
	kept := 0
	for range 50 {
		attempt := sends.Delivery.Attempt(t.Context(), otelmail.Attempt{})
		first := trace.SpanContextFromContext(attempt.Context())
		if first.IsSampled() {
			kept++
		}
		text := send(t, attempt.Context())
		attempt.End(otelmail.Reply{Code: 250})
		for _, server := range []*otelmail.Telemetry{hub, mailbox} {
			session := server.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
			in := newFleet(t).Inbound(tcp("192.0.2.7:25"), strings.NewReader(text))
			if _, err := io.Copy(io.Discard, in); err != nil {
				t.Fatal(err)
			}
			stored, queued := server.Queue.Enqueue(fleet.Continue(session.Context(), in.TraceContext()), otelmail.MessageFacts{})
			queued.End(otelmail.CauseNone)
			session.End(otelmail.CauseNone)
			if sc := stored.Trace.SpanContext(); sc.TraceID() != first.TraceID() || sc.IsSampled() != first.IsSampled() {
				t.Fatalf("%v after %v", sc, first)
			}
			working := server.Queue.Dequeue(t.Context(), stored, otelmail.MessageFacts{})
			onward := server.Delivery.Attempt(working.Context(), otelmail.Attempt{})
			text = send(t, onward.Context())
			onward.End(otelmail.Reply{Code: 250})
			working.End(otelmail.CauseNone)
		}
	}
	known := map[trace.SpanID]bool{}
	for _, s := range rec.Ended() {
		known[s.SpanContext().SpanID()] = true
	}
	attempts, sessions := 0, 0
	for _, s := range rec.Ended() {
		switch s.Name() {
		case "queue enqueue", "queue dequeue":
			attempts++
			if !known[s.Parent().SpanID()] {
				t.Errorf("the parent of %s is not there", s.Name())
			}
		case "SMTP session":
			sessions += len(s.Links())
			for _, l := range s.Links() {
				if !known[l.SpanContext.SpanID()] {
					t.Errorf("a session is linked to %v, which was not kept", l.SpanContext)
				}
			}
		}
	}
	if kept == 0 || kept == 50 || attempts != 4*kept || sessions < kept {
		t.Errorf("%d of 50 kept: %d spans of the queue, %d links", kept, attempts, sessions)
	}
	for _, tc := range []otelmail.TraceContext{{}, {Parent: "garbage"}} {
		if ctx := fleet.Continue(t.Context(), tc); ctx != t.Context() {
			t.Errorf("%v makes another context", tc)
		}
	}
	fleet.Continue(nil, otelmail.TraceContext{Parent: someParent}) //nolint:staticcheck // a caller's mistake
}

// Where nothing is traced, the message's work keeps the application's own span.
func TestLinkWithoutTracing(t *testing.T) {
	tel, err := otelmail.New(otelmail.WithTracerProvider(noop.NewTracerProvider()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := sdktrace.NewTracerProvider().Tracer("app").Start(t.Context(), "job")
	_, queued := tel.Queue.Enqueue(fleet.Link(ctx, otelmail.TraceContext{Parent: someParent}), otelmail.MessageFacts{})
	if got := trace.SpanFromContext(queued.Context()); got != span {
		t.Errorf("the work is in %v, want the application's", got.SpanContext())
	}
	queued.End(otelmail.CauseNone)
	span.End()
}

// sampling is a server that records this share of its own traces.
func sampling(t *testing.T, rec sdktrace.SpanProcessor, ratio float64) *otelmail.Telemetry {
	t.Helper()
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithSampleRatio(ratio),
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
			p.AddSpanProcessor(rec)
			return nil
		})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tel.Shutdown(context.Background()) })
	return tel
}

// send is the message as it goes to the next server of the fleet.
func send(t *testing.T, ctx context.Context) string { //nolint:revive // the test comes first, as in all helpers
	t.Helper()
	out, err := io.ReadAll(newFleet(t).Outbound(ctx, "mx2.example.org", strings.NewReader("From: a\r\n\r\nbody")))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// receive is what the next server does with it in a session.
func receive(t *testing.T, tel *otelmail.Telemetry, session context.Context, text string) (otelmail.TraceContext, otelmail.Queueing) { //nolint:revive // as above
	t.Helper()
	in := newFleet(t).Inbound(tcp("192.0.2.7:25"), strings.NewReader(text))
	if _, err := io.Copy(io.Discard, in); err != nil {
		t.Fatal(err)
	}
	_, queued := tel.Queue.Enqueue(fleet.Link(session, in.TraceContext()), otelmail.MessageFacts{})
	return in.TraceContext(), queued
}

func TestNew(t *testing.T) {
	for want, wrong := range map[string]struct {
		hosts []string
		peers []netip.Prefix
	}{
		`fleet: host: "no host"`: {hosts: []string{"mx.example", "no host"}},
		"fleet: peer":            {peers: []netip.Prefix{{}}},
	} {
		if _, err := fleet.New(wrong.hosts, wrong.peers); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// A message of nothing has nothing, and nobody's fleet passes a message on.
func TestZeroValues(t *testing.T) {
	var none *fleet.Message
	for _, m := range []*fleet.Message{none, {}} {
		if n, err := m.Read(make([]byte, 8)); n != 0 || !errors.Is(err, io.EOF) || m.TraceContext() != (otelmail.TraceContext{}) {
			t.Errorf("%d bytes, %v, of trace %v", n, err, m.TraceContext())
		}
	}
	var nobody *fleet.Fleet
	out, _ := io.ReadAll(nobody.Outbound(t.Context(), "mx.example", strings.NewReader("Traceparent: x\r\n\r\n")))
	if string(out) != "Traceparent: x\r\n\r\n" {
		t.Errorf("the message became %q", out)
	}
}

func FuzzInbound(f *testing.F) {
	f.Add("Traceparent: " + someParent + "\r\n\r\nbody")
	f.Add("A: b\n traceparent: x\n\n")
	f.Add("traceparent\t:\n\tx\r\n\r\n\r\n")
	servers, err := fleet.New(nil, []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")})
	if err != nil {
		f.Fatal(err)
	}
	peer := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
	f.Fuzz(func(t *testing.T, in string) {
		m := servers.Inbound(peer, strings.NewReader(in))
		out, err := io.ReadAll(m)
		if err != nil {
			t.Fatal(err)
		}
		m.TraceContext().SpanContext()
		again, _ := io.ReadAll(servers.Inbound(peer, strings.NewReader(string(out))))
		if string(again) != string(out) {
			t.Fatalf("%q became %q and, once more, %q", in, out, again)
		}
	})
}
