package settings

import (
	"fmt"
	"time"
)

// Values that code compares with.
const (
	ToOTLP     = "otlp"
	ToConsole  = "console"
	prometheus = "prometheus" // served by the pull side

	GRPC         = "grpc"
	HTTPProtobuf = "http/protobuf"
	http         = "http" // the older name

	Gzip = "gzip"

	Cumulative = "cumulative"
	Delta      = "delta"
	LowMemory  = "lowmemory"

	ExponentialHistogram = "base2_exponential_bucket_histogram"
	explicitHistogram    = "explicit_bucket_histogram"
)

// Where a signal goes whose list of exporters asks for otlp without an endpoint.
const (
	LocalHTTP = "http://localhost:4318"
	LocalGRPC = "http://localhost:4317"
)

// BatchSize is the default of how many items one request has at most, in a queue
// that is no smaller.
const BatchSize = 512

// The settings of the push.
var (
	// OTLPEndpoint guards nothing: a typo in it must not take the probes away. Without
	// it nothing is pushed, to localhost neither, which nobody asked for.
	OTLPEndpoint = define(Setting{
		Section: Push, Names: []string{otlp + "ENDPOINT"}, PerSignal: true, Secret: true,
		Kind: Text, Want: "http://host:port or https://host:port, with an optional path",
		Otherwise: "none: nothing is pushed; `" + LocalHTTP + "`, or `" + LocalGRPC + "` for `" + GRPC +
			"`, where a list of exporters asks for `" + ToOTLP + "`",
		Options: []string{"otlp.Endpoint"},
		Meaning: "The receiver. For HTTP `v1/traces` and so on is added, but not to a signal's own. `" + GRPC + "` takes host:port too",
	})
	TracingEndpoint = define(Setting{
		Section: Push, Names: []string{"RUSMES_TRACING_ENDPOINT"}, Secret: true,
		Kind: Text, Want: OTLPEndpoint.Want,
		Options: []string{"otlp.Endpoint"},
		Meaning: "Older, for traces alone, where `" + OTLPEndpoint.Name() + "` and its siblings are not set. With a path it is taken as it is",
	})
	OTLPProtocol = define(Setting{
		Section: Push, Names: []string{otlp + "PROTOCOL"}, PerSignal: true,
		Kind: Choice, Values: []string{GRPC, HTTPProtobuf}, Default: HTTPProtobuf, Otherwise: "whatever the port",
		NotOffered: []string{"http/json"},
		Options:    []string{"otlp.Protocol"},
		Meaning:    "How OTLP travels; `grpc` where the program has it (`otlp.Enable`)",
	})
	TracingProtocol = define(Setting{
		Section: Push, Names: []string{"RUSMES_TRACING_PROTOCOL"},
		Kind: Choice, Values: []string{GRPC, http},
		Options: []string{"otlp.Protocol"},
		Meaning: "Older, for traces alone, where `" + OTLPProtocol.Name() + "` and its sibling are not set",
	})
	// OTLPHeaders guards nothing, for the same reason. But they may name a tenant, so that
	// nothing is pushed without them.
	OTLPHeaders = define(Setting{
		Section: Push, Names: []string{otlp + "HEADERS"}, PerSignal: true, Secret: true,
		Kind: Text, Want: "a list like name=value,name=value with percent-encoded values",
		Options: []string{"otlp.Headers"},
		Meaning: "Sent with every request",
	})
	OTLPTimeout = define(Setting{
		Section: Push, Names: []string{otlp + "TIMEOUT"}, PerSignal: true,
		Kind: Timeout, Default: "10000",
		Options: []string{"otlp.Timeout"},
		Meaning: "Bounds one attempt",
	})
	OTLPCompression = define(Setting{
		Section: Push, Names: []string{otlp + "COMPRESSION"}, PerSignal: true,
		Kind: Choice, Values: []string{Gzip, None}, Default: None,
		Options: []string{"otlp.Compression"},
		Meaning: "Of request bodies",
	})
	// The files of TLS guard the push: who named a root or a client's key must not find out
	// later that others were used.
	OTLPCertificate = define(Setting{
		Section: Push, Names: []string{otlp + "CERTIFICATE"}, PerSignal: true, Secret: true,
		Kind: Text, Want: "the path of a readable PEM file", Otherwise: "the system's roots",
		Options: []string{"otlp.TLS"},
		Meaning: "Whom to trust, for `https`; read again when the file changes, as those below are",
		Guards:  true,
	})
	OTLPClientCertificate = define(Setting{
		Section: Push, Names: []string{otlp + "CLIENT_CERTIFICATE"}, PerSignal: true, Secret: true,
		Kind: Text, Want: OTLPCertificate.Want,
		Options: []string{"otlp.TLS"},
		Meaning: "Who we are, with the key beside it",
		Guards:  true,
	})
	OTLPClientKey = define(Setting{
		Section: Push, Names: []string{otlp + "CLIENT_KEY"}, PerSignal: true, Secret: true,
		Kind: Text, Want: OTLPCertificate.Want,
		Options: []string{"otlp.TLS"},
		Meaning: "The client certificate's key",
		Guards:  true,
	})
	// OTLPInsecure guards nothing: its default is TLS.
	OTLPInsecure = define(Setting{
		Section: Push, Names: []string{otlp + "INSECURE"}, PerSignal: true,
		Kind: Flag, Default: "false",
		Meaning: "`true` is plain text, for `" + GRPC + "` endpoints without a scheme",
	})

	TracesExporter  = exporters("TRACES", nil, "zipkin", "jaeger")
	MetricsExporter = exporters("METRICS", []string{prometheus})
	LogsExporter    = exporters("LOGS", nil)
	TracingEnabled  = define(Setting{
		Section: Push, Names: []string{"RUSMES_TRACING_ENABLED"},
		Kind: Choice, Values: []string{"true", "false"}, // no default
		Options: []string{"otlp.Off"},
		Meaning: "Older: `true` is `" + ToOTLP + "` and `false` is `" + None + "` where `" + TracesExporter.Name() + "` is not set",
	})

	Temporality = define(Setting{
		Section: Push, Names: []string{otlp + "METRICS_TEMPORALITY_PREFERENCE"},
		Kind: Choice, Values: []string{Cumulative, Delta, LowMemory}, Default: Cumulative,
		Options: []string{"otlp.Temporality"},
		Meaning: "Totals or differences",
	})
	HistogramAggregation = define(Setting{
		Section: Push, Names: []string{otlp + "METRICS_DEFAULT_HISTOGRAM_AGGREGATION"},
		Kind: Choice, Values: []string{explicitHistogram, ExponentialHistogram}, Default: explicitHistogram,
		Options: []string{"otelmail.WithExponentialHistograms"},
		Meaning: "The buckets of pushed histograms; the option is for /metrics too",
	})
	MetricInterval = define(Setting{
		Section: Push, Names: []string{"OTEL_METRIC_EXPORT_INTERVAL"},
		Kind: Millis, Default: "60000",
		Options: []string{"otlp.Interval"},
		Meaning: "Between two pushes of metrics",
	})
	MetricTimeout = define(Setting{
		Section: Push, Names: []string{"OTEL_METRIC_EXPORT_TIMEOUT"},
		Kind: Timeout, Default: "30000",
		Meaning: "Bounds one push of metrics, all attempts together",
	})

	BSP  = batch("OTEL_BSP", "spans", "5000", bufferedDelay+" with a buffer on disk")
	BLRP = batch("OTEL_BLRP", "log records", "1000", "")
	// BufferedBSPDelay is BSP.Delay with a buffer on disk: a kill costs what is not
	// written there yet.
	BufferedBSPDelay = BSP.Delay.withDefault(bufferedDelay)

	BufferDir = define(Setting{
		Section: Push, Names: []string{"RUSMES_OTLP_BUFFER_DIR"},
		Kind: Text, Want: "the path of a directory", Otherwise: "none: a bounded queue in memory",
		Options: []string{"otlp.Buffer"},
		Meaning: "Keeps what the receiver does not take, see [reliability.md](reliability.md)",
		Guards:  true,
	})
	BufferMaxBytes = define(Setting{
		Section: Push, Names: []string{"RUSMES_OTLP_BUFFER_MAX_BYTES"},
		Kind: Size, Low: 8 << 20, High: 1 << 40, // at least room for one request of each signal
		Default: fmt.Sprint(256 << 20),
		Options: []string{"otlp.MaxBytes"},
		Meaning: "Bounds the buffer",
	})
	BufferMaxAge = define(Setting{
		Section: Push, Names: []string{"RUSMES_OTLP_BUFFER_MAX_AGE"},
		Kind: Duration, Low: int64(time.Minute), High: int64(30 * 24 * time.Hour),
		Default: "24h",
		Options: []string{"otlp.MaxAge"},
		Meaning: "For how long the buffer keeps something",
	})
)

const bufferedDelay = "1000"

// exporters is the list of where a signal goes.
func exporters(signal string, more []string, notOffered ...string) *Setting {
	return define(Setting{
		Section: Push, Names: []string{"OTEL_" + signal + "_EXPORTER"},
		Kind: List, Values: append([]string{ToOTLP, ToConsole, None}, more...),
		// "logging" is the older name of the console, "otlp/stdout" its form in OTLP's JSON.
		NotOffered: append(notOffered, "logging", "otlp/stdout"),
		Otherwise:  "`" + ToOTLP + "` where an endpoint is named",
		Options:    []string{"otlp.Off"},
		Meaning:    "Where the signal goes; `" + None + "` stands alone",
	})
}

// Batch is how the spans or log records of one processor are gathered into
// requests.
type Batch struct{ Queue, Size, Delay, Timeout *Setting }

func batch(prefix, items string, delay, delayOtherwise string) Batch {
	const most = 1_000_000
	return Batch{
		Queue: define(Setting{
			Section: Push, Names: []string{prefix + "_MAX_QUEUE_SIZE"},
			Kind: Number, Low: 1, High: most, Default: "2048",
			Meaning: "How many " + items + " wait in memory",
		}),
		Size: define(Setting{
			Section: Push, Names: []string{prefix + "_MAX_EXPORT_BATCH_SIZE"},
			Kind: Number, Low: 1, High: most,
			Otherwise: fmt.Sprintf("%d, or the queue's size where that is smaller", BatchSize),
			Meaning:   "How many " + items + " one request has at most; not more than the queue's size",
		}),
		Delay: define(Setting{
			Section: Push, Names: []string{prefix + "_SCHEDULE_DELAY"},
			Kind: Millis, Default: delay, Otherwise: delayOtherwise,
			Meaning: "How long " + items + " wait for more of them",
		}),
		Timeout: define(Setting{
			Section: Push, Names: []string{prefix + "_EXPORT_TIMEOUT"},
			Kind: Timeout, Otherwise: "a minute more than one attempt may take",
			Meaning: "Bounds one request, all attempts together; a pause that the receiver asks for does not count",
		}),
	}
}
