package oteljmap

import "net/http"

// Option configures [Wrap].
type Option interface{ apply(*config) }

type config struct {
	route      string
	spanOnly   bool
	inside     bool
	trusted    func(*http.Request) bool
	requestID  func(*http.Request) string
	serverName string
	serverPort int
	maxBody    int64
	maxCalls   int
}

// The defaults of the options that bound what is read.
const (
	defaultMaxBody  = 10_000_000 // RFC 8620 section 2: the least that maxSizeRequest should be
	defaultMaxCalls = 64         // four times the least that maxCallsInRequest should be
)

func newConfig(opts []Option) config {
	c := config{maxBody: defaultMaxBody, maxCalls: defaultMaxCalls}
	for _, opt := range opts {
		if opt != nil {
			opt.apply(&c)
		}
	}
	return c
}

type option func(*config)

func (f option) apply(c *config) { f(c) }

// WithRoute names the endpoint: http.route, and the span's name after the
// method. Default: the path of the [http.ServeMux] pattern that matched, inside
// or outside of Wrap, and none if there is no such pattern.
func WithRoute(route string) Option {
	return option(func(c *config) { c.route = route })
}

// SpanOnly is for a resource that is not the API: the session resource, upload,
// download, the event source. Requests get their HTTP span; nothing is counted,
// and nothing of their bodies is read. Default: the API.
func SpanOnly() Option {
	return option(func(c *config) { c.spanOnly = true })
}

// InsideHTTPSpan says that other instrumentation, such as otelhttp, has begun
// the request's HTTP span: no second one is made, and that one is left as it
// is. Default: Wrap makes the HTTP span.
func InsideHTTPSpan() Option {
	return option(func(c *config) { c.inside = true })
}

// TrustParent has requests of which trusted says so, those of your own proxy
// for example, continue the trace that their headers name, baggage included.
// Default: none; a valid trace context becomes a link of a span that is its own
// root, so that strangers choose neither trace ids nor what is sampled.
func TrustParent(trusted func(*http.Request) bool) Option {
	return option(func(c *config) { c.trusted = trusted })
}

// WithRequestID names the server's own id of a request, for jmap.request_id of
// its calls. It is called for requests that are sampled. Default: none.
func WithRequestID(id func(*http.Request) string) Option {
	return option(func(c *config) { c.requestID = id })
}

// WithServer sets server.address and server.port to what clients connect to,
// where that is a proxy; a port of 0 is left out. Default: the local address of
// the connection.
func WithServer(name string, port int) Option {
	return option(func(c *config) { c.serverName, c.serverPort = name, port })
}

// MaxBody bounds how much of a request's body is looked at for method calls, in
// bytes. What is beyond passes by unread, and calls in it have no span; their
// errors count all the same. Default 10,000,000; 0 and less look at nothing.
func MaxBody(bytes int64) Option {
	return option(func(c *config) { c.maxBody = bytes })
}

// MaxCalls bounds how many calls of a request get a span without the handler
// having started it. The errors of the others count all the same. Default 64;
// 0 and less give no spans.
func MaxCalls(n int) Option {
	return option(func(c *config) { c.maxCalls = n })
}
