package settings

// The settings of /metrics and the probes.
var (
	// MetricsEnabled guards nothing: a typo in it must not take the probes away. What is
	// served then is what the other settings say.
	MetricsEnabled = define(Setting{
		Section: Pull, Names: []string{"RUSMES_METRICS_ENABLED"},
		Kind: Flag, Default: "true",
		Meaning: "`false` means no server at all, probes included",
	})
	MetricsBindAddress = define(Setting{
		Section: Pull, Names: []string{"RUSMES_METRICS_BIND_ADDRESS"},
		Kind: Text, Want: "host:port with a port from 0 to 65535, like 127.0.0.1:9090, [::1]:9090 or :9090; " +
			"unix:/path of a socket; or systemd:NAME of one that systemd has opened",
		Default: "0.0.0.0:9090",
		Options: []string{"prometheus.WithAddress"},
		Meaning: "Where to listen",
		Guards:  true,
	})
	PrometheusHost = define(Setting{
		Section: Pull, Names: []string{"OTEL_EXPORTER_PROMETHEUS_HOST"},
		Kind: Text, Want: "a host name or an IP address without brackets",
		Options: []string{"prometheus.WithAddress"},
		Meaning: "Replaces the host of that address",
		Guards:  true,
	})
	PrometheusPort = define(Setting{
		Section: Pull, Names: []string{"OTEL_EXPORTER_PROMETHEUS_PORT"},
		Kind: Number, Low: 0, High: 65535,
		Options: []string{"prometheus.WithAddress"},
		Meaning: "Replaces the port of that address",
		Guards:  true,
	})
	ProbesBindAddress = define(Setting{
		Section: Pull, Names: []string{"RUSMES_PROBES_BIND_ADDRESS"},
		Kind: Text, Want: MetricsBindAddress.Want, Otherwise: "none: they are on the metrics' address alone",
		Options: []string{"prometheus.WithProbeAddress"},
		Meaning: "Where to serve /health, /ready and /live besides, in plain HTTP and nothing else",
		Guards:  true,
	})
	MetricsPath = define(Setting{
		Section: Pull, Names: []string{"RUSMES_METRICS_PATH"},
		Kind: Text, Want: `a path that starts with "/", of letters, digits and - . _ ~ /, without "//", "/./" or a "/" at its end`,
		Default: "/metrics",
		Options: []string{"prometheus.WithPath"},
		Meaning: "Where the metrics are",
		Guards:  true,
	})
	// PprofEnabled guards nothing: a wrong value is false.
	PprofEnabled = define(Setting{
		Section: Pull, Names: []string{"RUSMES_PPROF_ENABLED"},
		Kind: Flag, Default: "false",
		Options: []string{"prometheus.WithPprof"},
		Meaning: "With `true` the profiles of the process are at /debug/pprof/; where strangers could ask for them, start-up stops",
	})
)
