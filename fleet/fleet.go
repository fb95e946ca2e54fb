// Package fleet passes trace context on among servers of one owner, within the mail
// itself: as the header fields Traceparent and Tracestate (W3C Trace Context). Both of
// its lists are about trust: a stranger's fields are removed and never believed.
package fleet

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/sampling"
	"github.com/rusmes/otelmail/internal/settings"
	"github.com/rusmes/otelmail/internal/tracefield"
)

// Fleet is the servers among which trace context may travel. A nil Fleet leaves every
// message as it is. Its methods are safe for concurrent use.
type Fleet struct {
	hosts []string
	peers []netip.Prefix
}

// New returns a Fleet. hosts are the servers to which the fields are sent, by the name that
// is connected to: "mx2.example.org", or ".example.org" for all below it. peers are the
// networks from which the fields are believed: only the addresses of the fleet's own
// servers belong there. An error names the value and what is allowed.
func New(hosts []string, peers []netip.Prefix) (*Fleet, error) {
	f := &Fleet{peers: slices.Clone(peers)}
	for _, h := range hosts {
		if clean.Domain(strings.TrimPrefix(h, ".")) == clean.OtherDomain {
			return nil, fmt.Errorf("fleet: %w", settings.Invalid("host", h, "a host name, or one that begins with a dot for all below it"))
		}
		f.hosts = append(f.hosts, strings.ToLower(h))
	}
	for _, p := range peers {
		if !p.IsValid() {
			return nil, fmt.Errorf("fleet: %w", settings.Invalid("peer", p.String(), "a network such as 192.0.2.0/24"))
		}
	}
	return f, nil
}

// Outbound returns the message as it should be sent to host: without the trace
// fields it may have, and for a host of the fleet with those of the span in ctx.
func (f *Fleet) Outbound(ctx context.Context, host string, message io.Reader) io.Reader {
	if f == nil {
		return message
	}
	stripped := tracefield.NewReader(message)
	tc := otelmail.TraceContextOf(ctx)
	if tc.Parent == "" || !f.sendsTo(host) {
		return stripped
	}
	fields := "Traceparent: " + tc.Parent + "\r\n"
	if clean.Fits(tc.State) && tc.State != "" && len(tc.State) <= tracefield.MaxState {
		fields += "Tracestate: " + tc.State + "\r\n"
	}
	return io.MultiReader(strings.NewReader(fields), stripped)
}

// Inbound returns the message from peer without the trace fields it may have.
// Once the message has been read, the result's TraceContext is what the fields
// said, if peer belongs to the fleet.
func (f *Fleet) Inbound(peer net.Addr, message io.Reader) *Message {
	if f == nil {
		return &Message{reader: message}
	}
	fields := tracefield.NewReader(message)
	m := &Message{reader: fields}
	if f.believes(peer) {
		m.fields = fields
	}
	return m
}

// Message is a message as it came in, without its trace fields.
type Message struct {
	reader io.Reader
	fields *tracefield.Reader // nil where the peer is not believed
}

// Read reads the message; there is none in the zero value.
func (m *Message) Read(p []byte) (int, error) {
	if m == nil || m.reader == nil {
		return 0, io.EOF
	}
	return m.reader.Read(p)
}

// TraceContext is the trace that a server of the fleet sent along, the zero
// value for none. It is known when the message's header has been read. Link to
// it ([Link]); do not store it as a message's own trace, which begins here.
func (m *Message) TraceContext() otelmail.TraceContext {
	if m == nil || m.fields == nil {
		return otelmail.TraceContext{}
	}
	parent, state := m.fields.Values()
	return otelmail.TraceContext{Parent: parent, State: state}
}

// Link links the span in ctx, of the command that brought a message, to the message's trace on
// the server that sent it. It returns the context for the message's own work here, from
// [otelmail.Queue.Enqueue] on: the first span that begins in it begins a trace, which is linked
// to both and sampled as the sender's was, whatever happens to the session's. What is not
// sampled is not linked to. Without a trace in tc it returns ctx.
func Link(ctx context.Context, tc otelmail.TraceContext) context.Context {
	sent := tc.SpanContext()
	if ctx == nil || !sent.IsValid() {
		return ctx
	}
	linkTo(ctx, sent)
	return sampling.Follow(ctx, sent)
}

// Continue is [Link] for one trace over all servers: the message's work here belongs to the
// trace that it had on the server that sent it, as a child of the attempt that brought it,
// and is sampled if that is. The span in ctx, of the command that brought the message, is
// linked to it. It is for fleets with a Collector that decides about whole traces: a bounce
// on the last server keeps what the first one did, too. A message that waits for longer
// than the Collector does needs [otelmail.WithQueueLinkAfter] beside it. Without a trace in
// tc it returns ctx.
func Continue(ctx context.Context, tc otelmail.TraceContext) context.Context {
	sent := tc.SpanContext()
	if ctx == nil || !sent.IsValid() {
		return ctx
	}
	linkTo(ctx, sent)
	return trace.ContextWithRemoteSpanContext(ctx, sent)
}

// linkTo links the span in ctx to one that can be found.
func linkTo(ctx context.Context, sent trace.SpanContext) {
	if span := trace.SpanFromContext(ctx); sent.IsSampled() && span.IsRecording() {
		span.AddLink(trace.Link{SpanContext: sent})
	}
}

func (f *Fleet) sendsTo(host string) bool {
	host = clean.Domain(host)
	return slices.ContainsFunc(f.hosts, func(h string) bool {
		return host == h || strings.HasPrefix(h, ".") && strings.HasSuffix(host, h)
	})
}

func (f *Fleet) believes(peer net.Addr) bool {
	ip, _, ok := clean.AddrPort(peer)
	return ok && slices.ContainsFunc(f.peers, func(p netip.Prefix) bool { return p.Contains(ip) })
}
