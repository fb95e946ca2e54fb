package demo

import (
	"context"
	"crypto/tls"
	"net"
)

// unverified is how the demo's clients use TLS: its certificates are made at
// start-up, signed by nobody.
var unverified = &tls.Config{InsecureSkipVerify: true}

// dial connects to a server. The connection is closed when ctx ends, whatever a
// client is waiting for: end ctx when done with it.
func dial(ctx context.Context, server string) (net.Conn, error) {
	return dialFrom(ctx, nil, server)
}

// dialFrom connects from an address of our own; nil is any.
func dialFrom(ctx context.Context, from net.Addr, server string) (net.Conn, error) {
	conn, err := (&net.Dialer{LocalAddr: from}).DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return conn, nil
}
