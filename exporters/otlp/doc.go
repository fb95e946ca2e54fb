// Package otlp pushes metrics, traces and logs to an OpenTelemetry Collector, or
// to anything else that speaks OTLP, over HTTP with protobuf, or over gRPC with the package
// otlpgrpc ([Enable]).
//
//	tel, err := otelmail.Start(ctx, otlp.Push())
//
// # What is pushed
//
// For each signal, OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER and
// OTEL_LOGS_EXPORTER say where it goes: a comma-separated list of otlp, console
// (standard output) and none; for metrics also prometheus, which the pull side
// serves and for which nothing is pushed. Where the list is not set, a signal is
// pushed if, and only if, an endpoint is named: by [Endpoint],
// OTEL_EXPORTER_OTLP_ENDPOINT, the signal's own OTEL_EXPORTER_OTLP_*_ENDPOINT
// or, for traces, RUSMES_TRACING_ENDPOINT.
//
// This departs from the OpenTelemetry specification on purpose: there, an unset
// list means "otlp to localhost". A mail server without a Collector beside it
// would then try a closed port for ever and report it as an error. Here a program
// can always include otlp.Push(), and the operator turns it on by naming an endpoint.
//
// # Settings
//
// All OTEL_EXPORTER_OTLP_* variables of the specification are read, each also
// per signal (OTEL_EXPORTER_OTLP_TRACES_HEADERS and so on): ENDPOINT, PROTOCOL,
// HEADERS, TIMEOUT, COMPRESSION, CERTIFICATE, CLIENT_CERTIFICATE and CLIENT_KEY
// (only for https), INSECURE (only for gRPC endpoints without a scheme); for
// metrics METRICS_TEMPORALITY_PREFERENCE and
// METRICS_DEFAULT_HISTOGRAM_AGGREGATION; and OTEL_METRIC_EXPORT_*, OTEL_BSP_*
// and OTEL_BLRP_*. An option wins before its variable is looked at. A wrong variable, even
// one for a signal that is not pushed, is a warning, see [otelmail.Start], and its default
// holds; except that without its endpoint or headers, which may name a tenant, a signal is
// not pushed, and that a wrong certificate, key or directory stops start-up.
//
// The files that CERTIFICATE, CLIENT_CERTIFICATE and CLIENT_KEY name are read again when
// they change, so that connections made from then on use renewed ones. While they cannot be
// used, that is reported and the last ones go on.
//
// The protocol is http/protobuf where none is set, as the specification
// recommends, even if the endpoint's port is 4317, which is the customary port
// of gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc. A program without [Enable] has no gRPC:
// it says so, and does not push what that is set for. JSON over HTTP is not supported.
//
// # What happens when the receiver is away
//
// Neither start-up nor the code that is being observed ever waits for it. After a
// refused or broken connection, a timeout or an answer that says so, a request is
// tried again for up to a minute (or OTEL_BSP_EXPORT_TIMEOUT and its
// siblings, if set), with growing, random pauses. OTEL_EXPORTER_OTLP_TIMEOUT
// bounds one attempt, and one that has no answer by then closes its connection: it may be
// dead. Meanwhile spans and log records collect in a bounded
// queue; what does not fit is dropped and counted. Shutdown says how much was
// not delivered and where to. [Pusher.Stats] gives a program the counts.
//
// With a directory, given by [Buffer] or RUSMES_OTLP_BUFFER_DIR, everything is on
// disk before it is sent and stays there until the receiver has it, through
// long outages, restarts and kill -9, in order and counted to the last item; see
// docs/reliability.md.
package otlp
