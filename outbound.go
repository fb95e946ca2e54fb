package otelmail

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
)

var (
	outboundConnections = define(catalog.Metric{
		Name: "outbound_connections", Kind: catalog.Gauge, Unit: "{connection}", Fleet: catalog.Sum,
		Help: "Connections to other servers open now",
		Rise: "More is delivered at once, or the other sides have become slow (see " + deliveryPhase.Name + "). A rise without end is a leak: connections that nobody closes.",
	})
	outboundFailures = define(catalog.Metric{
		Name: "outbound_connect_failures_total", Kind: catalog.Counter, Unit: "{attempt}",
		Help: "Connections to other servers that could not be made",
		Rise: "Some always come: servers are away. Of one kind at once: timeout, a firewall or a provider that blocks port 25; no_route, our own network; dns, our resolver; refused, one large destination (the delivery spans name it).",
		Labels: []catalog.Label{{Key: "kind", Values: connectFailures[:],
			Help: "Why, as error.type of the spans has it: no answer; nothing listens there; host or network unreachable; broken by the other side; the TLS handshake, where dialling includes it; the name could not be looked up; ended by us; or anything else"}},
	})
)

var connectFailures = [...]string{"timeout", "refused", "no_route", "connection_reset", "tls_handshake", "dns", "canceled", "other"}

// outbound counts connections to other servers.
type outbound struct {
	open     *count.Counter
	failures labelledCounter
}

func newOutbound(b *binder) outbound {
	return outbound{b.counter(outboundConnections), b.labelledCounter(outboundFailures)}
}

// Dial connects for the attempt, by dial, which is the DialContext of a [net.Dialer] or
// works like it; nil is that of a zero one:
//
//	conn, err := attempt.Dial(ctx, dialer.DialContext, "tcp", "mx.example.net:25")
//
// It records the phase "connect" and notes the address that was connected to. The
// connection counts in outbound_connections until it is closed; a failure counts in
// outbound_connect_failures_total. What dial returned is returned, the connection with
// another Close, and with a method NetConn for what is below it.
func (o Delivering) Dial(ctx context.Context, dial func(ctx context.Context, network, address string) (net.Conn, error), network, address string) (net.Conn, error) {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	connecting := o.Phase(PhaseConnect)
	conn, err := dial(orBackground(ctx), network, address)
	connecting.End()
	if err == nil && conn == nil {
		err = errors.New("otelmail: dial returned neither a connection nor an error")
	}
	if o.delivery == nil || o.delivery.outbound.open == nil {
		return conn, err
	}
	if err != nil {
		o.delivery.outbound.failures.add(1, slices.Index(connectFailures[:], CauseOf(err).String()))
		return conn, err
	}
	o.Peer(conn.RemoteAddr())
	o.delivery.outbound.open.Add(1)
	return &outboundConn{Conn: conn, open: o.delivery.outbound.open}, nil
}

// outboundConn is open until it is closed for the first time.
type outboundConn struct {
	net.Conn
	open   *count.Counter
	closed atomic.Bool
}

func (c *outboundConn) Close() error {
	if !c.closed.Swap(true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

// NetConn is the connection below, as [crypto/tls.Conn] calls it.
func (c *outboundConn) NetConn() net.Conn { return c.Conn }
