package observe

import "github.com/rusmes/otelmail"

// Option changes how a connection is observed.
type Option interface{ apply(*config) }

type config struct {
	role otelmail.SMTPRole
}

type option func(*config)

func (f option) apply(c *config) { f(c) }

func configOf(opts []Option) (c config) {
	for _, o := range opts {
		if o != nil {
			o.apply(&c)
		}
	}
	return c
}

// WithRole says what an SMTP server is for: smtp.role on the spans. Default
// [otelmail.RoleMX].
func WithRole(role otelmail.SMTPRole) Option {
	return option(func(c *config) { c.role = role })
}
