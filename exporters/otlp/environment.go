package otlp

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp/internal/call"
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

// environment reads all variables of the push. An option wins before its variable is
// looked at.
type environment struct{ *settings.Env }

// target is where and how one signal is pushed.
type target struct {
	address
	transport Transport
	headers   map[string]string
	gzip      bool
	timeout   time.Duration // of one attempt
	pings     pings
	tls       *certificates
	grpc      call.Transport // nil: HTTP alone
}

// words are for errors about t.
func (t target) words() wording { return wordingFor(t.headers, t.secrets()...) }

// plan is where one signal goes.
type plan struct {
	otlp, console bool
	target        target
}

// resolved is what options and environment amount to.
type resolved struct {
	traces, metrics, logs plan
	buffer                bufferChoice
	spans, records        batching
	cadence               cadence
}

// buffered reports whether there is something for the buffer.
func (r resolved) buffered() bool {
	return r.buffer.dir != "" && (r.traces.otlp || r.metrics.otlp || r.logs.otlp)
}

// choices applies the options.
func (e *environment) choices(opts []Option) (c choices) {
	for i, opt := range opts {
		if opt == nil {
			e.Refuse(fmt.Errorf("otlp.Push: option %d is nil", i+1))
			continue
		}
		e.Refuse(opt.applyAll(&c))
	}
	return c
}

// resolve reads and checks all settings.
func (e *environment) resolve(c choices) (r resolved) {
	r.traces = e.plan(traces, c.traces, c)
	r.metrics = e.plan(metrics, c.metrics, c)
	r.logs = e.plan(logs, c.logs, c)
	r.buffer = e.buffer(c.buffer)
	bsp := settings.BSP
	if r.buffer.dir != "" {
		bsp.Delay = settings.BufferedBSPDelay
	}
	r.spans = e.batching(bsp, r.traces.target.timeout)
	r.records = e.batching(settings.BLRP, r.logs.target.timeout)
	r.cadence = e.cadence(c)
	return r
}

// notPushed stands for an endpoint or headers that are wrong: the default would send
// telemetry to where nobody asked for it.
const notPushed = "nothing, and what it is for is not pushed"

// plan resolves one signal. All its variables are checked even if it is not pushed.
func (e *environment) plan(s signal, one choice, c choices) plan {
	all, t := c.all, target{grpc: c.grpc}
	var chosen *settings.Setting // nil: by the option
	var chosenBy string
	t.transport, chosen, chosenBy = e.transport(s, one, all)
	named, known := e.endpoint(s, one, all, &t)
	t.pings = cmp.Or(all.pings, usualPings)
	headers, whole := e.headers(s, one, all, t)
	t.headers = headers
	t.gzip = e.gzip(s, one, all)
	if t.timeout = cmp.Or(one.timeout, all.timeout); t.timeout == 0 {
		t.timeout = e.Millis(settings.OTLPTimeout.For(s.name))
	}
	if given := cmp.Or(one.tls, all.tls); given != nil {
		t.tls = &certificates{config: given}
	} else {
		t.tls = e.certificates(s)
	}
	p := plan{target: t}
	if one.off || all.off {
		return p
	}
	where := e.exporters(s)
	p.otlp = (slices.Contains(where, settings.ToOTLP) || where == nil && named) && known && whole
	p.console = slices.Contains(where, settings.ToConsole)
	if p.otlp && t.transport == GRPC && t.grpc == nil {
		e.wrong(chosen, noGRPC(chosenBy))
		p.otlp = false
	}
	return p
}

// exporters is the signal's list of exporters, nil if none is set.
func (e *environment) exporters(s signal) []string {
	where := e.List(s.exporters)
	if slices.Contains(where, settings.None) && len(where) > 1 {
		e.Fail(s.exporters, s.exporters.Name(), strings.Join(where, ","), "none alone, or a list without none")
		where = nil
	}
	if s.name != traces.name {
		return where
	}
	enabled := e.Enum(settings.TracingEnabled)
	switch {
	case where != nil || enabled == "":
		return where
	case enabled == "true":
		return []string{settings.ToOTLP}
	}
	return []string{settings.None}
}

// transport is how a signal is pushed, and the setting that says so: nil with its name for an
// option.
func (e *environment) transport(s signal, one, all choice) (t Transport, from *settings.Setting, name string) {
	if t := cmp.Or(one.transport, all.transport); t != 0 {
		return t, nil, "otlp.Protocol"
	}
	from = settings.OTLPProtocol
	protocol := e.Enum(from.For(s.name))
	_, name = e.String(from.For(s.name))
	if s.name == traces.name {
		older := e.Enum(settings.TracingProtocol)
		if older != "" && !e.IsSet(from.For(s.name)) {
			from = settings.TracingProtocol
			protocol = older
			_, name = e.String(from)
		}
	}
	if protocol == settings.GRPC {
		return GRPC, from, name
	}
	return HTTP, from, name
}

// endpoint finds out where the signal goes, whether a setting named the endpoint, and
// whether it could be read.
func (e *environment) endpoint(s signal, one, all choice, t *target) (named, known bool) {
	// INSECURE is only for gRPC endpoints without a scheme (OTLP exporter
	// specification); it is checked in any case.
	insecure := e.Bool(settings.OTLPInsecure.For(s.name))

	var from *settings.Setting // nil: the option
	value, setting, asIs := one.endpoint, "otlp.Endpoint", true
	if value == "" {
		value, asIs = all.endpoint, false
	}
	if value == "" {
		from = settings.OTLPEndpoint
		value, setting = e.String(from.For(s.name))
		asIs = value != "" && setting != from.Name()
	}
	if value == "" && s.name == traces.name {
		// The older setting held an endpoint for traces with or without a path.
		from = settings.TracingEndpoint
		value, setting = e.String(from)
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
		e.wrong(from, err)
		return named, false
	}
	asked := cmp.Or(one.tls, all.tls) != nil
	switch {
	case a.bare && !insecure, asked && (a.bare || !named): // the option wins
		a.url.Scheme = "https"
	case a.url.Scheme == "http" && wantsTLS(one, all):
		e.wrong(from, settings.Invalid(setting, redact(value), "https://host:port beside otlp.TLS, which http does not use"))
		return named, false
	}
	switch {
	case t.transport == GRPC:
		a.url.Path = ""
		a.url.RawPath = ""
	case !asIs:
		a.url = a.url.JoinPath(s.path)
	}
	t.address = a
	return named, true
}

// wantsTLS reports whether http is a mistake: who asks for TLS by option must not find out
// later that it was not used. TLS for all signals leaves one of them alone that an option
// gives another endpoint.
func wantsTLS(one, all choice) bool {
	off := one.off || all.off
	return !off && (one.tls != nil || all.tls != nil && one.endpoint == "")
}

// wrong records what is wrong with an option, where from is nil, or with a variable
// without which nothing is pushed.
func (e *environment) wrong(from *settings.Setting, err error) {
	if from == nil {
		e.Refuse(err)
		return
	}
	e.Wrong(from, err, notPushed)
}

// headers are those of every request, and whether they are all that was asked for.
func (e *environment) headers(s signal, one, all choice, t target) (headers map[string]string, whole bool) {
	var from *settings.Setting // nil: the option
	var err error
	setting := "otlp.Headers"
	if headers = one.headers; headers == nil {
		headers = all.headers
	}
	if headers == nil {
		from = settings.OTLPHeaders
		var list string
		list, setting = e.String(from.For(s.name))
		headers, err = parseHeaders(setting, list)
	}
	if t.transport == GRPC {
		err = errors.Join(err, checkMetadata(setting, headers))
	}
	if err != nil {
		e.wrong(from, err)
		return nil, false
	}
	return withUser(headers, t.user), true
}

// withUser adds the user name and password of an endpoint, where headers do not say who
// pushes.
func withUser(headers map[string]string, user *url.Userinfo) map[string]string {
	if user == nil {
		return headers
	}
	for name := range headers {
		if strings.EqualFold(name, "authorization") {
			return headers
		}
	}
	password, _ := user.Password()
	credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
	with := map[string]string{"Authorization": "Basic " + credentials}
	for name, value := range headers {
		with[name] = value
	}
	return with
}

func (e *environment) gzip(s signal, one, all choice) bool {
	if c := cmp.Or(one.compression, all.compression); c != 0 {
		return c == Gzip
	}
	return e.Enum(settings.OTLPCompression.For(s.name)) == settings.Gzip
}
