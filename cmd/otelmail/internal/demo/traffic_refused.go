package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"syscall"
)

// Clients that are refused before their session begins.

// connectBlocked comes from an address on the block list. Some systems have but
// one loopback address; there is nothing to try on those.
func (t *traffic) connectBlocked(ctx context.Context, _ int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection
	conn, err := dialFrom(ctx, &net.TCPAddr{IP: blockedIP}, t.mx)
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		return nil
	}
	if err != nil {
		return err
	}
	return refusedWith(554, greeting(conn), textCode)
}

// connectTooMany opens two connections where one is allowed.
func (t *traffic) connectTooMany(ctx context.Context, _ int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first, err := dial(ctx, t.narrow)
	if err != nil {
		return err
	}
	if err := greeting(first); err != nil {
		// Another client of this kind holds the one connection: that will do.
		return refusedWith(421, err, textCode)
	}
	second, err := dial(ctx, t.narrow)
	if err != nil {
		return err
	}
	err = refusedWith(421, greeting(second), textCode)
	_, quit := fmt.Fprint(first, "QUIT\r\n")
	return errors.Join(err, quit)
}

// scan speaks plaintext where TLS is expected, as who looks for open ports does. Its
// session ends with the handshake.
func (t *traffic) scan(ctx context.Context, _ int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := dial(ctx, t.submissions)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(conn, "EHLO scanner.example\r\n"); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) { // until it is sent away
		return err
	}
	return nil
}

// greeting reads the server's first reply; it is an error when that is a refusal.
func greeting(conn net.Conn) error {
	_, _, err := textproto.NewConn(conn).ReadResponse(220)
	return err
}
