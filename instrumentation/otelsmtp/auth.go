package otelsmtp

import (
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

func (s *session) mechanisms() []string {
	return s.inner.(smtp.AuthSession).AuthMechanisms()
}

func (s *session) authenticate(mechanism string) (server sasl.Server, err error) {
	err = s.run(func() (err error) {
		server, err = s.inner.(smtp.AuthSession).Auth(mechanism)
		return err
	})
	if err != nil {
		return server, err
	}
	return &exchange{session: s, server: server}, nil
}

// exchange is a SASL exchange. What passes through it is never kept.
type exchange struct {
	session *session
	server  sasl.Server
}

// Next takes a response of the client and returns the next challenge.
func (e *exchange) Next(response []byte) (challenge []byte, done bool, err error) {
	err = e.session.run(func() (err error) {
		challenge, done, err = e.server.Next(response)
		return err
	})
	return challenge, done, err
}
