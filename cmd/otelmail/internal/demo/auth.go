package demo

import (
	"errors"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// AuthMechanisms implements [smtp.AuthSession].
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain, sasl.Login} }

// Auth implements [smtp.AuthSession].
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(identity, user, password string) error {
			if identity != "" && identity != user {
				return smtp.ErrAuthFailed // nobody may act for others here
			}
			return s.login(user, password)
		}), nil
	case sasl.Login:
		return &loginServer{check: s.login}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *session) login(user, password string) error {
	switch err := s.server.store.login(user, password); {
	case errors.Is(err, errUsersAway):
		return &smtp.SMTPError{Code: 454, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "Nobody can log in now"}
	case err != nil:
		return smtp.ErrAuthFailed
	}
	s.user = s.server.store.userName
	return nil
}

// loginServer is the server's side of LOGIN, an old mechanism that some mail
// programs know alone (draft-murchison-sasl-login). The name may come with the
// AUTH command.
type loginServer struct {
	check   func(user, password string) error
	asked   bool
	user    string
	hasUser bool
}

// Next implements [sasl.Server].
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case response == nil && !l.asked:
		l.asked = true
		return []byte("Username:"), false, nil
	case response == nil:
		return nil, false, errors.New("LOGIN: the client sent nothing")
	case !l.hasUser:
		l.asked, l.user, l.hasUser = true, string(response), true
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}
