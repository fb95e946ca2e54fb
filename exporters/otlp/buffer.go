package otlp

import (
	"fmt"
	"time"

	"github.com/rusmes/otelmail/internal/settings"
)

// BufferOption configures [Buffer].
type BufferOption interface{ applyBuffer(*bufferChoice) error }

// bufferChoice is what the options set for the buffer. Zero values mean "not set".
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
// this process. The directory is created if only its last part is missing; one
// process at a time can use it. See docs/reliability.md. Default:
// RUSMES_OTLP_BUFFER_DIR, else none: a bounded queue in memory.
func Buffer(dir string, opts ...BufferOption) Option {
	return option(func(c *choices) error {
		if dir == "" {
			return settings.Invalid("otlp.Buffer", dir, settings.BufferDir.Wants())
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
		if err := settings.BufferMaxBytes.Check("otlp.MaxBytes", n); err != nil {
			return err
		}
		c.bytes = n
		return nil
	})
}

// MaxAge bounds for how long something is kept, from a minute to 30 days. What
// is older is dropped. Default: RUSMES_OTLP_BUFFER_MAX_AGE, else 24 h.
func MaxAge(d time.Duration) BufferOption {
	return bufferOption(func(c *bufferChoice) error {
		if err := settings.BufferMaxAge.Check("otlp.MaxAge", int64(d)); err != nil {
			return err
		}
		c.age = d
		return nil
	})
}

// buffer resolves the settings of the buffer. dir is empty if there is none.
func (e *environment) buffer(chosen bufferChoice) bufferChoice {
	if chosen.dir == "" {
		chosen.dir, chosen.setting = e.String(settings.BufferDir)
	}
	if chosen.bytes == 0 {
		chosen.bytes = e.Size(settings.BufferMaxBytes)
	}
	if chosen.age == 0 {
		chosen.age = e.Duration(settings.BufferMaxAge)
	}
	return chosen
}
