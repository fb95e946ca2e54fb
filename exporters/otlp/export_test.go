package otlp

import "time"

// Pings lets connections ask sooner whether the other end is there.
func Pings(idle, answer time.Duration) Option {
	return option(func(c *choices) error {
		c.all.pings = pings{idle, answer}
		return nil
	})
}
