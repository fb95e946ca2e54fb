package otelmail

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/sampling"
	"github.com/rusmes/otelmail/internal/settings"
)

// startSettings are what Start itself reads from the environment. What belongs
// to an exporter, that exporter reads.
type startSettings struct {
	propagator propagation.TextMapPropagator
	service    string
	attributes []attribute.KeyValue
	exemplars  exemplar.Filter
	spans      sdktrace.SpanLimits
	logs       []sdklog.LoggerProviderOption
}

// env reads the environment as the options say.
func (c *config) env() *settings.Env {
	if !c.strict {
		c.strict = settings.NewEnv(c.lookup, c.handle, false).Bool(settings.StrictSettings)
	}
	return settings.NewEnv(c.lookup, c.handle, c.strict)
}

// startEnv is env for Start. With the SDK disabled nothing is strict: that switch is an
// operator's last resort, and serves the probes whatever else is wrong.
func (c *config) startEnv() (env *settings.Env, disabled bool) {
	env = c.env()
	if !env.Bool(settings.SDKDisabled) {
		return env, false
	}
	c.strict = false
	return &settings.Env{Lookup: c.lookup, Warn: c.handle, Lenient: true}, true
}

func readSettings(c *config, env *settings.Env) startSettings {
	s := startSettings{
		propagator: c.propagator,
		attributes: resourceSetting(env),
		exemplars:  exemplarSetting(env),
		spans:      spanLimits(env),
		logs:       logLimits(env),
	}
	configFileSetting(env)
	c.readQueue(env)
	c.readLocalDomains(env)
	c.readKeep(env)
	s.service, _ = env.String(settings.ServiceName)
	if c.sampler == nil {
		c.sampler, c.inherits = samplerSetting(env)
	}
	if s.propagator == nil {
		s.propagator = propagatorSetting(env)
	}
	return s
}

// readQueue reads when a message is linked rather than continued.
func (c *config) readQueue(env *settings.Env) {
	if c.linkAfter != nil {
		return
	}
	age := env.Duration(settings.QueueLinkAfter)
	if _, name := env.Holds(settings.QueueLinkAfter); name != "" { // 0 is an age, too
		c.linkAfter = &age
	}
}

// configFileSetting says that a file is set and not read: who wrote it expects that nothing
// else counts.
func configFileSetting(env *settings.Env) {
	if file, name := env.String(settings.ConfigFile); name != "" {
		env.Wrong(settings.ConfigFile, fmt.Errorf("%s: %q is not read by otelmail.Start: want %s", name, file, settings.ConfigFile.Wants()),
			settings.ConfigFile.Otherwise)
	}
}

// samplerSetting returns the sampler that the environment asks for. inherits says
// that a child of an unsampled span is never sampled.
func samplerSetting(env *settings.Env) (s sdktrace.Sampler, inherits bool) {
	name, parentBased := strings.CutPrefix(env.Enum(settings.TracesSampler), settings.ParentBased)
	ratio := env.Ratio(settings.TracesSamplerArg)
	switch name {
	case settings.AlwaysOn:
		s = sampling.Probability(1) // unlike AlwaysSample it says so in the tracestate
	case settings.AlwaysOff:
		s = sdktrace.NeverSample()
	default:
		s = sampling.Probability(ratio)
	}
	if parentBased {
		return sampling.ParentBased(s), true
	}
	return s, false
}

// propagatorSetting supports the propagators of OpenTelemetry itself. Those of
// other vendors are given with WithPropagator.
func propagatorSetting(env *settings.Env) propagation.TextMapPropagator {
	names := env.List(settings.Propagators)
	if slices.Contains(names, settings.None) {
		return propagation.NewCompositeTextMapPropagator()
	}
	var all []propagation.TextMapPropagator
	for _, n := range names {
		if n == settings.Baggage {
			all = append(all, propagation.Baggage{})
		} else {
			all = append(all, propagation.TraceContext{})
		}
	}
	return propagation.NewCompositeTextMapPropagator(all...)
}

// resourceSetting reads the pairs one by one, so that a wrong one costs the others nothing.
func resourceSetting(env *settings.Env) []attribute.KeyValue {
	list, name := env.String(settings.ResourceAttributes)
	var attrs []attribute.KeyValue
	for pair := range strings.SplitSeq(list, ",") {
		pair = strings.TrimSpace(pair)
		if pair == "" { // what a template leaves
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		decoded, err := url.PathUnescape(value)
		if err != nil { // "100%" was meant as it stands
			decoded = value
		}
		wrong := settings.Invalid(name, pair, settings.ResourceAttributes.Wants())
		switch {
		case !ok || key == "" || !clean.Fits(key) || !clean.Fits(decoded):
			env.Wrong(settings.ResourceAttributes, wrong, "the others")
			continue
		case err != nil:
			env.Wrong(settings.ResourceAttributes, wrong, "the value as it stands")
		}
		attrs = append(attrs, attribute.String(key, decoded))
	}
	return attrs
}

// exemplarSetting returns the filter for all instruments.
func exemplarSetting(env *settings.Env) exemplar.Filter {
	switch env.Enum(settings.ExemplarFilter) {
	case settings.AlwaysOn:
		return exemplar.AlwaysOnFilter
	case settings.AlwaysOff:
		return exemplar.AlwaysOffFilter
	}
	return exemplar.TraceBasedFilter
}

// spanLimits are given to the SDK, which would read them from the process itself.
func spanLimits(env *settings.Env) sdktrace.SpanLimits {
	l := sdktrace.NewSpanLimits() // for the limit that has no variable
	l.AttributeCountLimit = env.Int(settings.SpanAttributes)
	l.AttributeValueLengthLimit = env.Int(settings.SpanAttributeLength)
	l.EventCountLimit = env.Int(settings.SpanEvents)
	l.LinkCountLimit = env.Int(settings.SpanLinks)
	l.AttributePerEventCountLimit = env.Int(settings.EventAttributes)
	l.AttributePerLinkCountLimit = env.Int(settings.LinkAttributes)
	return l
}

func logLimits(env *settings.Env) []sdklog.LoggerProviderOption {
	return []sdklog.LoggerProviderOption{
		sdklog.WithAttributeCountLimit(env.Int(settings.RecordAttributes)),
		sdklog.WithAttributeValueLengthLimit(env.Int(settings.RecordLength)),
	}
}

// newResource describes the process. Command arguments and the owner are left
// out: they hold passwords and names.
func newResource(ctx context.Context, c *config, s startSettings, places []string) (*resource.Resource, error) {
	name, version := serviceDefaults()
	attrs := []attribute.KeyValue{semconv.ServiceName(name)}
	if version != "" {
		attrs = append(attrs, semconv.ServiceVersion(version))
	}
	attrs = append(attrs, s.attributes...)
	if s.service != "" { // wins over service.name in OTEL_RESOURCE_ATTRIBUTES
		attrs = append(attrs, semconv.ServiceName(s.service))
	}
	attrs = append(attrs, c.attributes...)
	if c.serviceName != "" {
		attrs = append(attrs, semconv.ServiceName(c.serviceName))
	}
	if c.serviceVersion != "" {
		attrs = append(attrs, semconv.ServiceVersion(c.serviceVersion))
	}
	named := attribute.NewSet(attrs...)
	service, _ := named.Value(semconv.ServiceNameKey)
	if id := instanceID(ctx, service.AsString(), places); id != "" {
		attrs = append([]attribute.KeyValue{semconv.ServiceInstanceID(id)}, attrs...) // below what was set by hand
	}
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithService(), // service.instance.id at random, where there is no other
		resource.WithHost(),
		resource.WithOSType(),
		resource.WithProcessPID(),
		resource.WithProcessExecutableName(),
		resource.WithProcessRuntimeName(),
		resource.WithProcessRuntimeVersion(),
		resource.WithAttributes(attrs...))
	if err != nil && !errors.Is(err, resource.ErrPartialResource) && !errors.Is(err, resource.ErrSchemaURLConflict) {
		return nil, fmt.Errorf("describe the process: %w", err)
	}
	// The SDK puts the process's OTEL_RESOURCE_ATTRIBUTES below what it is given, whatever
	// they hold: ours have to stand above them.
	all := resource.Environment().Attributes()
	all = append(all, res.Attributes()...) // of two with the same key the last counts
	// What was detected is cleaned too: a program's file name may be any bytes.
	return resource.NewWithAttributes(res.SchemaURL(), clean.Attributes(all)...), nil
}

// serviceDefaults are the program's name and its main module's version.
func serviceDefaults() (name, version string) {
	name = "mailserver"
	if len(os.Args) > 0 && os.Args[0] != "" {
		name = filepath.Base(os.Args[0])
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		version = info.Main.Version
	}
	return name, version
}
