package check_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/check"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/live"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/otlp/otlpgrpc"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
	"github.com/rusmes/otelmail/internal/freeport"
	"github.com/rusmes/otelmail/internal/settings"
)

// env is the environment of a check: NAME=value.
func env(variables ...string) otelmail.Option {
	return otelmail.WithLookupEnv(func(name string) (string, bool) {
		for _, v := range variables {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value, true
			}
		}
		return "", false
	})
}

// run is a check of a server that pulls and pushes, somewhere on loopback.
func run(t *testing.T, variables ...string) check.Report {
	t.Helper()
	return check.Run(within(t), env(append(variables, "RUSMES_METRICS_BIND_ADDRESS=127.0.0.1:0")...), prometheus.Serve(), otlp.Push())
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func found(r check.Report, level export.Level) (texts []string) {
	for _, f := range r.Findings {
		if f.Level == level {
			texts = append(texts, f.Text)
		}
	}
	return texts
}

// TestNothingIsLeftBehind: a check changes nothing, and listens no longer.
func TestNothingIsLeftBehind(t *testing.T) {
	dir, address := t.TempDir(), freeport.Address(t)
	log := filepath.Join(dir, "mail.log")
	if err := os.WriteFile(log, []byte("a line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, variables := range map[string][]string{
		"nothing": {"RUSMES_METRICS_BIND_ADDRESS=" + address},
		"much": {
			"RUSMES_METRICS_BIND_ADDRESS=" + address, "OTEL_RESOURCE_ATTRIBUTES=team=mail,",
			"RUSMES_OTLP_BUFFER_DIR=" + filepath.Join(dir, "new"), "RUSMES_LOG_OUTPUT=" + filepath.Join(dir, "new.log"),
			"RUSMES_STRICT_SETTINGS=true", "OTEL_SDK_DISABLED=false", "RUSMES_METRICS_ENABLED=true",
		},
		"a log that there is": {"RUSMES_METRICS_BIND_ADDRESS=" + address, "RUSMES_LOG_OUTPUT=" + log, "RUSMES_OTLP_BUFFER_DIR=" + dir},
	} {
		r := check.Run(within(t), env(variables...), prometheus.Serve(), otlp.Push(), live.Serve(live.Keep(filepath.Join(dir, "live"), time.Hour)))
		if !r.OK() {
			t.Errorf("%s: %q", name, found(r, export.Wrong))
		}
	}
	entries, err := os.ReadDir(dir)
	if text, readErr := os.ReadFile(log); err != nil || readErr != nil || len(entries) != 1 || string(text) != "a line\n" {
		t.Errorf("the check has left %v, and %q in the log", entries, text)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("after the checks: %v", err)
	}
	l.Close()
}

// TestTheSameOptionsStartAfterwards: what was checked can be started.
func TestTheSameOptionsStartAfterwards(t *testing.T) {
	server, push := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0")), otlp.NewPusher()
	opts := []otelmail.StartOption{otelmail.WithoutGlobals(), env(), otelmail.WithExporter(server), otelmail.WithExporter(push)}
	for range 2 {
		if r := check.Run(within(t), opts...); !r.OK() {
			t.Fatalf("%q", found(r, export.Wrong))
		}
	}
	tel, err := otelmail.Start(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer tel.Shutdown(t.Context())
	if server.Addr() == nil {
		t.Error("nothing is served")
	}
}

// TestEverySetting that can be wrong is named, with the value and what is allowed.
func TestEverySetting(t *testing.T) {
	for _, section := range settings.Sections {
		for _, s := range settings.In(section) {
			value := "wrong"
			switch s {
			case settings.ServiceName:
				continue // takes any text
			case settings.PrometheusHost:
				value = "[::1]"
			case settings.BufferDir:
				value = "check_test.go"
			case settings.LogOutput:
				value = "/nonexistent/mail.log"
			}
			names := slices.Clone(s.Names)
			if s.PerSignal {
				names = append(names, s.For("logs").Name())
			}
			for _, name := range names {
				variables := []string{name + "=" + value, "OTEL_SDK_DISABLED=TRUE", "RUSMES_METRICS_ENABLED=false"}
				r := check.Run(within(t), env(variables...), prometheus.Serve(), otlp.Push())
				if wrong := found(r, export.Wrong); len(wrong) != 1 || !strings.HasPrefix(wrong[0], name+": ") || !strings.Contains(wrong[0], "want ") {
					t.Errorf("%s: %q", name, wrong)
				}
			}
		}
	}
}

func TestAllThatIsWrongIsNamed(t *testing.T) {
	t.Setenv("RUSMES_METRIC_PATH", "/m")
	t.Setenv("OTEL_EMPTY", "")
	r := run(t, "OTEL_TRACES_SAMPLER=sometimes", "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", "OTEL_EXPORTER_OTLP_HEADERS=hush",
		"RUSMES_METRICS_PATH=metrics", "RUSMES_LOG_OUTPUT=/nonexistent/mail.log", "OTEL_SERVICE_NAME=a", "RUSMES_TRACING_SERVICE_NAME=b")
	wrong := found(r, export.Wrong)
	for i, want := range []string{"OTEL_TRACES_SAMPLER: ", "RUSMES_METRICS_PATH: ", "OTEL_EXPORTER_OTLP_ENDPOINT: ", "OTEL_EXPORTER_OTLP_HEADERS: ", "RUSMES_LOG_OUTPUT: "} {
		if !slices.ContainsFunc(wrong, func(line string) bool { return strings.HasPrefix(line, want) }) || i == 0 && len(wrong) != 5 {
			t.Errorf("%s is not in %q, or more is", want, wrong)
		}
	}
	if strings.Contains(fmt.Sprint(r), "hush") {
		t.Errorf("a secret is shown: %q", r)
	}
	const unread = "RUSMES_METRIC_PATH is not read: no setting has this name, or another wins over it"
	if warned := found(r, export.Unwise); !slices.Contains(warned, unread) || strings.Contains(fmt.Sprint(warned), "OTEL_EMPTY") {
		t.Errorf("%q, want %q in it", warned, unread)
	}
	nils := check.Run(within(t), nil, prometheus.Serve(nil), otlp.Push(nil), live.Serve(nil), otelmail.WithNamespace("a b"))
	if wrong := found(nils, export.Wrong); len(wrong) != 5 {
		t.Errorf("of nil options and a wrong one: %q", wrong)
	}
}

// TestSources: every way in which a setting can come to hold.
func TestSources(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "web.yml")
	if err := os.WriteFile(file, []byte("basic_auth_users:\n  a: $2y$04$N5nXBi8P3Wn2vQgXW7vjyeFp6uT1yD7HWmEfnEEz/8IbRqBG9nVvC\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := check.Run(within(t),
		env("OTEL_SERVICE_NAME=mx", "RUSMES_METRICS_BIND_ADDRESS=127.0.0.1:0", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://u:hush-hush@127.0.0.1:1/hush-hush",
			"OTEL_EXPORTER_OTLP_TIMEOUT=abc", "RUSMES_TRACING_PROTOCOL=grpc", "OTEL_TRACES_EXPORTER=console,otlp", "OTEL_EXPORTER_OTLP_HEADERS=b=hush-hush,a=hush-hush",
			"OTEL_BLRP_MAX_QUEUE_SIZE=10", "RUSMES_METRICS_PATH=/hidden-by-an-option", "RUSMES_TRACING_SAMPLE_RATIO=0.5"),
		otelmail.WithHashKey([]byte("hush-hush-hush-hush")), otelmail.WithPrivacy(otelmail.PrivacyHash), otelmail.WithStrictSettings(),
		prometheus.Serve(prometheus.WithPath("/m"), prometheus.WithWebConfigFile(file, webconfig.Read)),
		otlp.Push(otlp.Enable(otlpgrpc.Transport()), otlp.Metrics(otlp.Off(), otlp.Compression(otlp.Gzip)), otlp.Buffer(dir, otlp.MaxAge(time.Hour)), otlp.Temporality(otlp.Delta)))
	for _, want := range []check.Setting{
		{"OTEL_SERVICE_NAME", "mx", "variable OTEL_SERVICE_NAME"},
		{"RUSMES_STRICT_SETTINGS", "true", "option otelmail.WithStrictSettings"},
		{"OTEL_TRACES_SAMPLER_ARG", "0.5", "variable RUSMES_TRACING_SAMPLE_RATIO"},
		{"OTEL_SPAN_LINK_COUNT_LIMIT", "128", "default"},
		{"RUSMES_METRICS_BIND_ADDRESS", "127.0.0.1:0", "variable RUSMES_METRICS_BIND_ADDRESS"},
		{"RUSMES_METRICS_PATH", "/m", "option prometheus.WithPath"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:4317", "default"},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "none", "default"},
		{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://127.0.0.1:1/…", "variable OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc", "variable RUSMES_TRACING_PROTOCOL"},
		{"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/protobuf", "default"},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=…,b=…", "variable OTEL_EXPORTER_OTLP_HEADERS"},
		{"OTEL_EXPORTER_OTLP_LOGS_HEADERS", "Authorization=…,a=…,b=…", "variable OTEL_EXPORTER_OTLP_HEADERS"},
		{"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "gzip", "option otlp.Compression"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "default"},
		{"OTEL_TRACES_EXPORTER", "otlp,console", "variable OTEL_TRACES_EXPORTER"},
		{"OTEL_METRICS_EXPORTER", "none", "option otlp.Off"},
		{"OTEL_LOGS_EXPORTER", "otlp", "default"},
		{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta", "option otlp.Temporality"},
		{"OTEL_BSP_SCHEDULE_DELAY", "1000", "default"}, // with a buffer
		{"OTEL_BLRP_MAX_QUEUE_SIZE", "10", "variable OTEL_BLRP_MAX_QUEUE_SIZE"},
		{"RUSMES_OTLP_BUFFER_DIR", dir, "option otlp.Buffer"},
		{"RUSMES_OTLP_BUFFER_MAX_AGE", "1h0m0s", "option otlp.MaxAge"},
		{"otelmail.WithPrivacy", "hash", "option"},
		{"otelmail.WithHashKey", "…", "option"},
		{"otelmail.WithNamespace", "rusmes", "default"},
		{"basic_auth_users", "1", "file " + file},
	} {
		if !slices.Contains(r.Settings, want) {
			t.Errorf("%q is missing", want)
		}
	}
	var b strings.Builder
	if _, err := r.WriteTo(&b); err != nil || strings.Contains(b.String(), "hush") {
		t.Errorf("error %v, or a secret is shown:\n%s", err, &b)
	}
	if strings.Contains(b.String(), "hidden") || t.Failed() {
		t.Errorf("a variable that an option wins over is shown, or one is missing:\n%s", &b)
	}
}

// TestSecretsOfOlderVariables, and what is not read: nobody pushes in the second.
func TestSecretsOfOlderVariables(t *testing.T) {
	older := env("RUSMES_TRACING_ENDPOINT=http://u:hush-hush@127.0.0.1:1/hush-hush")
	r := check.Run(within(t), older, otlp.Push())
	for _, want := range []check.Setting{
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/…", "variable RUSMES_TRACING_ENDPOINT"},
		{"RUSMES_TRACING_ENDPOINT", "…", "variable RUSMES_TRACING_ENDPOINT"},
	} {
		if !slices.Contains(r.Settings, want) || strings.Contains(fmt.Sprint(r), "hush") {
			t.Errorf("%q, want %q", r, want)
		}
	}
	r = check.Run(within(t), older)
	if slices.ContainsFunc(r.Settings, func(s check.Setting) bool {
		return strings.Contains(s.Name, "OTLP") || strings.Contains(s.Name, "TRACING_ENDPOINT")
	}) {
		t.Errorf("what nobody reads is in effect: %q", r.Settings)
	}
}

// The buffer refuses a directory that somebody else may have put there, or may write into.
func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	link, shared, group, read, taken := filepath.Join(dir, "link"), filepath.Join(dir, "shared"), filepath.Join(dir, "group"), filepath.Join(dir, "read"), filepath.Join(dir, "taken")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	for path, mode := range map[string]os.FileMode{shared: 0o777, group: 0o770, read: 0o500, taken: 0o700} {
		if err := errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode)); err != nil { //nolint:gosec // is what is tested
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(taken, "otelmail-otlp.db"), nil, 0o400); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		link:                           "wrong: is a symbolic link",
		link + "/":                     "wrong: is a symbolic link",
		shared:                         "wrong: every user may write into",
		group:                          "ok: can be written, by its owner and its group, and has ",
		dir:                            "ok: can be written, by its owner alone, and has ",
		filepath.Join(group, "new"):    "ok: can be made, for this user alone, and has ",
		filepath.Join(link, "new"):     "ok: can be made",
		filepath.Join(dir, "no", "no"): "wrong: no such file or directory",
	}
	if os.Geteuid() != 0 { // who may everything
		tests[read] = "wrong: this user may not make files in"
		tests[filepath.Join(read, "new")] = "wrong: this user may not make files in"
		tests[taken] = "wrong: this user may not write " + filepath.Join(taken, "otelmail-otlp.db")
	}
	for path, want := range tests {
		level, text, _ := strings.Cut(want, ": ")
		for setting, r := range map[string]check.Report{
			"RUSMES_OTLP_BUFFER_DIR": run(t, "RUSMES_OTLP_BUFFER_DIR="+path),
			"live.Keep":              check.Run(within(t), env(), prometheus.Serve(prometheus.WithAddress("127.0.0.1:0")), live.Serve(live.Keep(path, time.Hour))),
		} {
			if setting == "live.Keep" && path == taken {
				continue // has another file
			}
			if !slices.ContainsFunc(r.Findings, func(f export.Finding) bool {
				return f.Level.String() == level && strings.HasPrefix(f.Text, setting+": ") && strings.Contains(f.Text, text)
			}) {
				t.Errorf("%s %s: %q, want %q", setting, path, r.Findings, want)
			}
		}
	}
}

// TestABufferInMemory is legal and unwise, and so is one with too little room.
func TestABufferInMemory(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "otelmail")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("there is no tmpfs", err)
	}
	defer os.RemoveAll(dir)
	r := run(t, "RUSMES_OTLP_BUFFER_DIR="+dir, "RUSMES_OTLP_BUFFER_MAX_BYTES=1099511627776")
	warned := strings.Join(found(r, export.Unwise), "\n")
	if !r.OK() || !strings.Contains(warned, "is in memory (tmpfs)") || !strings.Contains(warned, "free, and up to 1.0 TiB may be kept there") {
		t.Errorf("%t: %q", r.OK(), warned)
	}
}

// TestUnwise: what is legal and seldom what is wanted.
func TestUnwise(t *testing.T) {
	loopback := prometheus.Serve(prometheus.WithAddress("127.0.0.1:0"))
	const sampled = "every new trace is sampled, and no exporter takes spans: name an endpoint with OTEL_EXPORTER_OTLP_ENDPOINT, or set OTEL_TRACES_SAMPLER=always_off"
	for name, tc := range map[string]struct {
		opts []otelmail.StartOption
		want string // "" for nothing
	}{
		"open by default":   {[]otelmail.StartOption{env("OTEL_EXPORTER_PROMETHEUS_PORT=0", "OTEL_TRACES_SAMPLER_ARG=0"), prometheus.Serve()}, "prometheus: everybody who reaches 0.0.0.0:0 can read the metrics"},
		"open on purpose":   {[]otelmail.StartOption{env("OTEL_TRACES_SAMPLER_ARG=0"), prometheus.Serve(prometheus.WithAddress("0.0.0.0:0"))}, "prometheus: everybody who reaches 0.0.0.0:0 can read the metrics"},
		"on loopback":       {[]otelmail.StartOption{env("OTEL_TRACES_SAMPLER_ARG=0"), loopback}, ""},
		"all are sampled":   {[]otelmail.StartOption{env("OTEL_TRACES_SAMPLER_ARG=1.0"), loopback, otlp.Push()}, sampled},
		"always on":         {[]otelmail.StartOption{env("OTEL_TRACES_SAMPLER=always_on"), loopback}, sampled},
		"by an option":      {[]otelmail.StartOption{env(), otelmail.WithSampleRatio(1), loopback}, sampled},
		"some are sampled":  {[]otelmail.StartOption{env("OTEL_TRACES_SAMPLER_ARG=0.9"), loopback}, ""},
		"none are sampled":  {[]otelmail.StartOption{env("OTEL_TRACES_SAMPLER=always_off"), loopback}, ""},
		"they are printed":  {[]otelmail.StartOption{env("OTEL_TRACES_EXPORTER=console"), loopback, otlp.Push()}, ""},
		"disabled":          {[]otelmail.StartOption{env("OTEL_SDK_DISABLED=true", "OTEL_TRACES_SAMPLER_ARG=0"), loopback}, "OTEL_SDK_DISABLED is true: nothing is recorded or pushed; what is below holds without it"},
		"an own exporter":   {[]otelmail.StartOption{env(), loopback, otelmail.WithExporter(export.Func(mustNotOpen(t)))}, "a export.Func is not checked: it is no export.Checker"},
		"an own that can":   {[]otelmail.StartOption{env("OTEL_TRACES_SAMPLER_ARG=0"), loopback, otelmail.WithExporter(checked{good: true})}, ""},
		"an own that warns": {[]otelmail.StartOption{env("OTEL_TRACES_SAMPLER_ARG=0"), loopback, otelmail.WithExporter(checked{})}, "beware"},
	} {
		r := check.Run(within(t), tc.opts...)
		warned := found(r, export.Unwise)
		if !r.OK() || (tc.want == "") != (len(warned) == 0) || tc.want != "" && (len(warned) != 1 || !strings.HasPrefix(warned[0], tc.want)) {
			t.Errorf("%s: wrong %q, warned %q, want %q", name, found(r, export.Wrong), warned, tc.want)
		}
	}
}

func mustNotOpen(t *testing.T) func(context.Context, export.Pipeline) error {
	return func(context.Context, export.Pipeline) error {
		t.Error("an exporter was opened")
		return nil
	}
}

// checked is an application's exporter that can be checked.
type checked struct {
	good, panics bool
	hangs        <-chan struct{} // until this is closed
}

func (checked) Open(context.Context, export.Pipeline) error { panic("opened") }

func (c checked) Check(context.Context, export.Pipeline) []export.Finding {
	switch {
	case c.panics:
		panic("s3cret")
	case c.hangs != nil:
		<-c.hangs
	case c.good:
		return nil
	}
	return []export.Finding{{Level: export.Unwise, Text: "beware\n\x1b[2J"}}
}

// TestWhatIsHandedInIsContained: a check of the application's that panics or hangs is wrong.
func TestWhatIsHandedInIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		defer close(ended)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := check.Run(ctx, env("OTEL_TRACES_SAMPLER_ARG=0"), otelmail.WithExporter(checked{panics: true}), otelmail.WithExporter(checked{hangs: ended}), otelmail.WithExporter(checked{}))
		want := []string{"check a check_test.checked: panicked with a string", "check a check_test.checked: it has not answered in time"}
		if wrong := found(r, export.Wrong); !slices.Equal(wrong, want) {
			t.Errorf("%q, want %q", wrong, want)
		}
		var b strings.Builder
		if n, err := r.WriteTo(&b); err != nil || n != int64(b.Len()) || !strings.HasSuffix(b.String(), "warning: beware\uFFFD\uFFFD[2J\n\nWrong: 2. Warnings: 1.\n") {
			t.Errorf("error %v, %d bytes:\n%q", err, n, b.String())
		}
	})
}

func notOurs(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status":"alive"}`) }

// TestAddresses: each reason why an address cannot be listened on.
func TestAddresses(t *testing.T) {
	foreign, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	go func() { _ = http.Serve(foreign, http.HandlerFunc(notOurs)) }() //nolint:gosec // ends with the test
	own := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"), prometheus.WithProbeAddress("127.0.0.1:0"))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), env(), otelmail.WithExporter(own))
	if err != nil {
		t.Fatal(err)
	}
	defer tel.Shutdown(t.Context())
	for name, tc := range map[string]struct {
		opts []prometheus.Option
		want string
	}{
		"free":              {[]prometheus.Option{prometheus.WithAddress("127.0.0.1:0")}, "ok: the metrics can be served on 127.0.0.1:"},
		"a foreign server":  {[]prometheus.Option{prometheus.WithAddress(foreign.Addr().String())}, "wrong: prometheus: listen on " + foreign.Addr().String() + " (WithAddress): address already in use: stop what listens there or choose another address"},
		"one like it":       {[]prometheus.Option{prometheus.WithAddress(own.Addr().String())}, "warning: " + own.Addr().String() + " is in use, and a mail server with such probes answers there: no harm if it is the one that these settings are for"},
		"probes like it":    {[]prometheus.Option{prometheus.WithAddress("127.0.0.1:0"), prometheus.WithProbeAddress(own.ProbeAddr().String())}, "warning: " + own.ProbeAddr().String() + " is in use, and"},
		"free probes":       {[]prometheus.Option{prometheus.WithAddress("127.0.0.1:0"), prometheus.WithProbeAddress("127.0.0.1:0")}, "ok: the probes can be served on 127.0.0.1:"},
		"another machine's": {[]prometheus.Option{prometheus.WithAddress("192.0.2.1:9090")}, "wrong: prometheus: listen on 192.0.2.1:9090 (WithAddress): cannot assign requested address: choose an address that this host has, or 0.0.0.0 for all"},
	} {
		r := check.Run(within(t), env(), prometheus.Serve(tc.opts...))
		if !slices.ContainsFunc(r.Findings, func(f export.Finding) bool {
			return strings.HasPrefix(f.Level.String()+": "+f.Text, tc.want)
		}) {
			t.Errorf("%s: %q, want %q", name, r.Findings, tc.want)
		}
	}
	if port := "127.0.0.1:1"; os.Geteuid() != 0 {
		r := check.Run(within(t), env(), prometheus.Serve(prometheus.WithAddress(port)))
		if wrong := found(r, export.Wrong); len(wrong) != 1 || !strings.Contains(wrong[0], "give the process the right to this one") {
			t.Logf("port 1: %q", wrong) // some systems allow it to everybody
		}
	}
}

// TestThePageWantsAPassword: what Start refuses because of two exporters together.
func TestThePageWantsAPassword(t *testing.T) {
	for _, tc := range []struct {
		opts []otelmail.StartOption
		want string
	}{
		{[]otelmail.StartOption{prometheus.Serve(prometheus.WithAddress("0.0.0.0:0")), live.Serve()}, "prometheus: live.Serve: strangers would see the page on 0.0.0.0:0"},
		{[]otelmail.StartOption{live.Serve()}, "live.Serve: nothing serves the page"},
		{[]otelmail.StartOption{live.Serve(live.Keep("", 0)), prometheus.Serve(prometheus.WithAddress("127.0.0.1:0"))}, `live: Keep: "" is not allowed`},
		{[]otelmail.StartOption{prometheus.Serve(prometheus.WithAddress("127.0.0.1:0")), live.Serve()}, ""},
	} {
		wrong := found(check.Run(within(t), append(tc.opts, env())...), export.Wrong)
		if tc.want == "" && len(wrong) > 0 || tc.want != "" && (len(wrong) != 1 || !strings.HasPrefix(wrong[0], tc.want)) {
			t.Errorf("%q, want %q", wrong, tc.want)
		}
	}
}

// TestAReportThatCannotBePrinted is an error that says so.
func TestAReportThatCannotBePrinted(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	if _, err := (check.Report{}).WriteTo(w); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}
