package settings

// Values that code compares with.
const (
	None = "none"

	AlwaysOn     = "always_on"
	AlwaysOff    = "always_off"
	TraceIDRatio = "traceidratio"
	ParentBased  = "parentbased_" // before each of the three

	TraceContext = "tracecontext"
	Baggage      = "baggage"

	TraceBased = "trace_based"
)

// The settings of the process.
var (
	SDKDisabled = define(Setting{
		Section: Process, Names: []string{"OTEL_SDK_DISABLED"},
		Kind: Flag, Default: "false",
		Meaning: "With `true` nothing is recorded or pushed; the probes are served all the same",
	})
	// StrictSettings guards nothing itself: who misspells it gets the warning.
	StrictSettings = define(Setting{
		Section: Process, Names: []string{"RUSMES_STRICT_SETTINGS"},
		Kind: Flag, Default: "false",
		Options: []string{"otelmail.WithStrictSettings"},
		Meaning: "With `true` every wrong variable stops start-up",
	})
	// ConfigFile guards nothing: who has set it for another program of the host must keep the probes.
	ConfigFile = define(Setting{
		Section: Process, Names: []string{"OTEL_CONFIG_FILE"},
		Kind: Text, Want: "an application that builds its providers from it, with go.opentelemetry.io/contrib/otelconf, and hands them to otelmail.New",
		Otherwise: "options, the other variables and defaults",
		Meaning:   "Is not read by `otelmail.Start`, see [providers.md](providers.md#a-configuration-file-of-opentelemetry)",
	})
	ServiceName = define(Setting{
		Section: Process, Names: []string{"OTEL_SERVICE_NAME", "RUSMES_TRACING_SERVICE_NAME"},
		Kind: Text, Want: "text", Otherwise: "the program's name",
		Options: []string{"otelmail.WithService"},
		Meaning: "`service.name` of the resource",
	})
	ResourceAttributes = define(Setting{
		Section: Process, Names: []string{"OTEL_RESOURCE_ATTRIBUTES"},
		Kind: Text, Want: "key=value pairs with commas between, values percent-encoded UTF-8",
		Options: []string{"otelmail.WithResourceAttributes"},
		Meaning: "The resource's other attributes; an option wins attribute by attribute",
	})
	Propagators = define(Setting{
		Section: Process, Names: []string{"OTEL_PROPAGATORS"},
		Kind: List, Values: []string{TraceContext, Baggage, None}, Default: TraceContext + "," + Baggage,
		NotOffered: []string{"b3", "b3multi", "jaeger", "ottrace", "xray"},
		Options:    []string{"otelmail.WithPropagator"},
		Meaning:    "How trace context travels; the option takes any other propagator too",
	})
	TracesSampler = define(Setting{
		Section: Process, Names: []string{"OTEL_TRACES_SAMPLER"},
		Kind: Choice, Values: []string{
			AlwaysOn, AlwaysOff, TraceIDRatio,
			ParentBased + AlwaysOn, ParentBased + AlwaysOff, ParentBased + TraceIDRatio,
		}, Default: ParentBased + TraceIDRatio,
		NotOffered: []string{"jaeger_remote", ParentBased + "jaeger_remote", "xray"},
		Options:    []string{"otelmail.WithSampler", "otelmail.WithSampleRatio"},
		Meaning:    "Which traces are recorded, see [sampling.md](sampling.md); `otelmail.WithSampler` takes any other sampler too",
	})
	TracesSamplerArg = define(Setting{
		Section: Process, Names: []string{"OTEL_TRACES_SAMPLER_ARG", "RUSMES_TRACING_SAMPLE_RATIO"},
		Kind: Ratio, Default: "1.0",
		Options: []string{"otelmail.WithSampler", "otelmail.WithSampleRatio"},
		Meaning: "The share of new traces, for `" + TraceIDRatio + "`",
	})
	ExemplarFilter = define(Setting{
		Section: Process, Names: []string{"OTEL_METRICS_EXEMPLAR_FILTER"},
		Kind: Choice, Values: []string{AlwaysOn, AlwaysOff, TraceBased}, Default: TraceBased,
		Meaning: "Which events become exemplars; `" + TraceBased + "` are those inside a sampled span",
	})
)
