package otlp

import (
	"cmp"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rusmes/otelmail/internal/settings"
)

// signal is one of the three kinds of telemetry.
type signal struct {
	name  string // "traces", "metrics" or "logs"
	path  string // is appended to a base endpoint for HTTP (OTLP specification)
	items string // what is counted, as in errors
	// method is what gRPC calls (opentelemetry-proto, collector services).
	method string
	// exporters lists where it goes.
	exporters *settings.Setting
}

var (
	traces = signal{
		"traces", "v1/traces", "spans", "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
		settings.TracesExporter,
	}
	metrics = signal{
		"metrics", "v1/metrics", "data points", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
		settings.MetricsExporter,
	}
	logs = signal{
		"logs", "v1/logs", "log records", "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
		settings.LogsExporter,
	}
)

// environment reads all variables and keeps all errors, so that an operator sees
// them at once.
type environment struct {
	settings.Env
	errs []error
}

func (e *environment) add(err error) {
	if err != nil {
		e.errs = append(e.errs, err)
	}
}

// err joins all errors. A variable for all signals is read once for each of
// them, and its error is shown once.
func (e *environment) err() error {
	all := e.errs
	if joined, ok := e.Err().(interface{ Unwrap() []error }); ok {
		all = append(all, joined.Unwrap()...)
	}
	var once []error
	for _, err := range all {
		same := func(other error) bool { return other.Error() == err.Error() }
		if !slices.ContainsFunc(once, same) {
			once = append(once, err)
		}
	}
	return errors.Join(once...)
}

// target is where and how one signal is pushed.
type target struct {
	address
	transport Transport
	headers   map[string]string
	gzip      bool
	timeout   time.Duration // of one attempt
	tls       *tls.Config   // nil: the system's roots
}

// plan is where one signal goes.
type plan struct {
	otlp, console bool
	target        target
}

// plan resolves one signal. All its variables are checked even if it is not pushed.
func (e *environment) plan(s signal, one, all choice) plan {
	t := target{transport: e.transport(s, one, all)}
	named := e.endpoint(s, one, all, &t)
	t.headers = e.headers(s, one, all, t)
	t.gzip = e.gzip(s, one, all)
	t.timeout = e.Millis(settings.OTLPTimeout.For(s.name))
	if d := cmp.Or(one.timeout, all.timeout); d > 0 {
		t.timeout = d
	}
	t.tls = e.certificates(s)
	if c := cmp.Or(one.tls, all.tls); c != nil {
		t.tls = c
	}

	p := plan{target: t}
	where := e.exporters(s)
	switch {
	case one.off || all.off:
	case where == nil:
		p.otlp = named
	case slices.Contains(where, settings.None) && len(where) > 1:
		e.Fail(s.exporters.Name(), strings.Join(where, ","), "none alone, or a list without none")
	default:
		p.otlp = slices.Contains(where, settings.ToOTLP)
		p.console = slices.Contains(where, settings.ToConsole)
	}
	return p
}

// exporters is the signal's list of exporters, nil if none is set.
func (e *environment) exporters(s signal) []string {
	where := e.List(s.exporters)
	if s.name != traces.name {
		return where
	}
	enabled := e.Bool(settings.TracingEnabled)
	switch {
	case where != nil || !e.IsSet(settings.TracingEnabled):
		return where
	case enabled:
		return []string{settings.ToOTLP}
	}
	return []string{settings.None}
}

func (e *environment) transport(s signal, one, all choice) Transport {
	protocol := e.Enum(settings.OTLPProtocol.For(s.name))
	if s.name == traces.name {
		older := e.Enum(settings.TracingProtocol)
		if older != "" && !e.IsSet(settings.OTLPProtocol.For(s.name)) {
			protocol = older
		}
	}
	t := HTTP
	if protocol == settings.GRPC {
		t = GRPC
	}
	return cmp.Or(one.transport, all.transport, t)
}

// endpoint finds out where the signal goes, and whether a setting named the endpoint.
func (e *environment) endpoint(s signal, one, all choice, t *target) (named bool) {
	// INSECURE is only for gRPC endpoints without a scheme (OTLP exporter
	// specification); it is checked in any case.
	insecure := e.Bool(settings.OTLPInsecure.For(s.name))

	value, setting, asIs := one.endpoint, "otlp.Endpoint", true
	if value == "" {
		value, asIs = all.endpoint, false
	}
	if value == "" {
		value, setting = e.String(settings.OTLPEndpoint.For(s.name))
		asIs = value != "" && setting != settings.OTLPEndpoint.Name()
	}
	if value == "" && s.name == traces.name {
		// The older setting held an endpoint for traces with or without a path.
		value, setting = e.String(settings.TracingEndpoint)
		u, err := parseEndpoint(setting, value, t.transport == GRPC)
		asIs = err == nil && u.url.Path != "/"
	}
	named = value != ""
	if !named {
		value = settings.LocalHTTP
		if t.transport == GRPC {
			value = settings.LocalGRPC
		}
	}
	a, err := parseEndpoint(setting, value, t.transport == GRPC)
	if err != nil {
		e.add(err)
		return named
	}
	if a.bare && !insecure {
		a.url.Scheme = "https"
	}
	switch {
	case t.transport == GRPC:
		a.url.Path = ""
		a.url.RawPath = ""
	case !asIs:
		a.url = a.url.JoinPath(s.path)
	}
	t.address = a
	return named
}

func (e *environment) headers(s signal, one, all choice, t target) map[string]string {
	list, setting := e.String(settings.OTLPHeaders.For(s.name))
	headers, err := parseHeaders(setting, list)
	e.add(err)
	switch {
	case one.headers != nil:
		headers, setting = one.headers, "otlp.Headers"
	case all.headers != nil:
		headers, setting = all.headers, "otlp.Headers"
	}
	if t.transport == GRPC {
		e.add(checkMetadata(setting, headers))
	}
	if t.user == nil {
		return headers
	}
	for name := range headers {
		if strings.EqualFold(name, "authorization") {
			return headers
		}
	}
	password, _ := t.user.Password()
	credentials := base64.StdEncoding.EncodeToString([]byte(t.user.Username() + ":" + password))
	with := map[string]string{"Authorization": "Basic " + credentials}
	for name, value := range headers {
		with[name] = value
	}
	return with
}

func (e *environment) gzip(s signal, one, all choice) bool {
	compression := e.Enum(settings.OTLPCompression.For(s.name))
	if c := cmp.Or(one.compression, all.compression); c != 0 {
		return c == Gzip
	}
	return compression == settings.Gzip
}
