package otelmail

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/settings"
)

// startSettings are what Start itself reads from the environment. What belongs
// to an exporter, that exporter reads.
type startSettings struct {
	disabled   bool
	sampler    sdktrace.Sampler
	propagator propagation.TextMapPropagator
	service    string
	attributes []attribute.KeyValue
	exemplars  exemplarFilter
}

func readSettings(c *config) (startSettings, error) {
	env := &settings.Env{Lookup: c.lookup}
	s := startSettings{
		disabled:   env.Bool(false, "OTEL_SDK_DISABLED"),
		sampler:    samplerSetting(env),
		propagator: propagatorSetting(env),
		attributes: resourceSetting(env),
		exemplars:  exemplarSetting(env),
	}
	s.service, _ = env.String("OTEL_SERVICE_NAME", "RUSMES_TRACING_SERVICE_NAME")
	checkSDKSettings(env)
	checkLogSettings(env)
	if c.sampler != nil {
		s.sampler = c.sampler
	}
	c.inherits = c.tracerProvider == nil && followsUnsampled(s.sampler)
	if c.propagator != nil {
		s.propagator = c.propagator
	}
	return s, env.Err()
}

// samplerSetting reads OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG.
func samplerSetting(env *settings.Env) sdktrace.Sampler {
	name := env.Enum("parentbased_traceidratio", []string{
		"always_on", "always_off", "traceidratio",
		"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
	}, "OTEL_TRACES_SAMPLER")
	ratio := env.Ratio(1, "OTEL_TRACES_SAMPLER_ARG", "RUSMES_TRACING_SAMPLE_RATIO")
	parentBased := strings.HasPrefix(name, "parentbased_")
	var root sdktrace.Sampler
	switch strings.TrimPrefix(name, "parentbased_") {
	case "always_on":
		root = sdktrace.AlwaysSample()
	case "always_off":
		root = sdktrace.NeverSample()
	default:
		root = sdktrace.TraceIDRatioBased(ratio)
	}
	if parentBased {
		return sdktrace.ParentBased(root)
	}
	return root
}

// followsUnsampled reports whether a sampler never samples the child of an
// unsampled span. The SDK tells only by the sampler's description.
func followsUnsampled(s sdktrace.Sampler) bool {
	d := s.Description()
	return strings.HasPrefix(d, "ParentBased{") &&
		strings.Contains(d, "remoteParentNotSampled:AlwaysOffSampler") &&
		strings.Contains(d, "localParentNotSampled:AlwaysOffSampler")
}

// propagatorSetting reads OTEL_PROPAGATORS. The propagators of other vendors
// are given with WithPropagator.
func propagatorSetting(env *settings.Env) propagation.TextMapPropagator {
	names := env.List([]string{"tracecontext", "baggage", "none"}, "OTEL_PROPAGATORS")
	if names == nil {
		names = []string{"tracecontext", "baggage"}
	}
	if slices.Contains(names, "none") {
		return propagation.NewCompositeTextMapPropagator()
	}
	var all []propagation.TextMapPropagator
	for _, n := range names {
		if n == "baggage" {
			all = append(all, propagation.Baggage{})
		} else {
			all = append(all, propagation.TraceContext{})
		}
	}
	return propagation.NewCompositeTextMapPropagator(all...)
}

// resourceSetting reads OTEL_RESOURCE_ATTRIBUTES: key=value pairs with commas
// between, values percent-encoded.
func resourceSetting(env *settings.Env) []attribute.KeyValue {
	list, name := env.String("OTEL_RESOURCE_ATTRIBUTES")
	if list == "" {
		return nil
	}
	var attrs []attribute.KeyValue
	for pair := range strings.SplitSeq(list, ",") {
		key, value, ok := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || key == "" || err != nil || !clean.Fits(key) || !clean.Fits(value) {
			env.Fail(name, pair, "key=value pairs with commas between, values percent-encoded UTF-8")
			return nil
		}
		attrs = append(attrs, attribute.String(key, value))
	}
	return attrs
}

// exemplarSetting reads OTEL_METRICS_EXEMPLAR_FILTER, for the histograms that
// keep their own buckets; the SDK reads it for all others.
func exemplarSetting(env *settings.Env) exemplarFilter {
	switch env.Enum("trace_based", []string{"always_on", "always_off", "trace_based"}, "OTEL_METRICS_EXEMPLAR_FILTER") {
	case "always_on":
		return exemplarsAlways
	case "always_off":
		return exemplarsNever
	}
	return exemplarsTraced
}

// checkSDKSettings refuses wrong values of the settings that the SDK reads by
// itself, which would otherwise only be logged, and ignored.
func checkSDKSettings(env *settings.Env) {
	for _, name := range []string{
		"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT",
		"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
	} {
		env.Int(0, -1, math.MaxInt32, name)
	}
}

// newResource describes the process. Command arguments and the owner are left
// out: they hold passwords and names.
func newResource(ctx context.Context, c *config, s startSettings) (*resource.Resource, error) {
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
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithService(), // service.instance.id: two processes must not share series
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
	// What was found out is cleaned too: a program's file name is bytes of any kind.
	return resource.NewWithAttributes(res.SchemaURL(), clean.Attributes(res.Attributes())...), nil
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
