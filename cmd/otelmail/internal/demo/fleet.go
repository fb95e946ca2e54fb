package demo

import (
	"context"
	"io"
	"net"
	"net/netip"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/fleet"
)

// nextHost is the server of --relayhost in telemetry: all of a fleet are on this machine.
const nextHost = "relay.example.org"

// fellows are the other servers of the fleet that the demo is one of.
type fellows struct {
	next    string       // host:port of the server that gets all mail; "" for none
	network netip.Prefix // from where they bring mail; invalid for nowhere
	trace   *fleet.Fleet
}

func newFellows(c Config) (*fellows, error) {
	f := &fellows{next: c.Relayhost, network: c.Fleet}
	var networks []netip.Prefix
	if c.Fleet.IsValid() {
		networks = append(networks, c.Fleet)
	}
	var err error
	f.trace, err = fleet.New([]string{nextHost}, networks)
	return f, err
}

// has says whether a client is one of them, which may relay without a login.
func (f *fellows) has(client net.Addr) bool {
	tcp, ok := client.(*net.TCPAddr)
	return ok && f.network.IsValid() && f.network.Contains(tcp.AddrPort().Addr().Unmap())
}

// inbound is a message as it is stored, and the context of the work on it: what one of them
// brings goes on with the trace that it had there.
func (f *fellows) inbound(ctx context.Context, client net.Addr, r io.Reader) ([]byte, context.Context, error) {
	message := f.trace.Inbound(client, r)
	text, err := io.ReadAll(message)
	return text, fleet.Continue(ctx, message.TraceContext()), err
}

// outbound is a message as it goes to a server.
func (f *fellows) outbound(attempt otelmail.Delivering, server string, message io.Reader) io.Reader {
	return f.trace.Outbound(attempt.Context(), server, message)
}
