package otelsmtp_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ownServer stands in for smtp.Server in go-smtp's tests.
const ownServer = `package smtp_test

import (
	"context"
	"net"

	"github.com/emersion/go-smtp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

type ownServer struct {
	*smtp.Server
	observed *otelsmtp.Server
}

func newOwnServer(b smtp.Backend) *ownServer {
	tel, err := otelmail.New(
		otelmail.WithMeterProvider(sdkmetric.NewMeterProvider()),
		otelmail.WithTracerProvider(sdktrace.NewTracerProvider()))
	if err != nil {
		panic(err)
	}
	s := smtp.NewServer(b)
	if preset != nil {
		preset(&ownServer{Server: s})
		preset = nil
	}
	return &ownServer{s, otelsmtp.NewServer(tel, s)}
}

var preset func(*ownServer)

func (s *ownServer) Serve(l net.Listener) error         { return s.observed.Serve(l) }
func (s *ownServer) Close() error                       { return s.observed.Close() }
func (s *ownServer) Shutdown(ctx context.Context) error { return s.observed.Shutdown(ctx) }
`

// earlier moves what a test sets on a server with a connection to before that: a
// connection's server is a copy.
func earlier(text string) string {
	late := regexp.MustCompile(`(?m)^\ts\.(MaxMessageBytes|Enable\w+) = .*\n`)
	functions := strings.SplitAfter(text, "\n}\n")
	for i, f := range functions {
		begin, body, ok := strings.Cut(f, "(t *testing.T) {\n")
		set := late.FindString(body)
		if ok && set != "" && strings.Contains(begin, "func Test") {
			body = strings.Replace(body, set, "\t_ = s\n", 1)
			functions[i] = begin + "(t *testing.T) {\n\tpreset = func(s *ownServer) {\n" + set + "\t}\n" + body
		}
	}
	return strings.Join(functions, "")
}

// TestGoSMTPsOwnTests runs go-smtp's tests of its server, as they lie in the module
// cache, against a Server.
func TestGoSMTPsOwnTests(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds another test")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	command := func(dir string, args ...string) string {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	source := strings.TrimSpace(command(here, "list", "-m", "-f", "{{.Dir}}", "github.com/emersion/go-smtp"))
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	mod := strings.Replace(read("go.mod"), "module github.com/rusmes/otelmail/instrumentation/otelsmtp", "module own", 1)
	mod = strings.Replace(mod, "=> ../..", "=> "+filepath.Join(here, "../.."), 1)
	write("go.mod", mod+"\nrequire github.com/rusmes/otelmail/instrumentation/otelsmtp v0.0.0\n"+
		"\nreplace github.com/rusmes/otelmail/instrumentation/otelsmtp => "+here+"\n")
	write("go.sum", read("go.sum"))
	write("own_test.go", ownServer)
	for _, name := range []string{"server_test.go", "lmtp_server_test.go"} {
		text := earlier(read(filepath.Join(source, name)))
		text = strings.ReplaceAll(text, "*smtp.Server", "*ownServer")
		write(name, strings.ReplaceAll(text, "smtp.NewServer(", "newOwnServer("))
	}
	out := command(dir, "test", "-count=1", "-timeout=30s", "-v",
		"-skip=^TestServer_Chunking_LMTP$", // it makes an LMTP server of one that has greeted by SMTP
		"./...")
	if n := len(regexp.MustCompile(`(?m)^--- PASS`).FindAllString(out, -1)); n < 40 {
		t.Errorf("only %d of go-smtp's tests ran:\n%s", n, out)
	}
}
