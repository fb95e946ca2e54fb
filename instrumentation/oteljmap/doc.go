// Package oteljmap instruments JMAP servers that speak net/http (RFC 8620). A
// server adds two lines:
//
//	mux.Handle("POST /jmap/api", oteljmap.Wrap(tel, api))
//	mux.Handle("/.well-known/jmap", oteljmap.Wrap(tel, session, oteljmap.SpanOnly()))
//	server := &http.Server{Handler: mux, ConnState: oteljmap.ConnState(tel)}
//
// [Wrap] goes around the API endpoint. It gives jmap_requests_total,
// jmap_errors_total, an HTTP server span by OpenTelemetry's conventions, and
// below it a span for each method call. Around the other resources (session,
// upload, download, event source) use it with [SpanOnly]. [ConnState] gives
// active_connections and tls_sessions_total.
//
// # What is counted
//
// An API request is a POST; it counts when the handler returns. jmap_errors_total
// counts
//
//   - requests that fail as a whole (RFC 8620 section 3.6.1): those answered
//     with a status of 400 or more or with application/problem+json, and those
//     whose handler panics;
//   - method calls that fail (section 3.6.2): one for each response named
//     "error". A call that other calls imply is a call too: what Email/copy
//     moves to Email/set may fail by itself.
//
// Errors of single objects inside a response (notCreated and the like, section
// 5.3) are answers, not failures.
//
// A request with an Authorization header counts in auth_attempts_total: as a failure where it is
// answered with 401, and as a success otherwise. 429 and 500 and above say nothing of the credentials
// and do not count, so a directory that is away shows as successes that are missing.
//
// Errors of calls are read from the response as it is written, in constant
// memory and without holding anything back. What is compressed cannot be read:
// put Wrap inside of whatever compresses.
//
// # The calls' spans
//
// From outside, what can be known of a call is when it was read from the
// request's body and when its response was written: that is how long its span
// lasts, and the handler's own spans are not its children. A handler that says
// when it works on which call gets true ones:
//
//	call := oteljmap.StartCall(r.Context(), otelmail.JMAPFacts{Method: method, CallID: id})
//	call.End(run(call.Context(), method))
//
// It may do so for some calls and not for others; nothing counts twice. Of calls
// to which a client gives one id, the order tells which response is whose: it
// must be that in which they were started. Calls of a request that failed as a
// whole have not been run and have no span, unless the handler started them.
//
// # What strangers cannot do
//
// The request's body is read only while the handler reads it, in one pass, in
// bounded memory, up to [MaxBody] and [MaxCalls], and never changed. Names of
// methods and types of errors are of closed sets; ids are bounded, and shown as
// the privacy policy allows; path, query and User-Agent are not shown. A
// traceparent that comes with a request is a link, not a parent, but for those
// of [TrustParent].
//
// Requests over WebSocket (RFC 8887) pass by net/http unseen: record them with
// the JMAP field of [otelmail.Telemetry].
package oteljmap
