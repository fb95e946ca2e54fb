package oteljmap

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/contain"
)

var serverKind = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}

// begin begins the request's HTTP span, unless others have.
func (h *handler) begin(r *http.Request) (context.Context, trace.Span) {
	ctx := r.Context()
	if h.config.inside {
		return ctx, trace.SpanFromContext(ctx)
	}
	ctx, opts := h.origin(ctx, r)
	ctx, span := h.tracer.Start(ctx, spanName(r.Method, h.route(r)), opts...)
	if span.IsRecording() {
		h.describe(span, r)
	}
	return ctx, span
}

// origin decides what the trace context in a request's headers is: a parent if
// it is trusted, else a link. Where the application has a span already, that is
// the parent, and whoever began it has read the headers.
func (h *handler) origin(ctx context.Context, r *http.Request) (context.Context, []trace.SpanStartOption) {
	if !h.bringsContext(r.Header) || trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, serverKind
	}
	headers := propagation.HeaderCarrier(r.Header)
	if h.trusts(r) {
		return h.tel.Propagator().Extract(ctx, headers), serverKind
	}
	remote := trace.SpanContextFromContext(h.tel.Propagator().Extract(context.Background(), headers))
	if !remote.IsValid() {
		return ctx, serverKind
	}
	// Its tracestate is a stranger's text: half a kilobyte of it on every span.
	link := trace.Link{SpanContext: remote.WithTraceState(trace.TraceState{})}
	return ctx, []trace.SpanStartOption{serverKind[0], trace.WithLinks(link)}
}

// trusts asks the application's function. It serves telemetry alone, and its panic must not
// cost a client the answer.
func (h *handler) trusts(r *http.Request) bool {
	trusted := false
	if h.config.trusted == nil || contain.Call(func() { trusted = h.config.trusted(r) }) != nil {
		return false
	}
	return trusted
}

func (h *handler) bringsContext(header http.Header) bool {
	for _, name := range h.headers {
		if header.Get(name) != "" {
			return true
		}
	}
	return false
}

func (h *handler) describe(span trace.Span, r *http.Request) {
	h.tel.JMAP.Describe(span, h.conn(r))

	attrs := make([]attribute.KeyValue, 0, 6)
	attrs = append(attrs, semconv.HTTPRequestMethodKey.String(knownMethod(r.Method)), semconv.URLScheme(scheme(r)))
	if h.config.serverName != "" {
		attrs = append(attrs, semconv.ServerAddress(h.config.serverName))
		if h.config.serverPort > 0 {
			attrs = append(attrs, semconv.ServerPort(h.config.serverPort))
		}
	}
	if route := h.route(r); route != "" {
		attrs = append(attrs, semconv.HTTPRoute(route))
	}
	if version := protocolVersion(r); version != "" {
		attrs = append(attrs, semconv.NetworkProtocolVersion(version))
	}
	span.SetAttributes(attrs...)
}

// conn is the connection of a request. Behind a name of its own the server's address is
// nobody's business.
func (h *handler) conn(r *http.Request) otelmail.Conn {
	c := otelmail.Conn{Remote: clientAddr(r.RemoteAddr), TLS: r.TLS}
	if h.config.serverName == "" {
		c.Local, _ = r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	}
	return c
}

// endSpan ends the span. A server's span is in error for what is the server's
// fault: by convention not for a status of 4xx.
func (h *handler) endSpan(span trace.Span, r *http.Request, status int, errorType string, panicked bool) {
	if span.IsRecording() {
		if route := h.route(r); route != "" { // a ServeMux inside of Wrap has told it by now
			span.SetName(spanName(r.Method, route))
			span.SetAttributes(semconv.HTTPRoute(route))
		}
		if status != 0 {
			span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		}
		switch {
		case panicked:
			errorType = otelmail.CausePanic.String()
		case errorType == "" && status >= http.StatusInternalServerError:
			errorType = strconv.Itoa(status)
		}
		if errorType != "" {
			span.SetAttributes(semconv.ErrorTypeKey.String(errorType))
		}
		if panicked || status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}

// route is the path of the pattern "[METHOD ][HOST]/[PATH]" that matched.
func (h *handler) route(r *http.Request) string {
	if h.config.route != "" {
		return h.config.route
	}
	if i := strings.IndexByte(r.Pattern, '/'); i >= 0 {
		return r.Pattern[i:]
	}
	return ""
}

func spanName(method, route string) string {
	name := knownMethod(method)
	if name == otherMethod {
		name = "HTTP" // by convention
	}
	if route == "" {
		return name
	}
	return name + " " + route
}

const otherMethod = "_OTHER"

// knownMethod keeps a stranger's text out of names: the methods of RFC 9110,
// PATCH (RFC 5789) and QUERY, as the convention lists them.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace, "QUERY":
		return method
	}
	return otherMethod
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

func protocolVersion(r *http.Request) string {
	switch [2]int{r.ProtoMajor, r.ProtoMinor} {
	case [2]int{1, 0}:
		return "1.0"
	case [2]int{1, 1}:
		return "1.1"
	case [2]int{2, 0}:
		return "2"
	case [2]int{3, 0}:
		return "3"
	}
	return ""
}

// clientAddr understands an address with and without port, as middleware that
// reads a proxy's headers leaves it; nil for what is no address of IP.
func clientAddr(s string) net.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return net.TCPAddrFromAddrPort(ap)
	}
	if ip, err := netip.ParseAddr(s); err == nil {
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0))
	}
	return nil
}
