package otelimap

import (
	"github.com/emersion/go-sasl"

	"github.com/rusmes/otelmail"
)

// authenticator is a session with SASL mechanisms of its own.
type authenticator struct{ s *session }

func (a authenticator) AuthenticateMechanisms() []string {
	return a.s.inner.(inSASL).AuthenticateMechanisms()
}

// Authenticate begins AUTHENTICATE, which ends with its exchange or, if go-imap
// drops that (the client cancels, sends bad base64, goes away), at the next sign.
func (a authenticator) Authenticate(mechanism string) (sasl.Server, error) {
	c := a.s.conn
	c.noticeTLS()
	c.begin(otelmail.IMAPAuthenticate, "")
	defer c.guard()
	server, err := a.s.inner.(inSASL).Authenticate(mechanism)
	c.polled(err)
	if err != nil {
		return server, err
	}
	c.exchange = exchange{session: a.s, server: server}
	return &c.exchange, nil
}

// exchange is a SASL exchange. What passes through it is not looked at.
type exchange struct {
	session *session
	server  sasl.Server
}

// Next takes a response of the client and returns the next challenge.
func (e *exchange) Next(response []byte) ([]byte, bool, error) {
	c := e.session.conn
	c.continues(otelmail.IMAPAuthenticate)
	defer c.guard()
	challenge, done, err := e.server.Next(response)
	if done && err == nil {
		e.session.authenticated("")
		c.answered(nil)
	} else {
		c.polled(err)
	}
	return challenge, done, err
}
