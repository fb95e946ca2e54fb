package otelmailtest

import (
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"

	"github.com/rusmes/otelmail/internal/series"
)

// received is what a Receiver has taken.
type received struct {
	mu      sync.Mutex
	spans   []sdktrace.ReadOnlySpan
	records recordStore
	series  map[string]map[string]sample // by the instance that sent it, and its text
	texts   []leaving                    // each text once
	known   map[string]bool
}

func (r *received) all() ([]sdktrace.ReadOnlySpan, []sdklog.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spans), r.records.list()
}

// samples adds up what several servers have sent.
func (r *received) samples() (all []sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sums := map[string]sample{}
	for _, series := range r.series {
		for text, s := range series {
			s.value += sums[text].value
			sums[text] = s
		}
	}
	for _, s := range sums {
		all = append(all, s)
	}
	return all
}

// namespace is that of the series which every Telemetry has.
func (r *received) namespace() string {
	for _, s := range r.samples() {
		if namespace, ok := strings.CutSuffix(s.name, "_"+series.BuildInfo); ok {
			return namespace
		}
	}
	return "rusmes"
}

func (r *received) leaving() []leaving {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.texts)
}

func (r *received) takeTraces(in *tracepb.TracesData) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takeTexts(in)
	for _, resource := range in.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				r.spans = append(r.spans, toSpan(s, resource.GetResource(), scope.GetScope()))
			}
		}
	}
}

func (r *received) takeLogs(in *logspb.LogsData) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takeTexts(in)
	for _, resource := range in.GetResourceLogs() {
		// A provider like the sender's makes the SDK's records of them.
		provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(&r.records), sdklog.WithAttributeCountLimit(-1),
			sdklog.WithResource(sdkresource.NewSchemaless(toAttributes(resource.GetResource().GetAttributes())...)))
		for _, scope := range resource.GetScopeLogs() {
			about := scope.GetScope()
			logger := provider.Logger(about.GetName(), log.WithInstrumentationVersion(about.GetVersion()))
			for _, l := range scope.GetLogRecords() {
				emit(logger, l)
			}
		}
	}
}

func (r *received) takeMetrics(in *metricspb.MetricsData) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takeTexts(in)
	if r.series == nil {
		r.series = map[string]map[string]sample{}
	}
	for _, resource := range in.GetResourceMetrics() {
		instance := instanceOf(resource.GetResource().GetAttributes())
		if r.series[instance] == nil {
			r.series[instance] = map[string]sample{}
		}
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				samples, difference := toSamples(m)
				for _, s := range samples {
					if difference {
						s.value += r.series[instance][s.String()].value
					}
					r.series[instance][s.String()] = s
				}
			}
		}
	}
}

func instanceOf(attrs []*commonpb.KeyValue) string {
	for _, kv := range attrs {
		if kv.GetKey() == "service.instance.id" {
			return kv.GetValue().GetStringValue()
		}
	}
	return ""
}

// takeTexts takes each text of a request, and where it first stood.
func (r *received) takeTexts(in proto.Message) {
	if r.known == nil {
		r.known = map[string]bool{}
	}
	// The function returns no error.
	_ = protorange.Range(in.ProtoReflect(), func(values protopath.Values) error {
		last := values.Index(-1)
		said, ok := last.Value.Interface().(string)
		if !ok || last.Step.Kind() == protopath.RootStep || r.known[said] {
			return nil
		}
		r.known[said] = true
		r.texts = append(r.texts, leaving{place(values.Path), said})
		return nil
	})
}

// place is a path without the name of the message that it begins with, and without indices.
func place(path protopath.Path) string {
	var steps []string
	for _, step := range path {
		if step.Kind() == protopath.FieldAccessStep {
			steps = append(steps, string(step.FieldDescriptor().Name()))
		}
	}
	return strings.Join(steps, ".")
}
