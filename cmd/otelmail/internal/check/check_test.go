package check_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/check"
	"github.com/rusmes/otelmail/internal/settings"
)

func TestNothingWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0") // as by the server whose settings these are
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	log := filepath.Join(dir, "mail.log")
	if err := os.WriteFile(log, []byte("a line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string][]string{
		"nothing": nil,
		"much": {
			"PATH=/bin", "EDITOR", "RUSMES_METRICS_BIND_ADDRESS=" + taken.Addr().String(), "RUSMES_PROBES_BIND_ADDRESS=" + taken.Addr().String(),
			"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_RESOURCE_ATTRIBUTES=team=mail,",
			"RUSMES_OTLP_BUFFER_DIR=" + filepath.Join(dir, "new"), "RUSMES_LOG_OUTPUT=" + filepath.Join(dir, "new.log"),
			"RUSMES_STRICT_SETTINGS=true", "OTEL_SDK_DISABLED=false", "RUSMES_METRICS_ENABLED=true",
		},
		"a log that there is": {"RUSMES_LOG_OUTPUT=" + log, "RUSMES_OTLP_BUFFER_DIR=" + dir},
	} {
		if found := check.Environment(t.Context(), env); len(found.Wrong) > 0 || len(found.Unread) > 0 {
			t.Errorf("%s: %q", name, found)
		}
	}
	entries, err := os.ReadDir(dir)
	if text, readErr := os.ReadFile(log); err != nil || readErr != nil || len(entries) != 1 || string(text) != "a line\n" {
		t.Errorf("the check has left %v, and %q in the log", entries, text)
	}
}

// TestEverySetting that can be wrong is named, with the value and what is allowed.
func TestEverySetting(t *testing.T) {
	for _, section := range []settings.Section{settings.Process, settings.Limits, settings.Pull, settings.Push, settings.Log} {
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
				found := check.Environment(t.Context(), []string{"OTEL_SDK_DISABLED=TRUE", "RUSMES_METRICS_ENABLED=false", name + "=" + value})
				if len(found.Wrong) != 1 || !strings.HasPrefix(found.Wrong[0], name+": ") || !strings.Contains(found.Wrong[0], "want ") {
					t.Errorf("%s: %q", name, found.Wrong)
				}
			}
		}
	}
}

// The buffer refuses a directory that somebody else may have put there, or may write into.
func TestBufferDirectory(t *testing.T) {
	dir := t.TempDir()
	link, shared := filepath.Join(dir, "link"), filepath.Join(dir, "shared")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	if err := errors.Join(os.Mkdir(shared, 0o700), os.Chmod(shared, 0o777)); err != nil { //nolint:gosec // is what is tested
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		link: "is a symbolic link", link + "/": "is a symbolic link", shared: "every user may write into",
		filepath.Join(shared, "new"): "", filepath.Join(link, "new"): "",
	} {
		found := check.Environment(t.Context(), []string{"RUSMES_OTLP_BUFFER_DIR=" + path})
		if all := strings.Join(found.Wrong, "\n"); want == "" && all != "" || !strings.Contains(all, want) {
			t.Errorf("%s: %q, want %q", path, all, want)
		}
	}
}

func TestAllThatIsWrongIsNamed(t *testing.T) {
	found := check.Environment(t.Context(), []string{
		"OTEL_TRACES_SAMPLER=sometimes", "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", "OTEL_EXPORTER_OTLP_HEADERS=hush",
		"RUSMES_METRICS_PATH=metrics", "RUSMES_LOG_OUTPUT=/nonexistent/mail.log",
		"RUSMES_METRIC_PATH=/m", "OTEL_SERVICE_NAME=a", "RUSMES_TRACING_SERVICE_NAME=b", "OTEL_EMPTY=",
	})
	for i, want := range []string{"OTEL_TRACES_SAMPLER: ", "RUSMES_METRICS_PATH: ", "OTEL_EXPORTER_OTLP_ENDPOINT: ", "OTEL_EXPORTER_OTLP_HEADERS: ", "RUSMES_LOG_OUTPUT: "} {
		if !slices.ContainsFunc(found.Wrong, func(line string) bool { return strings.HasPrefix(line, want) }) || i == 0 && len(found.Wrong) != 5 {
			t.Errorf("%s is not in %q, or more is", want, found.Wrong)
		}
	}
	if strings.Contains(strings.Join(found.Wrong, "\n"), "hush") {
		t.Errorf("a secret is shown: %q", found.Wrong)
	}
	if want := []string{"RUSMES_METRIC_PATH", "RUSMES_TRACING_SERVICE_NAME"}; !slices.Equal(found.Unread, want) {
		t.Errorf("not read are %q, want %q", found.Unread, want)
	}
}
