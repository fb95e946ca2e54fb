package otlp

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/rusmes/otelmail/internal/settings"
)

// The limits of a buffer and their defaults.
const (
	leastBufferBytes   = 8 << 20 // room for one request of each signal
	defaultBufferBytes = 256 << 20
	mostBufferBytes    = 1 << 40

	leastBufferAge   = time.Minute
	defaultBufferAge = 24 * time.Hour
	mostBufferAge    = 30 * 24 * time.Hour
)

// BufferOption configures [Buffer].
type BufferOption interface{ applyBuffer(*bufferChoice) error }

// bufferChoice is what was said of the buffer. Zero values mean "not said".
type bufferChoice struct {
	dir     string
	setting string // that named dir
	bytes   int64
	age     time.Duration
}

type bufferOption func(*bufferChoice) error

func (f bufferOption) applyBuffer(c *bufferChoice) error { return f(c) }

// Buffer keeps spans, log records and metrics in the directory dir until the
// receiver has taken them, so that they survive its outages and the death of
// this process. The directory is made if only its last part is missing; one
// process at a time can use it. See docs/reliability.md. Default:
// RUSMES_OTLP_BUFFER_DIR, else none: a bounded queue in memory.
func Buffer(dir string, opts ...BufferOption) Option {
	return option(func(c *choices) error {
		if dir == "" {
			return settings.Invalid("otlp.Buffer", dir, "the path of a directory")
		}
		b := bufferChoice{dir: dir, setting: "otlp.Buffer"}
		for i, opt := range opts {
			if opt == nil {
				return fmt.Errorf("otlp.Buffer: option %d is nil", i+1)
			}
			if err := opt.applyBuffer(&b); err != nil {
				return err
			}
		}
		c.buffer = b
		return nil
	})
}

// MaxBytes bounds what is kept, in bytes, from 8 MiB to 1 TiB. Beyond it the
// oldest of the signal that has the most is dropped. Default:
// RUSMES_OTLP_BUFFER_MAX_BYTES, else 256 MiB.
func MaxBytes(n int64) BufferOption {
	return bufferOption(func(c *bufferChoice) error {
		if n < leastBufferBytes || n > mostBufferBytes {
			return settings.Invalid("otlp.MaxBytes", strconv.FormatInt(n, 10), bytesRule)
		}
		c.bytes = n
		return nil
	})
}

// MaxAge bounds for how long something is kept, from a minute to 30 days. What
// is older is dropped. Default: RUSMES_OTLP_BUFFER_MAX_AGE, else 24 h.
func MaxAge(d time.Duration) BufferOption {
	return bufferOption(func(c *bufferChoice) error {
		if d < leastBufferAge || d > mostBufferAge {
			return settings.Invalid("otlp.MaxAge", d.String(), ageRule)
		}
		c.age = d
		return nil
	})
}

const (
	bytesRule = "whole bytes from 8388608 (8 MiB) to 1099511627776 (1 TiB)"
	ageRule   = "a duration from 1m to 720h, like 24h"
)

// buffer resolves the settings of the buffer. Its dir is empty if there is none.
func (e *environment) buffer(said bufferChoice) bufferChoice {
	dir, setting := e.String("RUSMES_OTLP_BUFFER_DIR")
	if said.dir == "" {
		said.dir, said.setting = dir, setting
	}
	bytes, age := int64(defaultBufferBytes), defaultBufferAge
	if v, name := e.String("RUSMES_OTLP_BUFFER_MAX_BYTES"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < leastBufferBytes || n > mostBufferBytes {
			e.Fail(name, v, bytesRule)
		}
		bytes = n
	}
	if v, name := e.String("RUSMES_OTLP_BUFFER_MAX_AGE"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d < leastBufferAge || d > mostBufferAge {
			e.Fail(name, v, ageRule)
		}
		age = d
	}
	said.bytes = cmp.Or(said.bytes, bytes)
	said.age = cmp.Or(said.age, age)
	return said
}
