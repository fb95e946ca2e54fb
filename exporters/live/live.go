package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/live/internal/life"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/report"
)

// Serve makes otelmail.Start show the page at "/" of the server that serves /metrics, see
// exporters/prometheus. Start fails where strangers would see it: it wants that server's
// password or client certificate, or an address of this machine alone.
func Serve(opts ...Option) otelmail.StartOption { return otelmail.WithExporter(servedPage{opts}) }

// servedPage is the page on the server of another exporter.
type servedPage struct{ opts []Option }

// Open implements [export.Exporter].
func (s servedPage) Open(_ context.Context, p export.Pipeline) error {
	h := NewHandler(s.opts...)
	c, err := newConfig(s.opts)
	if err != nil || p.Disabled() {
		return wrapped(err)
	}
	p.OfferPage(export.Page{Name: pageName, Handler: func(links []string) (http.Handler, error) {
		return h, wrapped(h.open(p, c, links))
	}})
	return nil
}

const pageName = "live.Serve"

// Handler is the page for a mux of the application's own: an [http.Handler], and an
// exporter that feeds it. It is for one otelmail.Start, or one otelmail.New. Before that, and
// with OTEL_SDK_DISABLED=true, it answers 503.
type Handler struct {
	opts     []Option
	opened   atomic.Bool
	routes   atomic.Pointer[http.Handler]
	attached atomic.Pointer[attached]
}

// NewHandler returns a Handler. Give it to [otelmail.WithExporter], and mount it on a mux
// under a path that ends in "/", with http.StripPrefix; whoever reaches it sees who sends
// mail to whom, so ask for a password. Its options are checked by otelmail.Start. Where the
// application has providers of its own, and otelmail.New, see [Handler.Attach].
func NewHandler(opts ...Option) *Handler { return &Handler{opts: opts} }

// Open implements [export.Exporter].
func (h *Handler) Open(_ context.Context, p export.Pipeline) error {
	c, err := newConfig(h.opts)
	if err == nil && !p.Disabled() {
		err = h.open(p, c, nil)
	}
	return wrapped(err)
}

func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("live: %w", err)
}

// ServeHTTP answers for the page, its files and its API.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	routes := h.routes.Load()
	if routes == nil {
		unavailable(w, "there is no telemetry to show")
		return
	}
	(*routes).ServeHTTP(w, r)
}

// open begins to keep events and series; what it began is ended by what p calls at
// Shutdown.
func (h *Handler) open(p export.Pipeline, c *config, links []string) error {
	store, l, err := h.begin(c, links, source{p.Reader(), p.Health(), p.Forms, p.Sessions(), p.HandleError, p.Resource()})
	if err != nil {
		return err
	}
	p.AddLogProcessor(store.Processor())
	p.OnShutdown("live events", store.Close)
	p.OnStart("live series", l.start)
	p.OnShutdown("live series", l.stop)
	return nil
}

// source is what a page shows.
type source struct {
	reader   export.Reader
	health   *health.Registry
	forms    func(text string) []string
	sessions func(protocol string, most int) []export.Session
	handle   func(error)
	resource *resource.Resource
}

// begin makes what answers requests, the store for the events, and the loop that reads the
// series.
func (h *Handler) begin(c *config, links []string, from source) (*life.Store, *loop, error) {
	if h.opened.Swap(true) {
		return nil, nil, errors.New("this Handler is in use: make one for each Start")
	}
	reporter := report.New(from.handle, func(err error) string { return "live: " + err.Error() })
	store, err := life.Open(life.Config{MaxBytes: c.maxBytes, Dir: c.dir, MaxAge: c.age, Setting: "Keep", Forms: from.forms,
		Report: func(err error) { reporter.Report("events", err) }})
	if err != nil {
		return nil, nil, err
	}
	about := from.resource.Set()
	name, _ := about.Value(semconv.ServiceNameKey)
	version, _ := about.Value(semconv.ServiceVersionKey)
	namespace := ""
	if r, ours := from.reader.(*otelmail.Reader); ours {
		namespace = r.Namespace()
	}
	s := newSampler(from.reader, namespace, from.health, service{name.AsString(), version.AsString(), time.Now().UTC().Truncate(time.Second)})
	s.blamer = &blamer{failures: store.Failures}
	v := newViewers(c.viewers)
	routes := newRoutes(s, v, store, openSessions{from.sessions, newShared()}, page{Links: links, TraceLink: c.traceLink})
	h.routes.Store(&routes)
	return store, &loop{sampler: s, viewers: v, report: func(err error) { reporter.Report("series", err) }}, nil
}

// loop takes a sample each second, and hands it to who looks on.
type loop struct {
	sampler *sampler
	viewers *viewers
	report  func(error)
	cancel  context.CancelFunc
	ended   chan struct{}
}

// start makes the first sample itself, so that the page has something to show.
func (l *loop) start(ctx context.Context) error {
	if err := l.sampler.sample(ctx, time.Now()); err != nil {
		return err
	}
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.ended = make(chan struct{})
	go l.run(ctx)
	return nil
}

func (l *loop) run(ctx context.Context) {
	defer close(l.ended)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			within, done := context.WithTimeout(ctx, 10*time.Second)
			if err := l.sampler.sample(within, now); err == nil {
				l.viewers.show(l.sampler)
			} else if ctx.Err() == nil {
				l.report(err)
			}
			done()
		}
	}
}

// stop also ends a loop that never began because a later exporter failed.
func (l *loop) stop(ctx context.Context) error {
	l.viewers.close()
	if l.cancel == nil {
		return nil
	}
	l.cancel()
	select {
	case <-l.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("live: a collection of the series still runs: %w", ctx.Err())
	}
}
