package oteljmap

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/schema"
)

// ScopeName is the instrumentation scope of the HTTP spans. For samplers and processors of
// an application that tell scopes apart.
const ScopeName = "github.com/rusmes/otelmail/instrumentation/oteljmap"

// Wrap returns a handler that does what next does and records it in tel as
// JMAP API requests, or with [SpanOnly] as requests of another kind. Put it
// inside of whatever authenticates, if requests without credentials are not to
// count, and inside of whatever compresses. Behind a proxy, set r.RemoteAddr to
// the client's address before it.
//
// The ResponseWriter that next gets is an [http.Flusher], [http.Hijacker],
// [http.Pusher], [http.CloseNotifier] and [io.ReaderFrom] where the server's is, and works
// with [http.ResponseController] and [http.MaxBytesReader]. A panic of next goes through. A nil tel records
// nothing; a nil next answers 404.
func Wrap(tel *otelmail.Telemetry, next http.Handler, opts ...Option) http.Handler {
	if tel == nil {
		tel = otelmail.Noop()
	}
	if next == nil {
		next = http.NotFoundHandler()
	}
	h := &handler{
		tel:    tel,
		next:   next,
		config: newConfig(opts),
		tracer: tel.TracerProvider().Tracer(ScopeName, trace.WithInstrumentationVersion(otelmail.Version), trace.WithSchemaURL(schema.URL)),
	}
	h.headers = tel.Propagator().Fields()
	return h
}

type handler struct {
	tel     *otelmail.Telemetry
	next    http.Handler
	config  config
	tracer  trace.Tracer
	headers []string // in which a trace context may come
}

// ServeHTTP serves a request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, span := h.begin(r)
	out := &writer{ResponseWriter: w}
	if h.config.spanOnly || r.Method != http.MethodPost {
		r = r.WithContext(ctx)
	} else {
		out.request = h.newRequest(ctx, r)
		out.request.ctx = context.WithValue(ctx, requestKey{}, out.request)
		r = r.WithContext(out.request.ctx)
	}
	if r.Body != nil && r.Body != http.NoBody {
		out.body = &body{ReadCloser: r.Body, left: r.ContentLength}
		if out.request.watches(r) {
			out.body.request = out.request
		}
		r.Body = out.body
	}
	panicked := true
	defer func() {
		if !panicked {
			h.end(span, r, out, false)
			return
		}
		p := recover()                             // nil: the handler has ended its goroutine
		if p != nil && p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares: so a handler breaks a response off
			h.tel.Host.Panic(otelmail.ComponentJMAP)
		}
		h.end(span, r, out, true)
		if p != nil {
			panic(p)
		}
	}()
	h.next.ServeHTTP(out.as(), r)
	panicked = false
}

func (h *handler) end(span trace.Span, r *http.Request, out *writer, panicked bool) {
	if out.status == 0 && !panicked && !out.hijacked {
		out.status = http.StatusOK // as net/http answers for a handler that does not
	}
	if scheme, _, given := strings.Cut(r.Header.Get("Authorization"), " "); given && !panicked && out.judges() {
		h.authenticated(r, scheme, out.status != http.StatusUnauthorized)
	}
	errorType := ""
	if q := out.request; q != nil {
		failed := panicked || out.refused()
		q.finish(failed, panicked)
		q.record.End(failed)
		errorType = q.problem()
	}
	if !h.config.inside {
		h.endSpan(span, r, out.status, errorType, panicked)
	}
}

func (h *handler) authenticated(r *http.Request, scheme string, ok bool) {
	login := otelmail.JMAPLogin{Scheme: scheme}
	if !ok {
		login.User, _, _ = r.BasicAuth()
		login.Conn = h.conn(r)
	}
	h.tel.JMAP.Authenticated(r.Context(), login, ok)
}
