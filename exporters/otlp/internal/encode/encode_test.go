package encode

import (
	"errors"
	"io"
	"math"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/log/logtest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// keeper keeps what a stock exporter sends.
type keeper struct{ body []byte }

func (k *keeper) RoundTrip(req *http.Request) (*http.Response, error) {
	var err error
	k.body, err = io.ReadAll(req.Body)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, err
}

// compare reads both as messages like m, and fails unless they say the same.
func compare(t *testing.T, m proto.Message, got, want []byte) {
	t.Helper()
	mine, stock := proto.Clone(m), proto.Clone(m)
	if err := errors.Join(proto.Unmarshal(got, mine), proto.Unmarshal(want, stock)); err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 || !proto.Equal(mine, stock) {
		t.Errorf("got:\n%s\nthe stock exporter:\n%s", prototext.Format(mine), prototext.Format(stock))
	}
	if n := len(mine.ProtoReflect().GetUnknown()); n > 0 {
		t.Errorf("%d bytes are no field", n)
	}
}

var (
	begin = time.Unix(1_700_000_000, 123_456_789)
	end   = begin.Add(1500 * time.Millisecond)

	mail  = resource.NewWithAttributes("https://schema.example/1", attribute.String("service.name", "mail"))
	scope = instrumentation.Scope{Name: "s", Version: "1", SchemaURL: "https://schema.example/2", Attributes: attribute.NewSet(attribute.Int("n", 1))}

	every = []attribute.KeyValue{
		attribute.Bool("bool", true), attribute.Bool("false", false), attribute.Int64("int", -5), attribute.Int64("zero", 0),
		attribute.Float64("float", math.Inf(-1)), attribute.Float64("negative zero", math.Copysign(0, -1)),
		attribute.String("text", "käse\x00"), attribute.String("empty", ""), attribute.String("", "no key"),
		attribute.BoolSlice("bools", []bool{true, false}), attribute.Int64Slice("ints", []int64{1, -1, math.MaxInt64, math.MinInt64}),
		attribute.Float64Slice("floats", []float64{0, 1.5, math.NaN()}), attribute.StringSlice("texts", []string{"", "b"}),
		attribute.StringSlice("none", nil), attribute.ByteSlice("bytes", []byte{0, 255}), attribute.ByteSlice("no bytes", nil),
		attribute.Slice("slice", attribute.StringValue("a"), attribute.SliceValue(attribute.Int64Value(1)), attribute.Value{}),
		attribute.Map("map", attribute.String("k", "v"), attribute.Map("inner", attribute.Bool("b", true))),
		{Key: "no value"},
	}
)

func spanContext(n byte, remote bool) trace.SpanContext {
	state, err := trace.ParseTraceState("ot=th:0")
	if err != nil {
		panic(err)
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, n}, SpanID: trace.SpanID{2, n}, TraceFlags: trace.FlagsSampled, TraceState: state, Remote: remote,
	})
}

func TestSpans(t *testing.T) {
	full := tracetest.SpanStub{
		Name: "full", SpanContext: spanContext(1, false), Parent: spanContext(2, true), StartTime: begin, EndTime: end,
		Attributes: every, DroppedAttributes: 3, DroppedEvents: 4, DroppedLinks: math.MaxInt64,
		Events: []sdktrace.Event{{Name: "e", Time: begin, Attributes: every, DroppedAttributeCount: 1}, {}},
		Links:  []sdktrace.Link{{SpanContext: spanContext(3, true), Attributes: every, DroppedAttributeCount: -1}, {SpanContext: spanContext(4, false)}},
		Status: sdktrace.Status{Code: codes.Error, Description: "why"}, Resource: mail, InstrumentationScope: scope,
	}
	stubs := tracetest.SpanStubs{full, {Name: "bare", Resource: mail}, full}
	for kind := trace.SpanKindUnspecified; kind <= trace.SpanKindConsumer+1; kind++ {
		stubs = append(stubs, tracetest.SpanStub{
			SpanKind: kind, SpanContext: spanContext(byte(kind), false), Parent: spanContext(9, false), Resource: mail,
			Status: sdktrace.Status{Code: codes.Ok}, InstrumentationScope: instrumentation.Scope{Name: "other"},
		})
	}
	k := &keeper{}
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithHTTPClient(&http.Client{Transport: k}))
	if err != nil {
		t.Fatal(err)
	}
	if err := exporter.ExportSpans(t.Context(), stubs.Snapshots()); err != nil {
		t.Fatal(err)
	}
	compare(t, &coltraces.ExportTraceServiceRequest{}, Spans(stubs.Snapshots()), k.body)
}

// Two resources are two groups, in the order in which they come.
func TestResources(t *testing.T) {
	other := resource.NewSchemaless(attribute.String("service.name", "other"))
	stubs := tracetest.SpanStubs{{Name: "a", Resource: mail}, {Name: "b", Resource: other}, {Name: "c", Resource: mail}}
	var in coltraces.ExportTraceServiceRequest
	if err := proto.Unmarshal(Spans(stubs.Snapshots()), &in); err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, r := range in.GetResourceSpans() {
		names := []string{r.GetResource().GetAttributes()[0].GetValue().GetStringValue()}
		for _, s := range r.GetScopeSpans()[0].GetSpans() {
			names = append(names, s.GetName())
		}
		got = append(got, names)
	}
	if len(got) != 2 || len(got[0]) != 3 || got[0][0] != "mail" || got[0][2] != "c" || len(got[1]) != 2 || got[1][1] != "b" {
		t.Errorf("%v", got)
	}
}

func TestRecords(t *testing.T) {
	full := logtest.RecordFactory{
		EventName: "event", Timestamp: begin, ObservedTimestamp: end, SeverityText: "text", Body: attribute.MapValue(every...), Attributes: every,
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, DroppedAttributes: 7, Resource: mail, InstrumentationScope: &scope,
	}
	records := []sdklog.Record{full.NewRecord(), logtest.RecordFactory{Resource: mail, InstrumentationScope: &instrumentation.Scope{}}.NewRecord()}
	for severity := log.SeverityUndefined; severity <= log.SeverityFatal4+1; severity++ {
		full.Severity, full.Body = severity, attribute.StringValue("body")
		records = append(records, full.NewRecord())
	}
	k := &keeper{}
	exporter, err := otlploghttp.New(t.Context(), otlploghttp.WithHTTPClient(&http.Client{Transport: k}))
	if err != nil {
		t.Fatal(err)
	}
	if err := exporter.Export(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	compare(t, &collogs.ExportLogsServiceRequest{}, Records(records), k.body)
}

func TestMetrics(t *testing.T) {
	set := attribute.NewSet(every...)
	all := &metricdata.ResourceMetrics{Resource: mail, ScopeMetrics: []metricdata.ScopeMetrics{
		{Scope: scope, Metrics: append(metricsOf[int64](set, -7), metricsOf[float64](set, 0.25)...)},
		{Scope: instrumentation.Scope{Name: "other"}, Metrics: []metricdata.Metrics{
			{Name: "summary", Data: metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{
				{Attributes: set, StartTime: begin, Time: end, Count: 3, Sum: 4.5, QuantileValues: []metricdata.QuantileValue{{Quantile: 0, Value: 1}, {Quantile: 0.5, Value: -2}}},
				{},
			}}},
		}},
	}}
	k := &keeper{}
	exporter, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithHTTPClient(&http.Client{Transport: k}))
	if err != nil {
		t.Fatal(err)
	}
	if err := exporter.Export(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	compare(t, &colmetrics.ExportMetricsServiceRequest{}, Metrics(all), k.body)
}

// metricsOf are one of each kind, with a point that has everything and one that has nothing.
func metricsOf[N int64 | float64](set attribute.Set, value N) []metricdata.Metrics {
	exemplars := []metricdata.Exemplar[N]{{FilteredAttributes: every, Time: end, Value: value, SpanID: []byte{1}, TraceID: []byte{2}}, {}}
	points := []metricdata.DataPoint[N]{{Attributes: set, StartTime: begin, Time: end, Value: value, Exemplars: exemplars}, {}}
	extreme := metricdata.NewExtrema(value)
	bounds := []float64{0, 0.5, 1e9}
	return []metricdata.Metrics{
		{Name: "gauge", Description: "d", Unit: "By", Data: metricdata.Gauge[N]{DataPoints: points}},
		{Name: "sum", Data: metricdata.Sum[N]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: points}},
		{Name: "difference", Data: metricdata.Sum[N]{Temporality: metricdata.DeltaTemporality, DataPoints: points}},
		{Name: "histogram", Data: metricdata.Histogram[N]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[N]{
			{Attributes: set, StartTime: begin, Time: end, Count: 9, Bounds: bounds, BucketCounts: []uint64{0, 300, 1 << 40, 2}, Min: extreme, Max: extreme, Sum: value, Exemplars: exemplars},
			{},
		}}},
		{Name: "exponential", Data: metricdata.ExponentialHistogram[N]{Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.ExponentialHistogramDataPoint[N]{
			{
				Attributes: set, StartTime: begin, Time: end, Count: 9, Min: extreme, Max: extreme, Sum: value, Scale: -3, ZeroCount: 2, ZeroThreshold: 0.125,
				PositiveBucket: metricdata.ExponentialBucket{Offset: -9, Counts: []uint64{0, 1, 300, 1 << 60}},
				NegativeBucket: metricdata.ExponentialBucket{Offset: math.MaxInt32, Counts: []uint64{1}}, Exemplars: exemplars,
			},
			{},
		}}},
	}
}

// A byte that is not UTF-8 costs itself, and not the request; lengths of every size are right.
func TestText(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 1 << 14, 1 << 21} {
		name := "\xff" + string(make([]byte, n))
		var in coltraces.ExportTraceServiceRequest
		if err := proto.Unmarshal(Spans(tracetest.SpanStubs{{Name: name, Resource: mail}}.Snapshots()), &in); err != nil {
			t.Fatal(err)
		}
		if got := in.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetName(); got != "\uFFFD"+name[1:] {
			t.Errorf("%d bytes: %.20q", n, got)
		}
	}
}

func TestReadReply(t *testing.T) {
	whole, err := proto.Marshal(&colmetrics.ExportMetricsServiceResponse{
		PartialSuccess: &colmetrics.ExportMetricsPartialSuccess{RejectedDataPoints: 3, ErrorMessage: "too old"},
	})
	if err != nil {
		t.Fatal(err)
	}
	more := append([]byte{0x1d, 1, 2, 3, 4}, whole...) // field 3, of a newer receiver
	for _, tc := range []struct {
		name     string
		reply    []byte
		rejected int64
		text     string
		err      error
	}{
		{"all taken", nil, 0, "", nil},
		{"some", whole, 3, "too old", nil},
		{"with another field", more, 3, "too old", nil},
		{"cut", whole[:len(whole)-1], 0, "", ErrReply},
		{"text", []byte("not protobuf"), 0, "", ErrReply},
		{"cut inside", []byte{0x0a, 2, 0x12, 9}, 0, "", ErrReply},
	} {
		rejected, text, err := ReadReply(tc.reply)
		if rejected != tc.rejected || text != tc.text || !errors.Is(err, tc.err) {
			t.Errorf("%s: %d %q %v", tc.name, rejected, text, err)
		}
	}
}

func FuzzReadReply(f *testing.F) {
	f.Add([]byte{0x0a, 4, 0x08, 3, 0x12, 0})
	f.Fuzz(func(t *testing.T, reply []byte) {
		var all coltraces.ExportTraceServiceResponse
		if proto.Unmarshal(reply, &all) != nil {
			_, _, _ = ReadReply(reply) // without a panic
			return
		}
		if _, _, err := ReadReply(reply); err != nil {
			t.Errorf("%x: %v", reply, err)
		}
	})
}
