package live

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rusmes/otelmail/internal/settings"
)

// Option configures [Serve] and [NewHandler]. A wrong one makes otelmail.Start fail with an
// error that names the option, the value and what is allowed.
type Option interface{ apply(*config) error }

type option func(*config) error

func (f option) apply(c *config) error { return f(c) }

// config is what the options set. Zero values mean "not set".
type config struct {
	dir       string
	age       time.Duration
	maxBytes  int64
	viewers   int
	traceLink string
}

// defaultViewers leaves connections of the server for those who scrape it and search: it has
// 64 for each address.
const defaultViewers = 32

func newConfig(opts []Option) (*config, error) {
	c := &config{viewers: defaultViewers}
	var errs []error
	for i, opt := range opts {
		if opt == nil {
			errs = append(errs, fmt.Errorf("option %d is nil", i+1))
			continue
		}
		errs = append(errs, opt.apply(c))
	}
	return c, errors.Join(errs...)
}

// Keep keeps the mail events on disk, in a directory that is for them alone, for an hour to
// 366 days: a search then finds what has happened before a restart, too. Default: they are
// kept in memory, the newest that [WithMaxBytes] has room for.
func Keep(dir string, age time.Duration) Option {
	return option(func(c *config) error {
		if dir == "" {
			return settings.Invalid("Keep", dir, "the path of a directory")
		}
		if err := settings.CheckDuration("Keep", age, time.Hour, 366*24*time.Hour); err != nil {
			return err
		}
		c.dir, c.age = dir, age
		return nil
	})
}

// WithMaxBytes bounds the mail events that are kept, in memory or with [Keep] on disk, from
// 1 MiB to 1 TiB. Default 64 MiB in memory, and 1 GiB on disk.
func WithMaxBytes(n int64) Option {
	return option(func(c *config) error {
		if n < 1<<20 || n > 1<<40 {
			return settings.Invalid("WithMaxBytes", strconv.FormatInt(n, 10), "1048576 to 1099511627776 bytes")
		}
		c.maxBytes = n
		return nil
	})
}

// WithMaxViewers bounds how many look on at a time, 1 to 1000. Each of them holds a connection;
// exporters/prometheus has 64 for one address, behind which a proxy may be, and 256 in all. Who
// comes beyond the bound sees the same page, renewed every 5 s. Default 32.
func WithMaxViewers(n int) Option {
	return option(func(c *config) error {
		if err := settings.CheckNumber("WithMaxViewers", n, 1, 1000); err != nil {
			return err
		}
		c.viewers = n
		return nil
	})
}

const traceID = "{trace_id}"

// WithTraceLink makes each trace id of the page a link to where the traces are, for example
// https://traces.example.org/trace/{trace_id}: http or https, with {trace_id} in it.
// Default: trace ids are text.
func WithTraceLink(template string) Option {
	return option(func(c *config) error {
		u, err := url.Parse(strings.ReplaceAll(template, traceID, "0"))
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || !strings.Contains(template, traceID) {
			return errors.New("WithTraceLink: the value given is not allowed: want an http or https URL with {trace_id} in it, and without a password")
		}
		c.traceLink = template
		return nil
	})
}
