package otelmail

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/guard"
	"github.com/rusmes/otelmail/internal/sampling"
	"github.com/rusmes/otelmail/internal/settings"
)

// config is all that the options set. Zero values mean "not set".
type config struct {
	namespace       string
	serviceName     string
	serviceVersion  string
	version         string // of the build: service.version of the resource, or the main module's
	attributes      []attribute.KeyValue
	meterProvider   metric.MeterProvider
	tracerProvider  trace.TracerProvider
	loggerProvider  log.LoggerProvider
	propagator      propagation.TextMapPropagator
	sampler         sdktrace.Sampler
	inherits        bool           // see tracer.inherits
	idsOnly         *idTracer      // see tracer.idsOnly
	linkAfter       *time.Duration // see Queue.linkAfter; nil for not set
	keep            *Keep          // nil for not set
	keeper          *keeper        // nil where every span leaves as it ends
	open            *openSessions
	keepGlobals     bool
	exponential     bool
	shutdownTimeout time.Duration
	health          *health.Registry
	exporters       []export.Exporter
	checks          []check
	privacy         Privacy
	hashKey         []byte
	redact          *redactor // see redactor
	domainLimit     int
	pinned          []string
	localDomains    *localDomains // nil without a file
	log             logConfig
	self            *self
	handle          func(error)
	reports         *reports // what handle is without WithErrorHandler
	lookup          settings.LookupEnv
	lookupFailed    error // where the application's function has panicked
	hooks           guard.Hooks
	strict          bool
}

func newConfig() *config {
	r := &reports{}
	return &config{
		namespace:       settings.Namespace,
		shutdownTimeout: 5 * time.Second,
		domainLimit:     200,
		handle:          r.report,
		reports:         r,
		lookup:          os.LookupEnv,
		self:            newSelf(),
		open:            &openSessions{},
	}
}

// WithNamespace sets the prefix of every metric name, in place of the default
// "rusmes". Letters, digits and underscores, at most 63, the first a letter.
func WithNamespace(namespace string) SeriesOption {
	return seriesOption(func(c *config) error {
		if err := settings.CheckNamespace("WithNamespace", namespace); err != nil {
			return err
		}
		c.namespace = namespace
		return nil
	})
}

// WithExponentialHistograms makes every histogram an exponential one, of the
// catalogue and of the application: a native histogram on /metrics for a
// Prometheus that scrapes protobuf, an exponential one over OTLP. The text formats
// then show count and sum alone. Default: the documented buckets
// (explicit_bucket_histogram). OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION
// does it for the push alone.
func WithExponentialHistograms() FormOption {
	return formOption(func(c *config) error { c.exponential = true; return nil })
}

// WithService sets service.name and service.version of the resource. Default:
// OTEL_SERVICE_NAME, then RUSMES_TRACING_SERVICE_NAME, then the program's own
// name; the version of the main module. An empty version keeps that default.
func WithService(name, version string) StartOption {
	return startOption(func(c *config) error {
		if name == "" {
			return settings.Invalid("WithService", name, "a name that is not empty")
		}
		c.serviceName, c.serviceVersion = name, version
		return nil
	})
}

// WithResourceAttributes adds attributes to the resource; they win over
// OTEL_RESOURCE_ATTRIBUTES. Default: none.
func WithResourceAttributes(attrs ...attribute.KeyValue) StartOption {
	return startOption(func(c *config) error {
		for _, kv := range attrs {
			if !kv.Valid() {
				return settings.Invalid("WithResourceAttributes", string(kv.Key), "attributes with a key and a value")
			}
		}
		c.attributes = append(c.attributes, attrs...)
		return nil
	})
}

// WithMeterProvider binds the instruments to mp. Default: the global one.
func WithMeterProvider(mp metric.MeterProvider) NewOption {
	return newOption(func(c *config) error {
		if mp == nil {
			return settings.Invalid("WithMeterProvider", "nil", "a MeterProvider")
		}
		c.meterProvider = mp
		return nil
	})
}

// WithTracerProvider makes the spans with tp. Default: the global one.
func WithTracerProvider(tp trace.TracerProvider) NewOption {
	return newOption(func(c *config) error {
		if tp == nil {
			return settings.Invalid("WithTracerProvider", "nil", "a TracerProvider")
		}
		c.tracerProvider = tp
		return nil
	})
}

// WithLoggerProvider emits log records through lp. Default: the global one.
func WithLoggerProvider(lp log.LoggerProvider) NewOption {
	return newOption(func(c *config) error {
		if lp == nil {
			return settings.Invalid("WithLoggerProvider", "nil", "a LoggerProvider")
		}
		c.loggerProvider = lp
		return nil
	})
}

// WithPropagator sets how trace context travels. Default: in Start OTEL_PROPAGATORS,
// else W3C tracecontext and baggage; in New the global one.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return option(func(c *config) error {
		if p == nil {
			return settings.Invalid("WithPropagator", "nil", "a TextMapPropagator")
		}
		c.propagator = p
		return nil
	})
}

// WithSampler sets which traces are recorded. Unlike with [WithSampleRatio] and
// OTEL_TRACES_SAMPLER, it is asked about every span, those within an unsampled one
// too. Of a trace that is linked to another it finds that one's randomness in the tracestate
// (ot=rv:…); a ProbabilitySampler of OpenTelemetry's specification then decides alike.
// Default: OTEL_TRACES_SAMPLER, else parentbased_traceidratio with the ratio of
// OTEL_TRACES_SAMPLER_ARG, then RUSMES_TRACING_SAMPLE_RATIO, else 1.0.
func WithSampler(s sdktrace.Sampler) StartOption {
	return startOption(func(c *config) error {
		if s == nil {
			return settings.Invalid("WithSampler", "nil", "a Sampler")
		}
		c.sampler, c.inherits = s, false
		return nil
	})
}

// WithSampleRatio records the given share of new traces, 0.0 to 1.0, to four significant
// hexadecimal digits; spans with a parent follow it, and so do traces that are linked to it.
// Each span's tracestate says which share it stands for (ot=th:…, OpenTelemetry's consistent
// probability sampling). Default: see [WithSampler].
func WithSampleRatio(ratio float64) StartOption {
	return startOption(func(c *config) error {
		if !(ratio >= 0 && ratio <= 1) {
			return settings.Invalid("WithSampleRatio", fmt.Sprint(ratio), settings.TracesSamplerArg.Wants())
		}
		c.sampler, c.inherits = sampling.ParentBased(sampling.Probability(ratio)), true
		return nil
	})
}

// WithQueueLinkAfter has work on a message that has been in the queue for age or longer,
// 0 to 30 days, begin a trace of its own, which is linked to that of the session that
// accepted the message; younger ones go on in that trace. 0 links all, as OpenTelemetry's
// conventions for messaging have it. 30 s suits the tail sampling of a Collector, which
// decides so long after a trace has begun (decision_wait) and judges what comes later
// without the rest. Default: RUSMES_QUEUE_LINK_AFTER, else never: a message is one trace,
// however late it is tried.
func WithQueueLinkAfter(age time.Duration) Option {
	return option(func(c *config) error {
		if err := settings.QueueLinkAfter.Check("WithQueueLinkAfter", int64(age)); err != nil {
			return err
		}
		c.linkAfter = &age
		return nil
	})
}

// WithoutGlobals keeps Start from installing its providers and propagator as
// OpenTelemetry's global ones. Default: they are installed, so that otelhttp,
// otelsql and the like join in.
func WithoutGlobals() StartOption {
	return startOption(func(c *config) error { c.keepGlobals = true; return nil })
}

// WithShutdownTimeout bounds Shutdown even when its context has no deadline, 1 ms to a
// day. Default 5 s.
func WithShutdownTimeout(d time.Duration) Option {
	return option(func(c *config) error {
		if err := settings.CheckMillis("WithShutdownTimeout", d); err != nil {
			return err
		}
		c.shutdownTimeout = d
		return nil
	})
}

// WithHealth uses a registry that the application already has, but has not started: Start
// and New start it, and Shutdown stops it. Default: a new one, to be reached as
// Telemetry.Health.
func WithHealth(r *health.Registry) Option {
	return option(func(c *config) error {
		if r == nil {
			return settings.Invalid("WithHealth", "nil", "a health.Registry")
		}
		c.health = r
		return nil
	})
}

// WithExporter adds a way by which telemetry leaves. Default: none, so that
// Start alone records but neither serves nor pushes.
func WithExporter(e export.Exporter) StartOption {
	return startOption(func(c *config) error {
		if e == nil {
			return settings.Invalid("WithExporter", "nil", "an export.Exporter")
		}
		c.exporters = append(c.exporters, e)
		return nil
	})
}

// WithPrivacy says what of addresses, names and ids may leave the process.
// Default [PrivacyDomain].
func WithPrivacy(p Privacy) Option {
	return option(func(c *config) error {
		if p >= privacyEnd {
			return settings.Invalid("WithPrivacy", strconv.Itoa(int(p)), "PrivacyDomain, PrivacyHash, PrivacyFull or PrivacyNone")
		}
		c.privacy = p
		return nil
	})
}

// WithHashKey sets the key of the keyed hashes (user.hash), 16 bytes at least, and has
// messages_per_sender_total and sender_networks tell users apart by them.
// Give every process of a fleet the same key and the hashes correlate; change
// it ([Telemetry.RotateHashKey] while running) and they no longer do. Default: a
// random key for each process.
func WithHashKey(key []byte) Option {
	return option(func(c *config) error {
		if err := checkHashKey("WithHashKey", key); err != nil {
			return err
		}
		c.hashKey = append([]byte(nil), key...)
		return nil
	})
}

// WithLocalDomains makes messages_per_domain_total always show these domains, from
// 0 on, beside the busiest ones and those of the file that RUSMES_LOCAL_DOMAINS_FILE
// names. Give every server of a fleet the same: each shows its own busiest, and a sum over
// all servers is whole for domains that each of them shows. Default: none.
func WithLocalDomains(domains ...string) SeriesOption {
	return seriesOption(func(c *config) error {
		for _, d := range domains {
			name := clean.Domain(d)
			if name == clean.OtherDomain {
				return settings.Invalid("WithLocalDomains", d, "domain names")
			}
			c.pinned = append(c.pinned, name)
		}
		return nil
	})
}

// checkHashKey refuses a key that could be guessed. The value is a secret and
// stays out of the error.
func checkHashKey(who string, key []byte) error {
	const least = 16
	if len(key) < least {
		return fmt.Errorf("%s: a key of %d bytes is not allowed: want %d bytes or more", who, len(key), least)
	}
	return nil
}

// WithDomainLimit sets how many recipient domains messages_per_domain_total
// shows by name beside the local ones, 0 to 100,000: the busiest. The rest count
// under domain="_other", so that the sum is exact. Default 200. With 0 and no
// local domains the series is left out altogether.
func WithDomainLimit(n int) SeriesOption {
	return seriesOption(func(c *config) error {
		if err := settings.CheckNumber("WithDomainLimit", n, 0, 100_000); err != nil {
			return err
		}
		c.domainLimit = n
		return nil
	})
}

// WithErrorHandler receives what goes wrong in the background and, before [Start] or
// [New] returns, the warnings of wrong variables. It must be safe for concurrent use, and
// is called in a goroutine of its own with 1 s to return: while a call hangs, further
// errors are dropped. Default: the one that the application has set with
// [otel.SetErrorHandler], else a line of the local log at level warn. Start makes the latter
// OpenTelemetry's own ([otel.Handle]), too, unless the application has set one or
// [WithoutGlobals] is given.
func WithErrorHandler(handle func(error)) SeriesOption {
	return seriesOption(func(c *config) error {
		if handle == nil {
			return settings.Invalid("WithErrorHandler", "nil", "a function")
		}
		c.handle = handle
		return nil
	})
}

// WithStrictSettings makes every wrong variable of the environment stop start-up, as a
// wrong option does. Default: RUSMES_STRICT_SETTINGS, else false: most are a warning, see
// [Start].
func WithStrictSettings() Option {
	return option(func(c *config) error { c.strict = true; return nil })
}

// WithLookupEnv replaces the environment that otelmail's own settings are read
// from. Default [os.LookupEnv].
func WithLookupEnv(lookup func(name string) (value string, set bool)) Option {
	return option(func(c *config) error {
		if lookup == nil {
			return settings.Invalid("WithLookupEnv", "nil", "a function like os.LookupEnv")
		}
		c.lookup = lookup
		return nil
	})
}
