package otelmail

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/settings"
	"github.com/rusmes/otelmail/internal/tracefield"
)

// Fleet names the servers among which trace context may travel in the mail
// itself, as the header fields Traceparent and Tracestate (W3C Trace Context).
// Both lists are about trust: a stranger's fields are removed and never believed.
type Fleet struct {
	// Hosts are the servers to which the fields are sent, by the name that is
	// connected to: "mx2.example.org", or ".example.org" for all below it.
	Hosts []string
	// Peers are the networks from which the fields are believed. Only the
	// addresses of the fleet's own servers belong here.
	Peers []netip.Prefix
}

// WithFleet makes [Telemetry.Outbound] and [Telemetry.Inbound] pass trace context
// on within a fleet. Default: off, and messages pass through both untouched.
func WithFleet(f Fleet) Option {
	return optionFunc(func(c *config) error {
		for _, h := range f.Hosts {
			if clean.Domain(strings.TrimPrefix(h, ".")) == clean.OtherDomain {
				return settings.Invalid("WithFleet host", h, "a host name, or one that begins with a dot for all below it")
			}
		}
		for _, p := range f.Peers {
			if !p.IsValid() {
				return settings.Invalid("WithFleet peer", p.String(), "a network such as 192.0.2.0/24")
			}
		}
		c.fleet = &f
		return nil
	})
}

// Outbound returns the message as it should be sent to host: without the trace
// fields it may have, and for a host of the fleet with those of the span in ctx.
func (t *Telemetry) Outbound(ctx context.Context, host string, message io.Reader) io.Reader {
	if t == nil || t.fleet == nil {
		return message
	}
	stripped := tracefield.NewReader(message)
	if !t.fleet.sendsTo(host) {
		return stripped
	}
	tc := TraceContextOf(ctx)
	if tc.Parent == "" {
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
func (t *Telemetry) Inbound(peer net.Addr, message io.Reader) *InboundMessage {
	if t == nil || t.fleet == nil {
		return &InboundMessage{Reader: message}
	}
	fields := tracefield.NewReader(message)
	m := &InboundMessage{Reader: fields}
	if t.fleet.believes(peer) {
		m.fields = fields
	}
	return m
}

// InboundMessage is a message as it came in, without its trace fields.
type InboundMessage struct {
	io.Reader
	fields *tracefield.Reader // nil where the peer is not believed
}

// Read reads the message; there is none in the zero value.
func (m *InboundMessage) Read(p []byte) (int, error) {
	if m == nil || m.Reader == nil {
		return 0, io.EOF
	}
	return m.Reader.Read(p)
}

// TraceContext is the trace that a server of the fleet sent along, the zero
// value for none. It is known when the message's header has been read. Link to
// it ([Link]); do not store it as a message's own trace.
func (m *InboundMessage) TraceContext() TraceContext {
	if m == nil || m.fields == nil {
		return TraceContext{}
	}
	parent, state := m.fields.Values()
	return TraceContext{Parent: parent, State: state}
}

// Link links the span in ctx to a trace of another server. A link neither makes
// that trace a parent nor lets it decide what is sampled.
func Link(ctx context.Context, tc TraceContext) {
	if ctx == nil {
		return
	}
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	if sc := tc.SpanContext(); sc.IsValid() {
		span.AddLink(trace.Link{SpanContext: sc})
	}
}

func (f *Fleet) sendsTo(host string) bool {
	host = clean.Domain(host)
	for _, h := range f.Hosts {
		h = strings.ToLower(h)
		if host == h || strings.HasPrefix(h, ".") && strings.HasSuffix(host, h) {
			return true
		}
	}
	return false
}

func (f *Fleet) believes(peer net.Addr) bool {
	ip, _, ok := addrPort(peer)
	if !ok {
		return false
	}
	for _, p := range f.Peers {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
