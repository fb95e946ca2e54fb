package otelmail

import (
	"errors"
	"fmt"

	"github.com/rusmes/otelmail/internal/contain"
	"github.com/rusmes/otelmail/internal/guard"
)

// An option's type says which constructors heed it: the others do not accept it. Options
// win over the environment, and the environment over defaults. A wrong option makes the
// constructor fail with an error that names the option, the value and what is allowed;
// all that are wrong are named at once.
type (
	// StartOption configures [Start].
	StartOption interface{ applyToStart(*config) error }
	// NewOption configures [New].
	NewOption interface{ applyToNew(*config) error }
	// ReaderOption configures [NewReader].
	ReaderOption interface{ applyToReader(*config) error }
	// Option configures [Start] and [New].
	Option interface {
		StartOption
		NewOption
	}
	// SeriesOption configures [Start], [New] and [NewReader]. An application with
	// providers of its own gives New and NewReader the same ones.
	SeriesOption interface {
		Option
		ReaderOption
	}
	// FormOption configures [Start] and [NewReader].
	FormOption interface {
		StartOption
		ReaderOption
	}
)

type (
	startOption  func(*config) error
	newOption    func(*config) error
	option       func(*config) error
	seriesOption func(*config) error
	formOption   func(*config) error
)

func (o startOption) applyToStart(c *config) error   { return o(c) }
func (o newOption) applyToNew(c *config) error       { return o(c) }
func (o option) applyToStart(c *config) error        { return o(c) }
func (o option) applyToNew(c *config) error          { return o(c) }
func (o seriesOption) applyToStart(c *config) error  { return o(c) }
func (o seriesOption) applyToNew(c *config) error    { return o(c) }
func (o seriesOption) applyToReader(c *config) error { return o(c) }
func (o formOption) applyToStart(c *config) error    { return o(c) }
func (o formOption) applyToReader(c *config) error   { return o(c) }

// apply applies a constructor's options to the defaults. It returns a config of use
// beside an error.
func apply[O comparable](opts []O, one func(O, *config) error) (*config, error) {
	c := newConfig()
	var none O
	var errs []error
	for i, opt := range opts {
		if opt == none {
			errs = append(errs, fmt.Errorf("option %d is nil", i+1))
			continue
		}
		errs = append(errs, one(opt, c))
	}
	c.contain()
	return c, errors.Join(errs...)
}

// contain has what the application handed in called in a contained way.
func (c *config) contain() {
	c.handle = contain.Handler(c.handle)
	lookup := c.lookup
	c.lookup = func(name string) (value string, set bool) {
		if err := contain.Apart(func() { value, set = lookup(name) }); err != nil {
			c.lookupFailed = fmt.Errorf("WithLookupEnv: reading %s: the function failed: %w", name, err)
			return "", false
		}
		return value, set
	}
	hooks := guard.NewHooks(c.handle)
	c.hooks = hooks
	if c.sampler != nil && !c.inherits { // else it is OpenTelemetry's own
		c.sampler = hooks.Sampler(c.sampler)
	}
	if c.propagator != nil {
		c.propagator = hooks.Propagator(c.propagator)
	}
}
