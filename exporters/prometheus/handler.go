package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	prom "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/settings"
)

// Handler serves /metrics. Make one with [NewHandler]. It owns no goroutine and
// needs no closing.
type Handler struct {
	config   *handlerConfig
	formats  []expfmt.Format
	sources  []*source
	own      *prom.Registry // the page's own series, gathered after the sources
	problems *problems

	collecting chan struct{} // one entry for each page being made
	open       chan struct{} // one entry for each request being answered
}

// openPerCollecting is how many requests may be under way for each one that may
// be collecting.
const openPerCollecting = 4

// NewHandler returns a handler that serves what producer yields: the Reader of a
// Telemetry that Start has made ([otelmail.Telemetry.Reader]), or one made by
// [otelmail.NewReader] and registered with a MeterProvider of yours. It answers GET and HEAD, on any path. An error
// names the wrong option, the value and what is allowed.
func NewHandler(producer sdkmetric.Producer, opts ...HandlerOption) (*Handler, error) {
	h, err := newHandler(producer, opts)
	if err != nil {
		return nil, fmt.Errorf("prometheus: new handler: %w", err)
	}
	return h, nil
}

func newHandler(producer sdkmetric.Producer, opts []HandlerOption) (*Handler, error) {
	c := defaultHandlerConfig()
	if reader, ours := producer.(*otelmail.Reader); ours && reader != nil {
		c.namespace, c.handle = reader.Namespace(), reader.HandleError
	}
	var errs []error
	if reader, ours := producer.(*otelmail.Reader); producer == nil || ours && reader == nil {
		errs = append(errs, settings.Invalid("producer", "nil", "the Reader of a Telemetry that Start has made, one of otelmail.NewReader, or another sdkmetric.Producer"))
	}
	for i, opt := range opts {
		if opt == nil {
			errs = append(errs, fmt.Errorf("option %d is nil", i+1))
			continue
		}
		errs = append(errs, opt.applyHandler(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	h := &Handler{
		config:     c,
		formats:    expfmt.DefaultAcceptedFormats(),
		own:        prom.NewRegistry(),
		collecting: make(chan struct{}, c.concurrent),
		open:       make(chan struct{}, openPerCollecting*c.concurrent),
	}
	if c.openMetrics {
		h.formats = expfmt.DefaultOpenMetricsAcceptedFormats()
	}
	var err error
	if h.problems, err = newProblems(h.own, c.namespace, c.handle); err != nil {
		return nil, err
	}
	return h, h.addSources(producer)
}

// addSources adds the sources in order of precedence: of two with a series of the same
// name the earlier is shown. OpenTelemetry's metrics must stay the first, see gather.
func (h *Handler) addSources(producer sdkmetric.Producer) error {
	b, err := newBridge(producer)
	if err != nil {
		return err
	}
	h.addSource("OpenTelemetry metrics", b.gather)
	if h.config.runtime {
		r, err := runtimeRegistry(h.config.reserve)
		if err != nil {
			return err
		}
		h.addSource("runtime metrics", gathered("runtime metrics", r))
	}
	for i, col := range h.config.collectors {
		name := fmt.Sprintf("collector %d (%T)", i+1, col)
		r, err := register(col)
		if err != nil {
			return fmt.Errorf("WithCollectors: %s cannot be registered: %w", name, err)
		}
		h.addSource(name, gathered(name, r))
	}
	for i, g := range h.config.gatherers {
		name := fmt.Sprintf("gatherer %d (%T)", i+1, g)
		h.addSource(name, gathered(name, g))
	}
	return nil
}

func (h *Handler) addSource(name string, gather gatherFunc) {
	h.sources = append(h.sources, newSource(name, h.config.concurrent, gather))
}

// ServeHTTP answers a scrape.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h == nil || h.config == nil { // what NewHandler returns beside an error
		refuse(w, "there are no metrics here: the handler was not made")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are served here", http.StatusMethodNotAllowed)
		return
	}
	select {
	case h.open <- struct{}{}:
		defer func() { <-h.open }()
	default:
		h.refuseBusy(w)
		return
	}
	p, err := h.makePage(r)
	switch {
	case errors.Is(err, errBusy):
		h.refuseBusy(w)
	case err != nil:
		refuse(w, "the metrics could not be collected in time, try again later")
	default:
		defer p.release()
		p.send(w, h.config.timeout)
	}
}

var (
	errBusy = errors.New("too many scrapes at once")
	errLate = errors.New("not collected in time")
)

func (h *Handler) refuseBusy(w http.ResponseWriter) {
	h.problems.add(problem{reasonBusy, fmt.Errorf("a scrape is refused: %d are under way", h.config.concurrent)})
	refuse(w, "too many scrapes at once, try again later")
}

func refuse(w http.ResponseWriter, why string) {
	w.Header().Set("Retry-After", "5")
	http.Error(w, why, http.StatusServiceUnavailable)
}

// makePage makes the page, unless too many are being made already.
func (h *Handler) makePage(r *http.Request) (*page, error) {
	select {
	case h.collecting <- struct{}{}:
		defer func() { <-h.collecting }()
	default:
		return nil, errBusy
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeLimit(r.Header, h.config.timeout))
	defer cancel()
	families, err := h.gather(ctx)
	if err != nil {
		return nil, err
	}
	families = named(families, r.URL.Query()["name[]"])
	format := expfmt.NegotiateAccept(r.Header, h.formats...)
	p, found, err := newPage(r.Context(), families, format, acceptsGzip(r.Header))
	h.problems.add(found...)
	return p, err
}

// gather collects all sources at the same time.
func (h *Handler) gather(ctx context.Context) ([]*dto.MetricFamily, error) {
	begun := make([]<-chan part, len(h.sources))
	for i, s := range h.sources {
		begun[i] = s.begin(ctx)
	}
	parts := make([]part, len(h.sources), len(h.sources)+1)
	for i, s := range h.sources {
		parts[i] = s.await(ctx, begun[i])
		h.problems.add(parts[i].problems...)
	}
	if parts[0].late {
		// Without the series that the page is for, a 200 would be a lie.
		return nil, errLate
	}
	own, err := h.own.Gather()
	h.problems.add(seriesProblems("the page's own series", err)...)
	families, found := merge(own, h.sources, parts)
	h.problems.add(found...)
	return families, nil
}
