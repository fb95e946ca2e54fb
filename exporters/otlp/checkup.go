package otlp

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/otlp/internal/store"
	"github.com/rusmes/otelmail/internal/checkup"
	"github.com/rusmes/otelmail/internal/settings"
)

// Check implements [export.Checker]. It sends an empty request of each signal that is pushed,
// all at once, with the headers and certificates of the settings, and judges the directory of
// the buffer without a change to it. A receiver that does not answer while ctx lasts, or within
// [Timeout], is wrong, too.
func (e *Pusher) Check(ctx context.Context, p export.Pipeline) []export.Finding {
	env := &environment{settings.NewEnv(p.LookupEnv, p.HandleError, true)}
	c := env.choices(e.opts)
	r := env.resolve(c)
	findings := checkup.Lines(export.Wrong, env.Err())
	env.showSettings(c, r, checkup.From(ctx))
	if r.traces.otlp || r.traces.console {
		p.AddSpanProcessor(&spanPush{})
	}
	if r.buffer.dir != "" {
		findings = append(findings, checkup.Directory{
			Setting: r.buffer.setting, Path: r.buffer.dir, File: store.FileName, Room: r.buffer.bytes, Wants: settings.BufferDir.Wants(),
		}.Check(ctx)...)
	}
	return append(findings, tryAll(ctx, r)...)
}

// tryAll tries the signals that are pushed. Those of which the same is to be said share a line.
func tryAll(ctx context.Context, r resolved) (findings []export.Finding) {
	var tries []*tryout
	for _, one := range []struct {
		signal signal
		plan   plan
	}{{traces, r.traces}, {metrics, r.metrics}, {logs, r.logs}} {
		if one.plan.otlp {
			tries = append(tries, &tryout{signal: one.signal, target: one.plan.target})
		}
	}
	if len(tries) == 0 {
		return []export.Finding{{Level: export.Good, Text: "nothing is pushed over OTLP"}}
	}
	verdicts := make([]verdict, len(tries))
	var all sync.WaitGroup
	for i, t := range tries {
		all.Go(func() { verdicts[i] = t.run(ctx) })
	}
	all.Wait()
	type line struct {
		where string
		verdict
	}
	var lines []line
	signals := map[line][]string{}
	for i, t := range tries {
		l := line{t.where(), verdicts[i]}
		if signals[l] == nil {
			lines = append(lines, l)
		}
		signals[l] = append(signals[l], t.signal.name)
	}
	for _, l := range lines {
		findings = append(findings, export.Finding{Level: l.level, Text: fmt.Sprintf("OTLP %s to %s: %s", strings.Join(signals[l], ", "), l.where, l.text)})
	}
	return append(findings, inPlainText(tries)...)
}

// inPlainText warns of headers that others can read on the way.
func inPlainText(tries []*tryout) (findings []export.Finding) {
	for _, t := range tries {
		ip := net.ParseIP(t.target.url.Hostname())
		if t.target.url.Scheme == "https" || len(t.target.headers) == 0 || t.target.url.Hostname() == "localhost" || ip.IsLoopback() {
			continue
		}
		f := export.Finding{Level: export.Unwise, Text: fmt.Sprintf("OTLP to %s: its headers (%s) travel in plain text: want https",
			t.where(), strings.Join(names(t.target.headers), ", "))}
		if !slices.Contains(findings, f) {
			findings = append(findings, f)
		}
	}
	return findings
}

// names are those of headers, in order.
func names(headers map[string]string) []string { return slices.Sorted(maps.Keys(headers)) }

// showSettings says what is in effect where a variable alone does not tell.
func (e *environment) showSettings(c choices, r resolved, found *checkup.Checkup) {
	for _, one := range []struct {
		signal signal
		choice choice
		plan   plan
	}{{traces, c.traces, r.traces}, {metrics, c.metrics, r.metrics}, {logs, c.logs, r.logs}} {
		e.showSignal(one.signal, one.choice, c.all, one.plan, found)
	}
	option := func(set bool, s *settings.Setting, value any, name string) {
		if set {
			found.Set(s, "", fmt.Sprint(value), checkup.Option("otlp."+name))
		}
	}
	option(c.interval != 0, settings.MetricInterval, c.interval.Milliseconds(), "Interval")
	option(c.temporality != 0, settings.Temporality, c.temporality, "Temporality")
	option(c.buffer.dir != "", settings.BufferDir, c.buffer.dir, "Buffer")
	option(c.buffer.bytes != 0, settings.BufferMaxBytes, c.buffer.bytes, "MaxBytes")
	option(c.buffer.age != 0, settings.BufferMaxAge, c.buffer.age, "MaxAge")
	if r.buffer.dir != "" {
		value, name := e.Holds(settings.BufferedBSPDelay)
		found.Set(settings.BSP.Delay, "", value, checkup.Variable(name))
	}
}

func (e *environment) showSignal(s signal, one, all choice, p plan, found *checkup.Checkup) {
	set := func(setting *settings.Setting, value, source string) { found.Set(setting, s.name, value, source) }
	variable := func(setting *settings.Setting) string {
		_, name := e.String(setting.For(s.name))
		return checkup.Variable(name)
	}
	if from := e.endpointFrom(s, one, all); p.target.url != nil && (p.otlp || from != checkup.Default) {
		shown := p.target.shown()
		if base := from == checkup.Default || from == checkup.Variable(settings.OTLPEndpoint.Name()) || one.endpoint == "" && all.endpoint != ""; base {
			shown = strings.TrimSuffix(shown, "/"+s.path)
		}
		set(settings.OTLPEndpoint, shown, from)
	} else {
		set(settings.OTLPEndpoint, settings.None, from)
	}
	switch {
	case one.headers != nil || all.headers != nil:
		set(settings.OTLPHeaders, masked(p.target.headers), checkup.Option("otlp.Headers"))
	case e.IsSet(settings.OTLPHeaders.For(s.name)):
		set(settings.OTLPHeaders, masked(p.target.headers), variable(settings.OTLPHeaders))
	case len(p.target.headers) > 0: // of the user in the endpoint
		set(settings.OTLPHeaders, masked(p.target.headers), e.endpointFrom(s, one, all))
	}
	if cmp.Or(one.transport, all.transport) != 0 {
		set(settings.OTLPProtocol, p.target.transport.String(), checkup.Option("otlp.Protocol"))
	} else if s.name == traces.name && e.IsSet(settings.TracingProtocol) && !e.IsSet(settings.OTLPProtocol.For(s.name)) {
		set(settings.OTLPProtocol, p.target.transport.String(), checkup.Variable(settings.TracingProtocol.Name()))
	}
	if t := cmp.Or(one.timeout, all.timeout); t != 0 {
		set(settings.OTLPTimeout, fmt.Sprint(t.Milliseconds()), checkup.Option("otlp.Timeout"))
	}
	if encoding := cmp.Or(one.compression, all.compression); encoding != 0 {
		set(settings.OTLPCompression, encoding.String(), checkup.Option("otlp.Compression"))
	}
	if cmp.Or(one.tls, all.tls) != nil {
		set(settings.OTLPCertificate, "a tls.Config", checkup.Option("otlp.TLS"))
	} else {
		for setting, file := range map[*settings.Setting]pemFile{
			settings.OTLPCertificate: p.target.tls.ca, settings.OTLPClientCertificate: p.target.tls.cert, settings.OTLPClientKey: p.target.tls.key,
		} {
			if file.path != "" {
				set(setting, shownPath(file.path), checkup.Variable(file.setting))
			}
		}
	}
	e.showExporters(s, one.off || all.off, p, found)
}

// showExporters says where a signal goes, and which setting says so.
func (e *environment) showExporters(s signal, off bool, p plan, found *checkup.Checkup) {
	var where []string
	if p.otlp {
		where = append(where, settings.ToOTLP)
	}
	if p.console {
		where = append(where, settings.ToConsole)
	}
	source := checkup.Default
	_, name := e.Holds(s.exporters)
	switch {
	case off:
		source = checkup.Option("otlp.Off")
	case name != "":
		source = checkup.Variable(name)
	case s.name == traces.name && e.Enum(settings.TracingEnabled) != "":
		source = checkup.Variable(settings.TracingEnabled.Name())
	}
	found.Set(s.exporters, "", cmp.Or(strings.Join(where, ","), settings.None), source)
}

// endpointFrom is the setting that names the endpoint of a signal.
func (e *environment) endpointFrom(s signal, one, all choice) string {
	if one.endpoint != "" || all.endpoint != "" {
		return checkup.Option("otlp.Endpoint")
	}
	_, name := e.String(settings.OTLPEndpoint.For(s.name))
	if name == "" && s.name == traces.name {
		_, name = e.String(settings.TracingEndpoint)
	}
	return checkup.Variable(name)
}

// masked are headers without their values.
func masked(headers map[string]string) string {
	list := names(headers)
	for i := range list {
		list[i] += "=…"
	}
	return strings.Join(list, ",")
}

// tryout is an attempt to push nothing, to see whether something would be taken.
type tryout struct {
	signal    signal
	target    target
	byProxy   bool // the connection goes
	asked     bool // we were, for a client certificate
	anonymous bool // and have sent none
	unfit     bool // because ours is not one of those that are wanted
}

// verdict is what came of it.
type verdict struct {
	level export.Level
	text  string
}

func good(text string) verdict   { return verdict{export.Good, text} }
func unwise(text string) verdict { return verdict{export.Unwise, text} }
func wrongly(format string, args ...any) verdict {
	return verdict{export.Wrong, fmt.Sprintf(format, args...)}
}

// where is the endpoint as all signals share it.
func (t *tryout) where() string {
	return strings.TrimSuffix(t.target.shown(), "/"+t.signal.path) + " (" + t.target.transport.String() + ")"
}

// run makes the attempt, after steps towards it that can tell what is wrong with them.
func (t *tryout) run(ctx context.Context) verdict {
	ctx, cancel := context.WithTimeout(ctx, t.target.timeout)
	defer cancel()
	return t.reach(ctx)
}
