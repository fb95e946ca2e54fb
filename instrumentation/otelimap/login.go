package otelimap

import (
	"github.com/rusmes/otelmail"
)

// Login is the command LOGIN and, when the session has no mechanisms of its own,
// AUTHENTICATE PLAIN.
func (s *session) Login(username, password string) error {
	s.conn.noticeTLS()
	s.conn.begin(otelmail.IMAPLogin, "")
	defer s.conn.guard()
	err := s.inner.Login(username, password)
	if err == nil {
		s.authenticated(username)
	}
	s.conn.answered(err)
	return err
}

// authenticated notes who is logged in from now on.
func (s *session) authenticated(username string) {
	if s.user != nil {
		username = s.nameUser()
	}
	s.conn.become(authenticated, username, "")
}

func (s *session) nameUser() (user string) {
	// The application's function serves telemetry alone: its panic must not
	// cost a client the connection.
	defer func() {
		if recover() != nil {
			user = ""
		}
	}()
	return s.user(s.inner)
}

// unauthenticater is a session that supports UNAUTHENTICATE (RFC 8437).
type unauthenticater struct{ s *session }

func (u unauthenticater) Unauthenticate() error {
	c := u.s.conn
	c.beginSelected(otelmail.IMAPUnauthenticate)
	defer c.guard()
	err := u.s.inner.(inUnauthenticate).Unauthenticate()
	if err == nil {
		c.become(notAuthenticated, "", "")
	}
	c.answered(err)
	return err
}
