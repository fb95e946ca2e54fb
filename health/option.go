package health

// An Option changes a [Registry]. Options come from this package only.
type Option interface{ applyRegistry(*Registry) }

type registryOption func(*Registry)

func (o registryOption) applyRegistry(r *Registry) { o(r) }

// WithErrorDetail shows the text of a failing check's error (or of its panic) in
// the details of /health and in [Result].Error: valid UTF-8, without control
// characters, at most 256 bytes. Default: false, because the errors of a mail
// server hold addresses and /health is open to everyone who can reach the port.
func WithErrorDetail(show bool) Option {
	return registryOption(func(r *Registry) { r.errorDetail = show })
}

// OnChange calls f when the state of a check has changed. Default: no call.
//
// Calls come one at a time from a goroutine of their own, without any lock held,
// so f may use the registry; a slow f delays other calls and no check. A state that
// came and went while f was busy is left out: from is always the state that the
// last call for this check reported, or [StateStarting]. A panic in f is contained.
// There are no calls after Stop or for an unregistered check. A nil f is ignored.
//
// f must not wait for Stop, which waits for f.
func OnChange(f func(name string, from, to State)) Option {
	return registryOption(func(r *Registry) {
		if f != nil {
			r.Watch(func(c Change) { f(c.Check, c.From, c.To) })
		}
	})
}

// A CheckOption changes one check. Options come from this package only.
type CheckOption interface{ applyCheck(*check) error }

type checkOption func(*check) error

func (o checkOption) applyCheck(c *check) error { return o(c) }
