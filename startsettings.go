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
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/internal/settings"
)

// startSettings are what Start itself reads from the environment. What belongs
// to an exporter, that exporter reads.
type startSettings struct {
	disabled   bool
	propagator propagation.TextMapPropagator
	service    string
	attributes []attribute.KeyValue
	exemplars  exemplar.Filter
}

func readSettings(c *config) (startSettings, error) {
	env := &settings.Env{Lookup: c.lookup}
	s := startSettings{
		disabled:   env.Bool(false, "OTEL_SDK_DISABLED"),
		propagator: propagatorSetting(env),
		attributes: resourceSetting(env),
		exemplars:  exemplarSetting(env),
	}
	s.service, _ = env.String("OTEL_SERVICE_NAME", "RUSMES_TRACING_SERVICE_NAME")
	checkSDKSettings(env)
	checkLogSettings(env)
	sampler, inherits := samplerSetting(env)
	if c.sampler == nil {
		c.sampler, c.inherits = sampler, inherits
	}
	c.inherits = c.inherits && c.tracerProvider == nil
	if c.propagator != nil {
		s.propagator = c.propagator
	}
	return s, env.Err()
}

// samplerSetting reads OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. inherits
// says that a child of an unsampled span is never sampled.
func samplerSetting(env *settings.Env) (s sdktrace.Sampler, inherits bool) {
	name := env.Enum("parentbased_traceidratio", []string{
		"always_on", "always_off", "traceidratio",
		"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
	}, "OTEL_TRACES_SAMPLER")
	ratio := env.Ratio(1, "OTEL_TRACES_SAMPLER_ARG", "RUSMES_TRACING_SAMPLE_RATIO")
	name, parentBased := strings.CutPrefix(name, "parentbased_")
	switch name {
	case "always_on":
		s = sdktrace.AlwaysSample()
	case "always_off":
		s = sdktrace.NeverSample()
	default:
		s = sdktrace.TraceIDRatioBased(ratio)
	}
	if parentBased {
		return sdktrace.ParentBased(s), true
	}
	return s, false
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
		if !ok || key == "" || err != nil || !fits(key) || !fits(value) {
			env.Fail(name, pair, "key=value pairs with commas between, values percent-encoded UTF-8")
			return nil
		}
		attrs = append(attrs, attribute.String(key, value))
	}
	return attrs
}

// exemplarSetting reads OTEL_METRICS_EXEMPLAR_FILTER.
func exemplarSetting(env *settings.Env) exemplar.Filter {
	switch env.Enum("trace_based", []string{"always_on", "always_off", "trace_based"}, "OTEL_METRICS_EXEMPLAR_FILTER") {
	case "always_on":
		return exemplar.AlwaysOnFilter
	case "always_off":
		return exemplar.AlwaysOffFilter
	}
	return exemplar.TraceBasedFilter
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
	return resource.NewWithAttributes(res.SchemaURL(), CleanAttributes(res.Attributes())...), nil
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
