package size

import (
	"bytes"
	"debug/buildinfo"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const page = "../../docs/size.md"

var update = flag.Bool("update", false, "write "+page)

// within is how far a size may be from what the page says.
const within = 0.05

// most is the goal for /metrics and a push over HTTP, in bytes.
const most = 14_000_000

// row is one line of the table: the directory of a program, and what it is for readers.
type row struct{ program, what string }

var rows = []row{
	{"http", "an empty `net/http` program"},
	{"new", "the root, `otelmail.New`"},
	{"metrics", "the root and `exporters/prometheus`"},
	{"push", "the root and `exporters/otlp`"},
	{"handler", "the root, `prometheus.NewHandler` on a server of one's own, and `exporters/otlp`"},
	{"both", "both: `/metrics` with the probes, and OTLP over HTTP"},
	{"grpc", "both, and `exporters/otlp/otlpgrpc`"},
	{"webconfig", "both, and `exporters/prometheus/webconfig`"},
	{"live", "both, and `exporters/live`"},
	{"gosmtp", "a bare go-smtp server"},
	{"otelsmtp", "a go-smtp server with both, and `instrumentation/otelsmtp`"},
	{"everything", "the same with all of these, `health/checks` and `check`"},
	{"promhttp", "without otelmail: `client_golang`'s `/metrics` alone"},
	{"bridge", "without otelmail: OpenTelemetry's SDK and its exporter for Prometheus"},
	{"stock", "without otelmail: OpenTelemetry's SDK and its exporters of OTLP over HTTP"},
}

// measured is what was found of a program.
type measured struct {
	bytes   int64
	modules int
	names   string // of all modules in it
}

// build builds all programs, as they are when they are shipped, and returns where they are.
func build(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dir, "./programs/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
	return dir
}

func measure(t *testing.T, file string) measured {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	build, err := buildinfo.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := measured{bytes: info.Size()}
	for _, dep := range build.Deps {
		if !strings.HasPrefix(dep.Path, "github.com/rusmes/otelmail") {
			m.modules++
		}
		m.names += dep.Path + " "
	}
	return m
}

func (r row) line(m measured) string {
	return fmt.Sprintf("| %s | %.1f | %d |", r.what, float64(m.bytes)/1e6, m.modules)
}

// TestSizes builds each program of the page, and fails where the page is not right. With
// -update it writes the table.
func TestSizes(t *testing.T) {
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found, dir := map[string]measured{}, build(t)
	for _, r := range rows {
		m := measure(t, filepath.Join(dir, r.program))
		found[r.program] = m
		pattern := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(r.what) + ` \| ([0-9.]+) \| ([0-9]+) \|$`)
		in := pattern.FindSubmatch(content)
		if in == nil {
			t.Errorf("the page has no line for %s: want\n%s", r.program, r.line(m))
			continue
		}
		if *update {
			content = bytes.Replace(content, in[0], []byte(r.line(m)), 1)
			continue
		}
		said, err := strconv.ParseFloat(string(in[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		if is := float64(m.bytes) / 1e6; math.Abs(is-said) > within*said {
			t.Errorf("%s: the page says %.1f MB, it is %.2f", r.program, said, is)
		}
		if string(in[2]) != strconv.Itoa(m.modules) {
			t.Errorf("%s: the page says %s modules, there are %d: %s", r.program, in[2], m.modules, m.names)
		}
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(page, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if n := found["handler"].bytes; n > most {
		t.Errorf("/metrics and OTLP over HTTP take %d bytes, more than %d", n, most)
	}
	for _, program := range []string{"new", "metrics", "push", "both", "webconfig", "live", "otelsmtp"} {
		if strings.Contains(found[program].names, "google.golang.org/grpc ") {
			t.Errorf("gRPC is in %s", program)
		}
	}
	for _, program := range []string{"new", "metrics", "push", "both", "grpc", "live", "otelsmtp"} {
		if strings.Contains(found[program].names, "exporter-toolkit") {
			t.Errorf("exporter-toolkit is in %s", program)
		}
	}
	for _, program := range []string{"grpc", "everything"} {
		if !strings.Contains(found[program].names, "google.golang.org/grpc ") {
			t.Errorf("gRPC is not in %s", program)
		}
	}
}
