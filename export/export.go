// Package export is how telemetry leaves the process: what an exporter is, and what it
// gets to work with. [exporters/otlp] pushes, [exporters/prometheus] is scraped; an
// application may add exporters of its own with otelmail.WithExporter.
//
// [exporters/otlp]: https://pkg.go.dev/github.com/rusmes/otelmail/exporters/otlp
// [exporters/prometheus]: https://pkg.go.dev/github.com/rusmes/otelmail/exporters/prometheus
package export

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail/health"
)

// Exporter is a way by which telemetry leaves the process.
type Exporter interface {
	// Open reads and checks the exporter's options and settings and adds its
	// parts to the pipeline. It may bind a listener and it may start
	// goroutines, as long as everything it started is stopped by what it gave
	// to [Pipeline].OnShutdown: Start calls that too when a later exporter
	// fails. It must not wait for a remote peer: one that is not there yet is
	// no error.
	Open(ctx context.Context, p Pipeline) error
}

// Func makes a function an [Exporter].
type Func func(ctx context.Context, p Pipeline) error

// Open calls f.
func (f Func) Open(ctx context.Context, p Pipeline) error { return f(ctx, p) }

// Reader is a source of metrics that is guarded as otelmail.Reader is, which it is.
type Reader interface {
	sdkmetric.Reader
	sdkmetric.Producer
}

// Pipeline is what otelmail.Start is building, as an [Exporter] sees it. Methods may be
// added to it.
type Pipeline interface {
	// Disabled reports OTEL_SDK_DISABLED=true: an exporter then exports nothing. A
	// server of health probes still serves them.
	Disabled() bool
	// Resource describes the process: service.name, host, OTEL_RESOURCE_ATTRIBUTES.
	Resource() *resource.Resource
	// Reader is the one guarded source of all metrics. It yields data from the
	// moment that Start returns.
	Reader() Reader
	// Health is the registry behind /health, /ready and /live.
	Health() *health.Registry
	// LookupEnv reads one environment variable, or the stand-in that
	// otelmail.WithLookupEnv gave. A variable that an option of Start wins over is unset.
	LookupEnv(name string) (value string, set bool)
	// StrictSettings says what becomes of a wrong variable: true makes it an error of
	// Open. Otherwise it is a warning to HandleError, and the default holds; unless it
	// guards something that a default must not take the place of.
	StrictSettings() bool
	// Forms returns what stands in telemetry, by the privacy policy and the key in force,
	// for text that is an address, a user's name or a message id: its keyed hashes, and
	// with otelmail.PrivacyFull the text. So what was recorded about an address can be
	// found without keeping the address. It is nil with otelmail.PrivacyNone, and for "".
	Forms(text string) []string
	// Sessions returns what lists the sessions that are open, the oldest first: at most that
	// many, of one protocol ("smtp", "lmtp", "imap", "jmap" or "pop3") or with "" of all. The
	// sessions that begin from then on are kept for it; without a call none are.
	Sessions() func(protocol string, most int) []Session
	// HandleError reports what went wrong in the background, see
	// otelmail.WithErrorHandler.
	HandleError(err error)
	// AddReader adds a further reader to the MeterProvider, for what the common one
	// cannot give: another temporality or aggregation. Each further reader costs
	// every histogram record once more.
	AddReader(r sdkmetric.Reader)
	// NewReader adds a further reader that is guarded as the common one is, for
	// another temporality or for exponential histograms beside the documented
	// buckets of the page. With cumulative temporality it also shows the catalogue's
	// histograms in which nothing was recorded; with delta it leaves them out.
	NewReader(temporality sdkmetric.TemporalitySelector, exponential bool) Reader
	// AddSpanProcessor adds sp to the TracerProvider. The exporter stops it in
	// OnShutdown.
	AddSpanProcessor(sp sdktrace.SpanProcessor)
	// AddLogProcessor adds lp to the LoggerProvider. The exporter stops it in
	// OnShutdown.
	AddLogProcessor(lp sdklog.Processor)
	// OnStats calls fn at each collection for the series telemetry_sent_total,
	// telemetry_dropped_total, telemetry_waiting and telemetry_deferred. fn must be fast and never block.
	OnStats(fn func() []Stats)
	// OfferPage offers a page for people to the exporter that serves HTTP. Start fails if
	// there is none.
	OfferPage(page Page)
	// OnPage says that the exporter serves HTTP: fn gets each page that is offered, once
	// all exporters are opened and before OnStart's functions. An error of fn fails Start.
	OnPage(fn func(page Page) error)
	// OnStart calls fn once the providers exist and metrics can be collected.
	OnStart(name string, fn func(context.Context) error)
	// OnShutdown calls fn to flush and stop one part. All parts are stopped in
	// parallel, each with the whole deadline, so that one that hangs takes nothing
	// from the others. fn's error says how much could not be delivered and where to.
	OnShutdown(name string, fn func(context.Context) error)
}

// Session is a session that is open.
type Session struct {
	Begun time.Time
	// Command is the one that the client waits for an answer to, of several the last, as
	// smtp.command, imap.command and pop3.command of the spans name it, and Asked when it began.
	// They are zero while there is none, and for JMAP.
	Command string
	Asked   time.Time
	// About is what the spans of a session have of its connection (network.*, client.*,
	// server.*, tls.*) and of who has logged in or tries to (user.*), as far as the privacy
	// policy allows.
	About []attribute.KeyValue
}

// Page is a page for people that one exporter makes and another serves. It shows what
// strangers must not see: whoever serves it does so behind a password or a client
// certificate, or on loopback alone.
type Page struct {
	Name string // what the application asked for it with, for errors: "live.Serve"
	// Handler returns what answers "/" and all paths that the server has nothing else for;
	// links are the paths of what else there is. It is called once, if the page is served,
	// while all that a [Pipeline] has for Open can still be called.
	Handler func(links []string) (http.Handler, error)
}

// Stats says what one exporter has done with one signal since the start, in
// spans, log records or metric points.
type Stats struct {
	Signal  string // "traces", "metrics" or "logs"
	Sent    int64  // taken by the receiver
	Dropped int64  // given up: queue full, too old, refused
	Waiting int64  // still to be sent

	// Deferred is the part of Waiting that is set aside: the receiver does not take it,
	// although it takes what comes after it.
	Deferred int64
}
