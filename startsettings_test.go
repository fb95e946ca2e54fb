package otelmail_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/mailconv"
	"github.com/rusmes/otelmail/otelmailtest"
)

// resourceOf returns the text attributes of the resource that Start makes.
func resourceOf(t *testing.T, opts ...otelmail.StartOption) map[string]string {
	t.Helper()
	all := map[string]string{}
	start(t, append(opts, otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		for _, kv := range p.Resource().Attributes() {
			all[string(kv.Key)] = kv.Value.String()
		}
		return nil
	})))...)
	return all
}

// TestServiceName: the option, then OTEL_SERVICE_NAME, then the older name, then
// service.name of OTEL_RESOURCE_ATTRIBUTES, then the program's.
func TestServiceName(t *testing.T) {
	ours := resourceOf(t)["service.name"]
	if ours == "" || strings.ContainsAny(ours, "/\\") {
		t.Errorf("by default the service is %q, want the program's name", ours)
	}
	const newer, older, list = "OTEL_SERVICE_NAME", "RUSMES_TRACING_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"
	for _, tc := range []struct {
		env  []string
		opts []otelmail.StartOption
		want string
	}{
		{nil, nil, ours},
		{[]string{newer, "", older, ""}, nil, ours}, // empty is as good as not set
		{[]string{list, "service.name=listed"}, nil, "listed"},
		{[]string{list, "service.name=listed", older, "old"}, nil, "old"},
		{[]string{newer, "", older, "old"}, nil, "old"},
		{[]string{list, "service.name=listed", older, "old", newer, "new"}, nil, "new"},
		{[]string{list, "service.name=listed", newer, "new"}, []otelmail.StartOption{otelmail.WithResourceAttributes(attribute.String("service.name", "attribute"))}, "attribute"},
		{[]string{newer, "new"}, []otelmail.StartOption{otelmail.WithService("code", ""),
			otelmail.WithResourceAttributes(attribute.String("service.name", "attribute"))}, "code"},
	} {
		if got := resourceOf(t, append(tc.opts, lookup(tc.env...))...)["service.name"]; got != tc.want {
			t.Errorf("%v: service.name %q, want %q", tc.env, got, tc.want)
		}
	}
}

// TestResourceAttributes: what the variable may hold, and that an option wins attribute by
// attribute.
func TestResourceAttributes(t *testing.T) {
	for list, want := range map[string]map[string]string{
		"a=b":                     {"a": "b"},
		" a = b , c=d":            {"a": "b", "c": "d"},
		"a=b%2Cc%3Dd,e=%E2%82%AC": {"a": "b,c=d", "e": "€"},
		"a=":                      {"a": ""},
		"a=b=c":                   {"a": "b=c"},
		"service.version=7":       {"service.version": "7"},
		"team=mail,":              {"team": "mail"},
		"a=b,,c=d":                {"a": "b", "c": "d"},
		"a=b \n":                  {"a": "b"},
		"deployment.environment.name=test,service.namespace=mail": {"deployment.environment.name": "test", "service.namespace": "mail"},
	} {
		got := resourceOf(t, lookup("OTEL_RESOURCE_ATTRIBUTES", list))
		for key, value := range want {
			if shown, there := got[key]; !there || shown != value {
				t.Errorf("%q: %s is %q, %t, want %q", list, key, shown, there, value)
			}
		}
	}
	got := resourceOf(t, lookup("OTEL_RESOURCE_ATTRIBUTES", "a=1,b=1,service.version=1"), otelmail.WithService("x", "2"),
		otelmail.WithResourceAttributes(attribute.String("b", "2")), otelmail.WithResourceAttributes(attribute.String("c", "2")))
	for key, value := range map[string]string{"a": "1", "b": "2", "c": "2", "service.version": "2"} {
		if got[key] != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
	if one, two := resourceOf(t)["service.instance.id"], resourceOf(t)["host.name"]; one == "" || two == "" {
		t.Errorf("instance %q, host %q", one, two)
	}
}

// TestAWrongResourceAttribute costs the others nothing.
func TestAWrongResourceAttribute(t *testing.T) {
	const want = "key=value pairs with commas between, values percent-encoded UTF-8"
	for list, tc := range map[string]struct {
		attrs map[string]string
		warns []string
	}{
		"a=100%,b=1":       {map[string]string{"a": "100%", "b": "1"}, []string{`"a=100%" is not allowed: want ` + want + "; used instead: the value as it stands"}},
		"a=5%zz%20":        {map[string]string{"a": "5%zz%20"}, []string{`"a=5%zz%20" is not allowed: want ` + want + "; used instead: the value as it stands"}},
		"wrong,a=1,=2":     {map[string]string{"a": "1"}, []string{`"wrong" is not allowed: want ` + want + "; used instead: the others", `"=2" is not allowed: want ` + want + "; used instead: the others"}},
		"a=1,b=%ff,%=\xff": {map[string]string{"a": "1"}, []string{`"b=%ff" is not allowed: want ` + want + "; used instead: the others", `"%=\xff" is not allowed: want ` + want + "; used instead: the others"}},
	} {
		var warned []string
		got := resourceOf(t, lookup("OTEL_RESOURCE_ATTRIBUTES", list), otelmail.WithErrorHandler(func(err error) { warned = append(warned, err.Error()) }))
		for key, value := range tc.attrs {
			if got[key] != value {
				t.Errorf("%q: %s is %q, want %q", list, key, got[key], value)
			}
		}
		for i := range tc.warns {
			tc.warns[i] = "OTEL_RESOURCE_ATTRIBUTES: " + tc.warns[i]
		}
		if _, there := got["b"]; there != (tc.attrs["b"] != "") || !slices.Equal(warned, tc.warns) {
			t.Errorf("%q: b %t, warned of\n%q, want\n%q", list, there, warned, tc.warns)
		}
		_, err := otelmail.Start(t.Context(), lookup("OTEL_RESOURCE_ATTRIBUTES", list), otelmail.WithoutGlobals(), otelmail.WithStrictSettings())
		if err == nil || strings.Count(err.Error(), "OTEL_RESOURCE_ATTRIBUTES: ") != len(tc.warns) {
			t.Errorf("%q: strict: %v", list, err)
		}
	}
}

// TestSamplers: each of OTEL_TRACES_SAMPLER's values, asked about a new trace and about the
// children of a sampled and of an unsampled one.
func TestSamplers(t *testing.T) {
	parent := func(flags trace.TraceFlags) context.Context {
		return trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{0xff, 8: 0xff}, SpanID: trace.SpanID{1}, TraceFlags: flags}))
	}
	contexts := []context.Context{t.Context(), parent(trace.FlagsSampled), parent(0)}
	for _, tc := range []struct {
		env  []string
		opts []otelmail.StartOption
		want [3]bool // new, child of a sampled one, child of an unsampled one
	}{
		{nil, nil, [3]bool{true, true, false}},
		{[]string{"OTEL_TRACES_SAMPLER", "always_on"}, nil, [3]bool{true, true, true}},
		{[]string{"OTEL_TRACES_SAMPLER", "always_off"}, nil, [3]bool{}},
		{[]string{"OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG", "0"}, nil, [3]bool{}},
		{[]string{"OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG", "1"}, nil, [3]bool{true, true, true}},
		{[]string{"OTEL_TRACES_SAMPLER", "traceidratio"}, nil, [3]bool{true, true, true}},
		{[]string{"OTEL_TRACES_SAMPLER", "parentbased_always_on", "OTEL_TRACES_SAMPLER_ARG", "0"}, nil, [3]bool{true, true, false}},
		{[]string{"OTEL_TRACES_SAMPLER", "parentbased_always_off"}, nil, [3]bool{false, true, false}},
		{[]string{"OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG", "0.0"}, nil, [3]bool{false, true, false}},
		{[]string{"RUSMES_TRACING_SAMPLE_RATIO", "0.0"}, nil, [3]bool{false, true, false}},
		{[]string{"RUSMES_TRACING_SAMPLE_RATIO", "0.0", "OTEL_TRACES_SAMPLER_ARG", "1.0"}, nil, [3]bool{true, true, false}},
		{[]string{"OTEL_TRACES_SAMPLER", "always_off"}, []otelmail.StartOption{otelmail.WithSampleRatio(1)}, [3]bool{true, true, false}},
		{[]string{"OTEL_TRACES_SAMPLER", "always_on"}, []otelmail.StartOption{otelmail.WithSampleRatio(0)}, [3]bool{false, true, false}},
		{[]string{"OTEL_TRACES_SAMPLER", "always_off"}, []otelmail.StartOption{otelmail.WithSampler(sdktrace.AlwaysSample())}, [3]bool{true, true, true}},
		{nil, []otelmail.StartOption{otelmail.WithSampleRatio(0), otelmail.WithSampler(sdktrace.AlwaysSample())}, [3]bool{true, true, true}},
		{nil, []otelmail.StartOption{otelmail.WithSampler(sdktrace.AlwaysSample()), otelmail.WithSampleRatio(0)}, [3]bool{false, true, false}},
	} {
		tel, rec := traced(t, append(tc.opts, lookup(tc.env...))...)
		for i, ctx := range contexts {
			rec.Reset()
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPData).End(otelmail.Reply{Code: 250})
			if got := len(rec.Ended()) == 1; got != tc.want[i] {
				t.Errorf("%v with %d options, context %d: recorded %t, want %t", tc.env, len(tc.opts), i, got, tc.want[i])
			}
		}
		// Where nobody takes spans, the same is decided, for logs and exemplars.
		bare, _ := start(t, append(tc.opts, lookup(tc.env...))...)
		if got := otelmail.BeginSMTPCommand(t.Context(), bare, mailconv.SMTPData).Span().SpanContext(); got.IsSampled() != tc.want[0] || !got.IsValid() {
			t.Errorf("%v without an exporter: %v, sampled %t", tc.env, got.TraceID(), got.IsSampled())
		}
	}
}

func TestSampleRatio(t *testing.T) {
	tel, rec := traced(t, otelmail.WithSampleRatio(0.5))
	const all = 2000
	for range all {
		otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPNoop).End(otelmail.Reply{Code: 250})
	}
	// Ten times the standard deviation on either side.
	if got := len(rec.Ended()); got < all/2-224 || got > all/2+224 {
		t.Errorf("%d of %d traces recorded, want about half", got, all)
	}
}

func TestPropagators(t *testing.T) {
	w3c, baggage := []string{"traceparent", "tracestate"}, []string{"baggage"}
	for _, tc := range []struct {
		env  []string
		opts []otelmail.StartOption
		want []string
	}{
		{nil, nil, slices.Concat(baggage, w3c)},
		{[]string{"OTEL_PROPAGATORS", ""}, nil, slices.Concat(baggage, w3c)},
		{[]string{"OTEL_PROPAGATORS", "tracecontext"}, nil, w3c},
		{[]string{"OTEL_PROPAGATORS", " baggage "}, nil, baggage},
		{[]string{"OTEL_PROPAGATORS", "baggage,tracecontext"}, nil, slices.Concat(baggage, w3c)},
		{[]string{"OTEL_PROPAGATORS", "none"}, nil, nil},
		{[]string{"OTEL_PROPAGATORS", "tracecontext,none"}, nil, nil},
		{[]string{"OTEL_PROPAGATORS", "tracecontext,"}, nil, w3c},
		{[]string{"OTEL_PROPAGATORS", "none"}, []otelmail.StartOption{otelmail.WithPropagator(propagation.Baggage{})}, baggage},
	} {
		tel, _ := start(t, append(tc.opts, lookup(tc.env...))...)
		got := tel.Propagator().Fields()
		slices.Sort(got)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%v: fields %v, want %v", tc.env, got, tc.want)
		}
	}
}

// TestExemplarFilter: which events become exemplars of a histogram.
func TestExemplarFilter(t *testing.T) {
	for filter, want := range map[string][2]int{ // inside a sampled span, inside an unsampled one
		"": {1, 0}, "trace_based": {1, 0}, "always_on": {1, 1}, "always_off": {0, 0},
	} {
		for i, ratio := range []float64{1, 0} {
			tel, reader := start(t, lookup("OTEL_METRICS_EXEMPLAR_FILTER", filter), otelmail.WithSampleRatio(ratio))
			tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{}).End(otelmail.CauseNone)
			p := collect(t, reader)["rusmes_smtp_session_duration_seconds"].Data.(metricdata.Histogram[float64]).DataPoints[0]
			if got := len(p.Exemplars); got != want[i] {
				t.Errorf("filter %q, ratio %v: %d exemplars, want %d", filter, ratio, got, want[i])
			}
		}
	}
}

// TestLimits: each limit of spans and log records, from the lookup and not from the process.
func TestLimits(t *testing.T) {
	for _, name := range []string{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT"} {
		t.Setenv(name, "0")
	}
	two := []attribute.KeyValue{attribute.String("a", "four"), attribute.String("b", "four")}
	got := func(env ...string) string {
		rec := otelmailtest.New(t, lookup(env...))
		link := trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}}), Attributes: two}
		_, span := rec.Tel.TracerProvider().Tracer("x").Start(t.Context(), "x", trace.WithAttributes(two...), trace.WithLinks(link, link))
		span.AddEvent("x", trace.WithAttributes(two...))
		span.AddEvent("x", trace.WithAttributes(two...))
		span.End()
		rec.Tel.Logger().Info("x", "a", "four", "b", "four")
		s, r := rec.Span("x"), rec.Log("INFO x")
		length := 0
		r.WalkAttributes(func(kv attribute.KeyValue) bool { length = len(kv.Value.AsString()); return true })
		return fmt.Sprint(len(s.Attributes()), len(s.Attributes()[0].Value.AsString()), len(s.Events()), len(s.Events()[0].Attributes),
			len(s.Links()), len(s.Links()[0].Attributes), r.AttributesLen(), length)
	}
	for _, tc := range []struct{ env, want string }{
		{"", "2 4 2 2 2 2 2 4"},
		{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1 4 2 2 2 2 2 4"},
		{"OTEL_ATTRIBUTE_COUNT_LIMIT", "1 4 2 2 2 2 2 4"},
		{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2 1 2 2 2 2 2 4"},
		{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2 1 2 2 2 2 2 4"},
		{"OTEL_SPAN_EVENT_COUNT_LIMIT", "2 4 1 2 2 2 2 4"},
		{"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "2 4 2 1 2 2 2 4"},
		{"OTEL_SPAN_LINK_COUNT_LIMIT", "2 4 2 2 1 2 2 4"},
		{"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "2 4 2 2 2 1 2 4"},
		{"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "2 4 2 2 2 2 1 4"},
		{"OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2 4 2 2 2 2 2 1"},
	} {
		if got := got(tc.env, "1"); got != tc.want {
			t.Errorf("%s=1: %s, want %s", tc.env, got, tc.want)
		}
	}
	if got, want := got("OTEL_SPAN_LINK_COUNT_LIMIT", "1", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2", "OTEL_ATTRIBUTE_COUNT_LIMIT", "1"), "2 4 2 2 1 2 2 4"; got != want {
		t.Errorf("the limit of spans wins over that for all: %s, want %s", got, want)
	}
}

// TestDisabled: nothing is recorded, whatever else is asked for, and the checks run.
func TestDisabled(t *testing.T) {
	for value, disabled := range map[string]bool{"true": true, "TRUE": true, "false": false, "": false} {
		healthy := make(chan struct{})
		tel, err := otelmail.Start(t.Context(), lookup("OTEL_SDK_DISABLED", value), otelmail.WithoutGlobals(),
			otelmail.WithSampler(sdktrace.AlwaysSample()),
			otelmail.WithCheck("storage", func(context.Context) error { close(healthy); return nil }))
		if err != nil {
			t.Fatal(err)
		}
		<-healthy
		c := otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPData)
		if got := !c.Span().SpanContext().IsValid(); got != disabled {
			t.Errorf("%q: disabled %t, want %t", value, got, disabled)
		}
		c.End(otelmail.Reply{Code: 250})
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestConfigFileIsNotReadInSilence: whoever has set one expects that it holds.
func TestConfigFileIsNotReadInSilence(t *testing.T) {
	var said []string
	env := lookup("OTEL_CONFIG_FILE", "/etc/otel.yaml")
	tel, err := otelmail.Start(t.Context(), env, otelmail.WithoutGlobals(), otelmail.WithErrorHandler(func(err error) { said = append(said, err.Error()) }))
	if err != nil {
		t.Fatal(err)
	}
	defer tel.Shutdown(context.Background())
	want := `OTEL_CONFIG_FILE: "/etc/otel.yaml" is not read by otelmail.Start: want an application that builds its providers from it, ` +
		"with go.opentelemetry.io/contrib/otelconf, and hands them to otelmail.New; used instead: options, the other variables and defaults"
	if !slices.Equal(said, []string{want}) {
		t.Errorf("said %q, want %q", said, want)
	}
	if _, err := otelmail.Start(t.Context(), env, otelmail.WithoutGlobals(), otelmail.WithStrictSettings()); err == nil || !strings.Contains(err.Error(), "OTEL_CONFIG_FILE") {
		t.Errorf("strict: error %v", err)
	}
	t.Setenv("OTEL_CONFIG_FILE", "/etc/otel.yaml")
	other, err := otelmail.New(otelmail.WithErrorHandler(func(err error) { t.Errorf("New: %v", err) }), otelmail.WithStrictSettings())
	if err != nil {
		t.Errorf("New: %v", err)
	}
	_ = other.Shutdown(context.Background())
}

// TestSettingsAreReadFromTheLookup, all of them, and from nowhere else.
func TestSettingsAreReadFromTheLookup(t *testing.T) {
	t.Setenv("OTEL_SERVICE_NAME", "of the process")
	if got := resourceOf(t)["service.name"]; got == "of the process" {
		t.Error("the process's environment is read beside the lookup")
	}
	asked := map[string]bool{}
	resourceOf(t, otelmail.WithLookupEnv(func(name string) (string, bool) { asked[name] = true; return "", false }))
	for _, name := range []string{"OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME", "RUSMES_TRACING_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES",
		"OTEL_PROPAGATORS", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "RUSMES_TRACING_SAMPLE_RATIO", "OTEL_METRICS_EXEMPLAR_FILTER",
		"OTEL_CONFIG_FILE", "RUSMES_LOG_LEVEL", "RUSMES_LOG_FORMAT", "RUSMES_LOG_OUTPUT"} {
		if !asked[name] {
			t.Errorf("%s is not looked at; looked at are %v", name, slices.Sorted(maps.Keys(asked)))
		}
	}
}

// TestTheProcessResourceIsText: the SDK reads OTEL_RESOURCE_ATTRIBUTES by itself, and takes
// what no receiver accepts.
func TestTheProcessResourceIsText(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "team=mail,broken=%ff")
	spans := tracetest.NewSpanRecorder()
	tel, _ := start(t, otelmail.WithLookupEnv(os.LookupEnv), otelmail.WithErrorHandler(func(error) {}),
		otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
			p.AddSpanProcessor(spans)
			return nil
		})))
	tel.Mail.Process(t.Context(), otelmail.MessageFacts{}).End(otelmail.FateQueued, otelmail.CauseNone)
	got := map[string]string{}
	for _, kv := range spans.Ended()[0].Resource().Attributes() {
		got[string(kv.Key)] = kv.Value.String()
		if !utf8.ValidString(kv.Value.String()) {
			t.Errorf("%s is %q", kv.Key, kv.Value.String())
		}
	}
	if got["team"] != "mail" || got["broken"] == "" {
		t.Errorf("the resource is %v", got)
	}
}
