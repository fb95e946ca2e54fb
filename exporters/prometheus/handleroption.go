package prometheus

import (
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"

	"github.com/rusmes/otelmail/internal/contain"
	"github.com/rusmes/otelmail/internal/settings"
)

// HandlerOption configures [NewHandler]. Each is an [Option] of the server too.
type HandlerOption interface {
	Option
	applyHandler(*handlerConfig) error
}

type handlerOption func(*handlerConfig) error

func (f handlerOption) applyHandler(c *handlerConfig) error { return f(c) }

func (f handlerOption) applyServer(c *serverConfig) error {
	c.handlerOptions = append(c.handlerOptions, f)
	return nil
}

type handlerConfig struct {
	namespace   string
	handle      func(error)
	runtime     bool
	openMetrics bool
	collectors  []prom.Collector
	gatherers   []prom.Gatherer
	concurrent  int
	timeout     time.Duration
	reserve     *reserve // of the server; empty without
}

func defaultHandlerConfig() *handlerConfig {
	return &handlerConfig{
		namespace:   settings.Namespace,
		handle:      contain.Handler(otel.Handle),
		runtime:     true,
		openMetrics: true,
		concurrent:  4,
		timeout:     10 * time.Second,
		reserve:     &reserve{},
	}
}

// WithErrorHandler receives what goes wrong in the background, at most once a
// minute for each reason. It must be safe for concurrent use. Default: that of the
// [otelmail.Reader], else [otel.Handle].
func WithErrorHandler(handle func(error)) HandlerOption {
	return handlerOption(func(c *handlerConfig) error {
		if handle == nil {
			return settings.Invalid("WithErrorHandler", "nil", "a function")
		}
		c.handle = contain.Handler(handle)
		return nil
	})
}

// WithoutRuntimeMetrics leaves out the process_* and go_* series. Default: they
// are on the page.
func WithoutRuntimeMetrics() HandlerOption {
	return handlerOption(func(c *handlerConfig) error { c.runtime = false; return nil })
}

// WithoutOpenMetrics answers clients that ask for OpenMetrics in the classic
// text, without exemplars. OpenMetrics writes le="1.0" where the classic text
// has le="1", which are different series for a Prometheus before 3.0.
// Default: OpenMetrics is offered.
func WithoutOpenMetrics() HandlerOption {
	return handlerOption(func(c *handlerConfig) error { c.openMetrics = false; return nil })
}

// WithCollectors adds the application's own client_golang collectors, each kept
// apart: one that fails, panics, hangs or repeats a series does not affect others.
// A series that the page already has is left out. Default: none.
func WithCollectors(collectors ...prom.Collector) HandlerOption {
	return handlerOption(func(c *handlerConfig) error {
		for _, col := range collectors {
			if col == nil {
				return settings.Invalid("WithCollectors", "nil", "a prometheus.Collector")
			}
		}
		c.collectors = append(c.collectors, collectors...)
		return nil
	})
}

// WithGatherers adds whole registries, kept apart like collectors are. The go_*
// and process_* series of prometheus.DefaultGatherer may be among theirs: they
// are shown once. So are the instruments that an OpenTelemetry exporter of the
// application's own shows too, in one of these registries: those of the Reader stand,
// and theirs, which have the label otel_scope_name, are left out. Default: none.
func WithGatherers(gatherers ...prom.Gatherer) HandlerOption {
	return handlerOption(func(c *handlerConfig) error {
		for _, g := range gatherers {
			if g == nil {
				return settings.Invalid("WithGatherers", "nil", "a prometheus.Gatherer")
			}
		}
		c.gatherers = append(c.gatherers, gatherers...)
		return nil
	})
}

// WithMaxConcurrentScrapes sets how many scrapes are collected at the same time,
// 1 to 1000. Four times as many may be under way in all, the others being sent
// to slow readers. A scrape beyond that gets 503 with Retry-After. Default 4.
func WithMaxConcurrentScrapes(n int) HandlerOption {
	return handlerOption(func(c *handlerConfig) error {
		if err := settings.CheckNumber("WithMaxConcurrentScrapes", n, 1, 1000); err != nil {
			return err
		}
		c.concurrent = n
		return nil
	})
}

// WithScrapeTimeout bounds the time for collecting a page and, separately, the time
// for sending it, from 1 ms to 5 min. When the scraper says how long it waits (the
// header X-Prometheus-Scrape-Timeout-Seconds), nine tenths of that bound the
// collecting, if shorter. A scrape that is late is answered with 503; an added
// collector or gatherer that is late is left out. Default 10 s.
func WithScrapeTimeout(d time.Duration) HandlerOption {
	return handlerOption(func(c *handlerConfig) error {
		if err := settings.CheckDuration("WithScrapeTimeout", d, time.Millisecond, 5*time.Minute); err != nil {
			return err
		}
		c.timeout = d
		return nil
	})
}
