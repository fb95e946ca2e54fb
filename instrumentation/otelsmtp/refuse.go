package otelsmtp

import (
	"crypto/tls"
	"io"
	"net"
	"time"

	"github.com/rusmes/otelmail"
)

// How much a refused client may cost: so many at once get to read why, and have
// so long to do it. All others are closed without a word.
const (
	maxGoodbyes = 64
	goodbyeTime = 2 * time.Second
	goodbyeRead = 4096
)

// refuse counts a connection and closes it, after a reply where the client can
// read one.
func (s *Server) refuse(nc net.Conn, why otelmail.Refusal, reply string) {
	s.tel.SMTP.Refuse(s.role(), why)
	if _, secure := nc.(*tls.Conn); secure { // a handshake has no room for a reply
		_ = nc.Close()
		return
	}
	select {
	case s.goodbyes <- struct{}{}:
	default:
		_ = nc.Close()
		return
	}
	defer func() { <-s.goodbyes }()
	sayGoodbye(nc, reply)
}

// sayGoodbye writes a reply and closes. A client that spoke first would be sent
// a reset, and with it lose the reply, if we closed before reading what it said.
func sayGoodbye(nc net.Conn, reply string) {
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(goodbyeTime)); err != nil {
		return
	}
	if _, err := io.WriteString(nc, reply); err != nil {
		return
	}
	if half, ok := nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, nc, goodbyeRead)
	}
}
