package otelmail

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/checkup"
	"github.com/rusmes/otelmail/internal/contain"
	"github.com/rusmes/otelmail/internal/settings"
)

// checked is what Start does for package check.
type checked struct {
	*config
	refused error // of the options
}

// CheckUp implements [checkup.Checked]: all settings are read, strictly and as if the SDK were
// not disabled, the exporters say what they have found, and nothing begins.
func (w checked) CheckUp(ctx context.Context, found *checkup.Checkup) {
	c := w.config
	found.Wrong(w.refused)
	chosen := *c // by options: readSettings fills in the rest
	lookup := found.Watch(c.lookup)
	output := &logPath{lookup: lookup}
	c.lookup = output.withoutFile
	c.handle = func(err error) { found.Found(checkup.Lines(export.Unwise, err)...) }
	c.health = health.New()
	env := &settings.Env{Lookup: c.lookup}
	if env.Bool(settings.SDKDisabled) {
		found.Found(export.Finding{Level: export.Unwise, Text: settings.SDKDisabled.Name() + " is true: nothing is recorded or pushed; what is below holds without it"})
	}
	if !c.strict {
		env.Bool(settings.StrictSettings)
	}
	c.strict = true
	s := readSettings(c, env)
	_, wrong := openLog(c, env)
	found.Wrong(errors.Join(wrong, registerChecks(c), output.judge()))
	showOptions(&chosen, found)
	p := &pipeline{config: c, reader: newCommonReader(c), redactor: c.redactor()}
	res, err := newResource(ctx, c, s, p.places())
	found.Wrong(err)
	p.resource = res
	p.checkExporters(ctx, found)
	found.Wrong(p.handOver())
	found.Wrong(c.lookupFailed)
}

// checkExporters asks all exporters at once: some wait for an answer over the network.
func (p *pipeline) checkExporters(ctx context.Context, found *checkup.Checkup) {
	type result struct {
		pipeline pipeline
		findings []export.Finding
	}
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	// An exporter whose time is up may still say what it has found.
	defer context.AfterFunc(ctx, func() { time.AfterFunc(2*time.Second, cancel) })()
	results := make([]chan result, len(p.config.exporters))
	spans := false // somebody takes them, or may
	for i, e := range p.config.exporters {
		results[i] = make(chan result, 1)
		own := *p
		go func() {
			r := result{pipeline: own}
			if wrong := contain.Apart(func() { r.findings = checkOne(ctx, e, &r.pipeline) }); wrong != nil {
				r.findings = checkup.Lines(export.Wrong, fmt.Errorf("check a %T: %w", e, wrong))
			}
			results[i] <- r
		}()
	}
	for i, e := range p.config.exporters {
		var r result
		select {
		case r = <-results[i]:
		case <-late.Done():
			select {
			case r = <-results[i]: // both had come
			default:
				r.findings = checkup.Lines(export.Wrong, fmt.Errorf("check a %T: it has not answered in time", e))
			}
		}
		found.Found(r.findings...)
		p.pages = append(p.pages, r.pipeline.pages...)
		p.servers = append(p.servers, r.pipeline.servers...)
		_, able := e.(export.Checker)
		spans = spans || !able || len(r.pipeline.spanProcessors) > 0
	}
	if !spans && samplesAll(p.config.sampler) {
		found.Found(export.Finding{Level: export.Unwise, Text: "every new trace is sampled, and no exporter takes spans: name an endpoint with " +
			settings.OTLPEndpoint.Name() + ", or set " + settings.TracesSampler.Name() + "=" + settings.AlwaysOff})
	}
}

// checkOne does not open an exporter that is no Checker.
func checkOne(ctx context.Context, e export.Exporter, p *pipeline) []export.Finding {
	if able, ok := e.(export.Checker); ok {
		return able.Check(ctx, p)
	}
	return []export.Finding{{Level: export.Unwise, Text: fmt.Sprintf("a %T is not checked: it is no export.Checker", e)}}
}

// samplesAll reports whether it is OpenTelemetry's sampler of every new trace.
func samplesAll(s sdktrace.Sampler) bool {
	root := strings.TrimPrefix(describe(s), "ParentBased{root:")
	return strings.HasPrefix(root, "AlwaysOnSampler") || strings.HasPrefix(root, "ProbabilitySampler{1}")
}

// usualParent ends the description of a sampler that follows the parent, whatever that is.
const usualParent = ",remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOffSampler,localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler}"

// describe contains the panic of an application's own sampler.
func describe(s sdktrace.Sampler) (description string) {
	if err := contain.Call(func() { description = s.Description() }); err != nil {
		return fmt.Sprintf("a %T", s)
	}
	return strings.Replace(description, usualParent, "}", 1)
}

// logPath is the log's file, which openLog would make.
type logPath struct {
	lookup settings.LookupEnv
	path   string
}

func (l *logPath) withoutFile(name string) (string, bool) {
	value, set := l.lookup(name)
	if path := strings.TrimSpace(value); name == settings.LogOutput.Name() && path != "" && path != settings.Stdout && path != settings.Stderr {
		l.path = path
		return "", false
	}
	return value, set
}

func (l *logPath) judge() error {
	if l.path == "" {
		return nil
	}
	if err := checkup.LogFile(l.path); err != nil {
		return fmt.Errorf("%w that can be written: %w", settings.Invalid(settings.LogOutput.Name(), l.path, settings.LogOutput.Wants()), err)
	}
	return nil
}

// showOptions says what the options of Start have set.
func showOptions(c *config, found *checkup.Checkup) {
	option := func(set bool, s *settings.Setting, text, name string) {
		if set {
			found.Set(s, "", text, checkup.Option("otelmail."+name))
		}
	}
	option(c.strict, settings.StrictSettings, "true", "WithStrictSettings")
	option(c.serviceName != "", settings.ServiceName, c.serviceName, "WithService")
	option(c.propagator != nil, settings.Propagators, fmt.Sprintf("a %T", c.propagator), "WithPropagator")
	if c.sampler != nil {
		name := "WithSampler"
		if c.inherits {
			name = "WithSampleRatio"
		}
		option(true, settings.TracesSampler, describe(c.sampler), name)
	}
	if c.linkAfter != nil {
		option(true, settings.QueueLinkAfter, c.linkAfter.String(), "WithQueueLinkAfter")
	}
	if k := c.keep; k != nil {
		option(true, settings.KeepRest, strconv.FormatFloat(k.Rest, 'g', -1, 64), "WithKeep")
		option(true, settings.KeepSlow, k.Slow.String(), "WithKeep")
		option(true, settings.KeepDeferred, k.Deferred.String(), "WithKeep")
		option(true, settings.KeepWait, k.Wait.String(), "WithKeep")
		option(true, settings.KeepMaxBytes, strconv.FormatInt(k.MaxBytes, 10), "WithKeep")
	}
	option(c.exponential, settings.HistogramAggregation, settings.ExponentialHistogram, "WithExponentialHistograms")
	option(c.log.mailEvents, settings.LogMailEvents, "true", "WithLogMailEvents")
	if c.log.handler != nil {
		for _, s := range []*settings.Setting{settings.LogLevel, settings.LogFormat, settings.LogOutput} {
			option(true, s, fmt.Sprintf("a %T", c.log.handler), "WithLogHandler")
		}
	}

	key := "a random one for each process"
	if c.hashKey != nil {
		key = "…"
	}
	usual := newConfig()
	for _, row := range []struct{ name, value, usual string }{
		{"WithNamespace", c.namespace, usual.namespace},
		{"WithPrivacy", c.privacy.String(), usual.privacy.String()},
		{"WithHashKey", key, "a random one for each process"},
		{"WithDomainLimit", strconv.Itoa(c.domainLimit), strconv.Itoa(usual.domainLimit)},
		{"WithLocalDomains", strings.Join(c.pinned, ","), ""},
		{"WithShutdownTimeout", c.shutdownTimeout.String(), usual.shutdownTimeout.String()},
	} {
		source := checkup.Default
		if row.value != row.usual {
			source = "option"
		}
		if row.value != "" {
			found.SetInCode("otelmail."+row.name, row.value, source)
		}
	}
}
