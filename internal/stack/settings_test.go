package stack_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/internal/settings"
)

var signals = []string{"traces", "metrics", "logs"}

// variable is one of a setting's names.
type variable struct {
	*settings.Setting
	name   string
	signal string // whose it is alone; "" for all
}

// variables are all of the table.
func variables() (all []variable) {
	for _, section := range []settings.Section{settings.Process, settings.Limits, settings.Pull, settings.Push, settings.Log} {
		for _, s := range settings.In(section) {
			for _, name := range s.Names {
				all = append(all, variable{s, name, ""})
			}
			if s.PerSignal {
				for _, signal := range signals {
					all = append(all, variable{s, s.For(signal).Name(), signal})
				}
			}
		}
	}
	return all
}

// wrong is a value that the variable cannot have; "" if any will do.
func (v variable) wrong() string {
	if v.Kind != settings.Text {
		return "wrong"
	}
	switch v.Setting {
	case settings.ServiceName:
		return ""
	case settings.PrometheusHost:
		return "[::1]"
	case settings.BufferDir:
		return "settings_test.go" // a file
	case settings.LogOutput:
		return "/nonexistent/mail.log"
	}
	return "wrong" // no address, path, URL, list of pairs or file
}

// warnings are what the error handler is told.
type warnings struct {
	mu   sync.Mutex
	text []string
}

func (w *warnings) handle(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, err.Error())
}

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.text)
}

// start starts with both ways out, the variable wrong, and an environment in which all
// others are right.
func (v variable) start(t *testing.T, serve []prometheus.Option, push []otlp.Option, opts ...otelmail.StartOption) (*ways, *warnings, error) {
	t.Helper()
	w, told := &ways{received: newReceiver(t)}, &warnings{}
	env := map[string]string{
		settings.MetricsBindAddress.Name(): "127.0.0.1:0",
		settings.OTLPEndpoint.Name():       w.received.url,
		v.name:                             v.wrong(),
	}
	if v.Setting == settings.TracingEndpoint { // the newer one wins
		delete(env, settings.OTLPEndpoint.Name())
	}
	server := prometheus.NewServer(serve...)
	tel, err := otelmail.Start(t.Context(), append(opts, otelmail.WithoutGlobals(), otelmail.WithErrorHandler(told.handle),
		otelmail.WithLookupEnv(func(name string) (string, bool) { value, set := env[name]; return value, set }),
		otelmail.WithExporter(server), otlp.Push(push...))...)
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	if err == nil {
		w.page = "http://" + server.Addr().String() + "/metrics"
	}
	w.Telemetry = tel
	return w, told, err
}

// TestEveryWrongVariable: it stops start-up if it guards something, else it is a warning,
// and everything works without it. In strict mode it is an error.
func TestEveryWrongVariable(t *testing.T) {
	t.Parallel()
	guards := 0
	for _, v := range variables() {
		value := v.wrong()
		if value == "" {
			continue
		}
		says := []string{v.name, "want "}
		if v.Setting != settings.OTLPHeaders { // whose values may be secret
			says = append(says, value)
		}
		t.Run(v.name, func(t *testing.T) {
			if v.Setting != settings.StrictSettings {
				_, told, err := v.start(t, nil, nil, otelmail.WithStrictSettings())
				if err == nil || len(told.all()) > 0 {
					t.Fatalf("strict: error %v, warnings %q", err, told.all())
				}
				wantAll(t, err.Error(), says...)
			}
			w, told, err := v.start(t, nil, nil)
			if v.Guards {
				guards++
				if err == nil || len(told.all()) > 0 {
					t.Fatalf("guards: error %v, warnings %q", err, told.all())
				}
				wantAll(t, err.Error(), says...)
				return
			}
			if err != nil || len(told.all()) != 1 {
				t.Fatalf("error %v, warnings %q, want one", err, told.all())
			}
			wantAll(t, told.all()[0], append(says, "; used instead: ")...)

			live := &ways{page: strings.Replace(w.page, "/metrics", "/live", 1)}
			live.scrape(t, classicText)
			w.span(func(trace.Span) {})
			w.record(func(*log.Record) {})
			w.WebPush.GaveUp()
			w.checkPage(t, "", 0)
			if err := w.Shutdown(context.Background()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
			spans, records, counted := w.received.counts()
			for i, arrived := range []bool{spans == 1, counted > 0, records == 1} {
				if want := v.pushes(signals[i]); arrived != want {
					t.Errorf("%s arrived: %t, want %t", signals[i], arrived, want)
				}
			}
		})
	}
	if guards < 10 {
		t.Errorf("only %d variables guard something", guards)
	}
}

// pushes reports whether a signal is pushed although the variable is wrong.
func (v variable) pushes(signal string) bool {
	switch v.Setting {
	case settings.OTLPEndpoint, settings.OTLPHeaders:
		return v.signal != "" && v.signal != signal
	case settings.TracingEndpoint: // and nothing has named another
		return false
	}
	return true
}

// TestDisabledServesTheProbes: whatever else is wrong, in strict mode too, except for where
// they are to be served.
func TestDisabledServesTheProbes(t *testing.T) {
	t.Parallel()
	for _, v := range variables() {
		where := slices.Contains([]*settings.Setting{settings.MetricsBindAddress, settings.PrometheusHost, settings.PrometheusPort, settings.ProbesBindAddress}, v.Setting)
		if where || v.Setting == settings.SDKDisabled || v.wrong() == "" {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			env := map[string]string{
				settings.SDKDisabled.Name(): " True\n", settings.MetricsBindAddress.Name(): "127.0.0.1:0", v.name: v.wrong(),
			}
			server := prometheus.NewServer()
			tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithStrictSettings(), otelmail.WithErrorHandler(func(error) {}),
				otelmail.WithLookupEnv(func(name string) (string, bool) { value, set := env[name]; return value, set }),
				otelmail.WithExporter(server), otlp.Push())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
			for _, path := range []string{"/live", "/health", "/metrics"} {
				(&ways{page: "http://" + server.Addr().String() + path}).scrape(t, classicText)
			}
		})
	}
}

// TestWhatTemplatesLeave is neither an error nor a warning, and everything works.
func TestWhatTemplatesLeave(t *testing.T) {
	t.Parallel()
	for _, env := range [][2]string{
		{"OTEL_RESOURCE_ATTRIBUTES", "team=mail,"},
		{"OTEL_RESOURCE_ATTRIBUTES", "a=b,,c=d"},
		{"OTEL_RESOURCE_ATTRIBUTES", "team=mail \n"},
		{"OTEL_RESOURCE_ATTRIBUTES", " , "},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=b,,c=d, "},
		{"OTEL_TRACES_EXPORTER", "otlp,"},
		{"OTEL_METRICS_EXPORTER", ",otlp, ,prometheus"},
		{"OTEL_LOGS_EXPORTER", ","},
		{"OTEL_PROPAGATORS", "tracecontext,,baggage\n"},
		{"OTEL_SDK_DISABLED", " false "},
		{"OTEL_EXPORTER_OTLP_INSECURE", "true "},
		{"RUSMES_METRICS_ENABLED", " true\n"},
		{"RUSMES_TRACING_ENABLED", " TRUE "},
		{"RUSMES_METRICS_PATH", "/metrics\n"},
		{"OTEL_EXPORTER_PROMETHEUS_HOST", " 127.0.0.1 "},
		{"OTEL_EXPORTER_PROMETHEUS_PORT", "0\n"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip "},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", " "},
		{"RUSMES_OTLP_BUFFER_MAX_AGE", "24h\n"},
		{"RUSMES_LOG_OUTPUT", "stderr\n"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "0"}, // no limit
		{"OTEL_METRIC_EXPORT_TIMEOUT", "0"},
		{"OTEL_BSP_EXPORT_TIMEOUT", "0"},
		{"OTEL_BLRP_EXPORT_TIMEOUT", "0"},
	} {
		t.Run(strings.Join(env[:], "="), func(t *testing.T) {
			received, told, server := newReceiver(t), &warnings{}, prometheus.NewServer()
			tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithErrorHandler(told.handle), otelmail.WithExporter(server), otlp.Push(),
				otelmail.WithLookupEnv(func(name string) (string, bool) {
					switch name {
					case env[0]:
						return env[1], true
					case settings.MetricsBindAddress.Name():
						return "127.0.0.1:0\n", true
					case settings.OTLPEndpoint.Name():
						return received.url + " \n", true
					}
					return "", false
				}))
			if err != nil || len(told.all()) > 0 {
				t.Fatalf("error %v, warnings %q", err, told.all())
			}
			w := &ways{Telemetry: tel, page: "http://" + server.Addr().String() + "/metrics", received: received}
			w.span(func(trace.Span) {})
			w.record(func(*log.Record) {})
			w.WebPush.GaveUp()
			w.scrape(t, classicText)
			if err := tel.Shutdown(context.Background()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
			if spans, records, counted := received.counts(); spans != 1 || records != 1 || counted == 0 {
				t.Errorf("%d spans, %d records, %d metrics arrived", spans, records, counted)
			}
		})
	}
}

func wantAll(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
}

// TestAnOptionWinsBeforeItsVariableIsLookedAt: a wrong one is neither an error nor a
// warning then.
func TestAnOptionWinsBeforeItsVariableIsLookedAt(t *testing.T) {
	t.Parallel()
	ofSignal := map[string]func(...otlp.SignalOption) otlp.Option{"traces": otlp.Traces, "metrics": otlp.Metrics, "logs": otlp.Logs}
	receiver := newReceiver(t)
	for _, v := range variables() {
		if v.wrong() == "" {
			continue
		}
		for _, option := range v.Options {
			if option == "otelmail.WithResourceAttributes" {
				continue // wins attribute by attribute: the variable has others
			}
			t.Run(v.name+" "+option, func(t *testing.T) {
				var serve []prometheus.Option
				var push []otlp.Option
				var start []otelmail.StartOption
				switch opt := optionFor(option, receiver.url+"/"+v.signal, t.TempDir()).(type) {
				case otlp.SignalOption:
					push = append(push, opt)
					if v.signal != "" {
						push[0] = ofSignal[v.signal](opt)
					}
				case otlp.Option:
					push = append(push, opt)
				case otelmail.StartOption:
					start = append(start, opt)
				case prometheus.Option:
					serve = append(serve, opt)
				default:
					t.Fatal("the test does not know this option")
				}
				if option == "otlp.TLS" { // the receiver has none
					push = append(push, otlp.Off())
				}
				w, told, err := v.start(t, serve, push, start...)
				if err != nil || len(told.all()) > 0 {
					t.Errorf("error %v, warnings %q", err, told.all())
				}
				if err := w.Shutdown(context.Background()); err != nil {
					t.Errorf("shutdown: %v", err)
				}
			})
		}
	}
}

// optionFor is an option that the table names, with a right value.
func optionFor(name, url, dir string) any {
	return map[string]any{
		"otelmail.WithService":               otelmail.WithService("mail", "1"),
		"otelmail.WithStrictSettings":        otelmail.WithStrictSettings(),
		"otelmail.WithPropagator":            otelmail.WithPropagator(propagation.Baggage{}),
		"otelmail.WithSampler":               otelmail.WithSampler(sdktrace.AlwaysSample()),
		"otelmail.WithSampleRatio":           otelmail.WithSampleRatio(1),
		"otelmail.WithExponentialHistograms": otelmail.WithExponentialHistograms(),
		"otelmail.WithQueueLinkAfter":        otelmail.WithQueueLinkAfter(0),
		"otelmail.WithKeep":                  otelmail.WithKeep(otelmail.Keep{}),
		"otelmail.WithLogMailEvents":         otelmail.WithLogMailEvents(),
		"otelmail.WithLogHandler":            otelmail.WithLogHandler(slog.NewTextHandler(io.Discard, nil)),
		"prometheus.WithAddress":             prometheus.WithAddress("127.0.0.1:0"),
		"prometheus.WithPath":                prometheus.WithPath("/m"),
		"prometheus.WithProbeAddress":        prometheus.WithProbeAddress("127.0.0.1:0"),
		"prometheus.WithPprof":               prometheus.WithPprof(),
		"otlp.Interval":                      otlp.Interval(time.Minute),
		"otlp.Temporality":                   otlp.Temporality(otlp.Delta),
		"otlp.Buffer":                        otlp.Buffer(dir),
		"otlp.MaxBytes":                      otlp.Buffer(dir, otlp.MaxBytes(8<<20)),
		"otlp.MaxAge":                        otlp.Buffer(dir, otlp.MaxAge(time.Hour)),
		"otlp.Endpoint":                      otlp.Endpoint(url),
		"otlp.Off":                           otlp.Off(),
		"otlp.Protocol":                      otlp.Protocol(otlp.HTTP),
		"otlp.Headers":                       otlp.Headers(map[string]string{"a": "b"}),
		"otlp.Timeout":                       otlp.Timeout(time.Second),
		"otlp.Compression":                   otlp.Compression(otlp.Gzip),
		"otlp.TLS":                           otlp.TLS(&tls.Config{}),
	}[name]
}
