package otelmail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"go.opentelemetry.io/otel/log"
	lognoop "go.opentelemetry.io/otel/log/noop"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/internal/logtee"
	"github.com/rusmes/otelmail/internal/stop"
)

// Telemetry records what a mail server does, one field for each area. The
// fields are never nil, whatever [Start] or [New] returned.
type Telemetry struct {
	SMTP     *SMTP
	IMAP     *IMAP
	JMAP     *JMAP
	POP3     *POP3
	Mail     *Mail
	Queue    *Queue
	Delivery *Delivery
	DNS      *DNS
	Storage  *Storage
	WebPush  *WebPush
	Filter   *Filter
	Host     *Host

	// Health holds the checks behind /health, /ready and /live.
	Health *health.Registry

	providers   providers
	binder      *binder
	stopper     *stop.Stopper
	logger      *slog.Logger
	localLogger *slog.Logger
	ownLogger   *slog.Logger // what telemetry has to say itself, which is not counted
	tee         *logtee.Tee
	exportLevel slog.Level
	reader      *Reader
	redactor    *redactor
	logRecords  []*count.Counter
}

// orNoop is a working Telemetry in the place of nil and of the zero value.
func (t *Telemetry) orNoop() *Telemetry {
	if t == nil || t.binder == nil {
		return Noop()
	}
	return t
}

// orEmpty is an area in the place of nil, as a zero Telemetry has them: what it is
// made of is nil, too, and counts and traces nothing.
func orEmpty[T any](area *T) *T {
	if area == nil {
		return new(T)
	}
	return area
}

// providers are where telemetry goes.
type providers struct {
	meter      metric.MeterProvider
	tracer     trace.TracerProvider
	logger     log.LoggerProvider
	propagator propagation.TextMapPropagator
}

// Reader is the source of all metrics that [Start] has built: give it to
// exporters/prometheus.NewHandler for a page of the application's own server. It is nil
// after [New], where the application makes one with [NewReader].
func (t *Telemetry) Reader() *Reader { return t.orNoop().reader }

// MeterProvider is where the series are bound: for instruments of the
// application's own.
func (t *Telemetry) MeterProvider() metric.MeterProvider { return t.orNoop().providers.meter }

// TracerProvider is where spans are made.
func (t *Telemetry) TracerProvider() trace.TracerProvider { return t.orNoop().providers.tracer }

// LoggerProvider is where log records go that are to leave over OTLP.
func (t *Telemetry) LoggerProvider() log.LoggerProvider { return t.orNoop().providers.logger }

// Propagator is how trace context travels between processes.
func (t *Telemetry) Propagator() propagation.TextMapPropagator {
	return t.orNoop().providers.propagator
}

// RotateHashKey hashes everything from now on with another key, of at least 16
// bytes: what was hashed before no longer correlates with what comes.
func (t *Telemetry) RotateHashKey(key []byte) error {
	if err := checkHashKey("RotateHashKey", key); err != nil {
		return err
	}
	t.orNoop().redactor.setKey(append([]byte(nil), key...))
	return nil
}

// Forms returns what stands in telemetry, by the privacy policy and the key in force, for text that
// is an address, a user's name or a message id: so what was recorded about somebody can be found,
// in a trace backend or by [exporters/live], without keeping the address. See export.Pipeline. It is
// nil with [PrivacyNone], and for "".
//
// [exporters/live]: https://pkg.go.dev/github.com/rusmes/otelmail/exporters/live
func (t *Telemetry) Forms(text string) []string { return t.orNoop().redactor.forms(text) }

// Shutdown turns /ready off, flushes and stops every part, and returns what
// could not be delivered: how much, and where to. The parts stop in parallel and
// each has until ctx's deadline, or 5 s ([WithShutdownTimeout]) when ctx has
// none: a collector that is away takes no time from the others. It returns
// within the deadline even if a part hangs. A second call waits for the first
// and returns the same.
//
// Take no new mail and let the open sessions end before calling it, or have [Telemetry.Drain]
// do that, and call this.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	t = t.orNoop()
	t.Health.Drain()
	return t.stopper.Stop(ctx)
}

// Value reads a counter or gauge of the catalogue as it is now: name as in
// [Catalog], without namespace, and one value for each of its labels. It costs
// a few atomic loads or, for an observed gauge, a call of its function.
// Histograms, ratios and times in seconds cannot be read this way: collect them.
func (t *Telemetry) Value(name string, labels ...string) (int64, error) {
	read, ok := t.orNoop().binder.index[name]
	if !ok {
		return 0, fmt.Errorf("otelmail: value of %q: not a counter or gauge of whole numbers in the catalogue, whose names have no namespace here", name)
	}
	v, ok := read(labels)
	if !ok {
		return 0, fmt.Errorf("otelmail: value of %q: no series has the labels [%s]; it is told apart by [%s]",
			name, strings.Join(labels, " "), strings.Join(labelsOf(name), " "))
	}
	return v, nil
}

// labelsOf are the label keys of a series of the catalogue.
func labelsOf(name string) (keys []string) {
	for _, d := range definitions {
		if d.Name == name {
			for _, l := range d.Labels {
				keys = append(keys, l.Key)
			}
		}
	}
	return keys
}

// bind makes a Telemetry on providers with what b binds to them. It returns a
// working one beside an error.
func bind(c *config, p providers, b *binder, exports ...func() []export.Stats) (*Telemetry, error) {
	_, off := p.tracer.(tracenoop.TracerProvider)
	tr := &tracer{
		Tracer:   p.tracer.Tracer(ScopeName, trace.WithInstrumentationVersion(Version), trace.WithSchemaURL(scope().SchemaURL)),
		redactor: c.redactor(),
		// The application's own provider may have a sampler that samples children of unsampled spans.
		inherits: c.inherits,
		random:   c.sampler != nil,
		idsOnly:  c.idsOnly,
		keeper:   c.keeper,
		off:      off,
		events:   newMailEvents(c, p.logger),
	}
	t := &Telemetry{Health: c.health, exportLevel: c.log.export, redactor: tr.redactor, providers: p, binder: b, stopper: &stop.Stopper{Timeout: c.shutdownTimeout}}
	in, out := newHandshakes(b)
	conns := newConnections(b, in, c.open)
	last := newLastSuccess(b)
	t.SMTP = newSMTP(b, tr, conns, newDomains(b, c.domainLimit, c.pinned), last)
	t.IMAP = newIMAP(b, tr, conns)
	t.JMAP = newJMAP(b, tr, conns)
	t.POP3 = &POP3{tracer: tr, conns: conns}
	t.Mail = newMail(b, tr)
	t.Queue = newQueue(b, tr, c.linkAfter, c.handle)
	t.Delivery = newDelivery(b, tr, t.Mail, t.Queue, out, last)
	t.DNS = newDNS(b)
	t.Storage = newStorage(b, tr, c.handle)
	t.WebPush = newWebPush(b, tr)
	bindHealth(b, c.health)
	t.Filter = newFilter(b)
	t.Host = newHost(b, tr, c.version, c.handle)
	t.SMTP.senders = newSenders(b, tr.redactor, c.hashKey != nil)
	c.localDomains.follow(t)
	t.logRecords = b.counters(logRecords)
	stats := newExportStats(exports, c.handle)
	c.self.bind(b, stats)
	b.bindSources()
	bindSDK(b, stats)
	registration, err := b.register()
	if err != nil {
		return t, fmt.Errorf("bind the instruments: %w", err)
	}
	t.stopper.Last = append(t.stopper.Last, stop.Part{Name: "instruments", Run: func(context.Context) error {
		return registration.Unregister()
	}})
	t.stopper.Parallel = append(t.stopper.Parallel, stop.Part{Name: "what is watched", Run: t.Host.sources.stop})
	return t, nil
}

// Noop returns a Telemetry that records nothing, for tests and for servers that
// run without telemetry. Its probes answer, with the checks that are registered. It
// needs no shutdown, except to end these.
func Noop() *Telemetry {
	t := noop(newConfig())
	if err := t.startHealth(); err != nil { // a registry of its own has not been started or stopped
		panic(err)
	}
	return t
}

func noop(c *config) *Telemetry {
	if c.health == nil {
		c.health = health.New()
	}
	c.log.mailEvents, c.localDomains = false, nil
	p := providers{
		meter:      metricnoop.NewMeterProvider(),
		tracer:     tracenoop.NewTracerProvider(),
		logger:     lognoop.NewLoggerProvider(),
		propagator: propagation.NewCompositeTextMapPropagator(),
	}
	t, err := bind(c, p, newBinder(p.meter, c.namespace))
	if err != nil { // the no-op provider refuses nothing
		panic(err)
	}
	t.setLog(c, stderrLog())
	return t
}

// New binds a Telemetry to providers that the application already has: those of
// the options, by default OpenTelemetry's global ones. It builds no pipeline;
// exporters are the application's. The only environment variables it reads are
// RUSMES_LOG_*, RUSMES_LOCAL_DOMAINS_FILE, RUSMES_QUEUE_LINK_AFTER and
// RUSMES_STRICT_SETTINGS; a wrong one is what it is to [Start].
// For the same series on the same buckets, give the application's MeterProvider the
// [Reader.Views]. At the end shut its providers down first, and then the Telemetry: what they
// push last is read from it.
//
// Beside an error it returns a Telemetry that records nothing.
func New(opts ...NewOption) (*Telemetry, error) {
	c, err := apply(opts, NewOption.applyToNew)
	if err != nil {
		return noop(c), fmt.Errorf("otelmail: new: %w", err)
	}
	if c.health == nil {
		c.health = health.New()
	}
	if err := registerChecks(c); err != nil {
		return noop(c), fmt.Errorf("otelmail: new: %w", err)
	}
	env := c.env()
	c.readQueue(env)
	c.readLocalDomains(env)
	log, err := openLog(c, env)
	if err = errors.Join(err, c.lookupFailed); err != nil {
		return noop(c), fmt.Errorf("otelmail: new: %w", err)
	}
	_, c.version = serviceDefaults()
	p := c.providers()
	t, err := bind(c, p, newBinder(p.meter, c.namespace))
	t.setLog(c, log)
	if err == nil {
		t.logHealth()
		err = t.startHealth()
	}
	if err != nil { // undo what was bound or opened
		err = errors.Join(err, t.stopper.Stop(context.Background()))
		return noop(c), fmt.Errorf("otelmail: new: %w", err)
	}
	return t, nil
}
