package otelimap

import "github.com/emersion/go-imap/v2/imapserver"

// Option configures [NewServer].
type Option interface{ apply(*config) }

type config struct {
	user func(imapserver.Session) string
}

type option func(*config)

func (f option) apply(c *config) { f(c) }

// WithUser names the user of one of the backend's own sessions, "" for none; the
// name appears on spans as the privacy policy allows. It is called after each
// successful LOGIN and AUTHENTICATE, and once for a session that is
// authenticated from the beginning. Default: the name that LOGIN or AUTHENTICATE
// PLAIN was given; no user after another mechanism or in a session that is
// authenticated from the beginning.
func WithUser(user func(imapserver.Session) string) Option {
	return option(func(c *config) { c.user = user })
}
