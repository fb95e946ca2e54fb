//go:build unix

package otelmail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/rusmes/otelmail"
)

// children are programs that a test runs in a process of their own, by the variable
// OTELMAIL_CHILD. What they print goes to the test.
var children = map[string]func() error{
	"reports":  reportsTrouble,
	"logs":     logsAndEnds,
	"panics":   func() error { return endsAfterLogging(func() { panic("bug") }) },
	"os.Exit":  func() error { return endsAfterLogging(func() { os.Exit(3) }) },
	"shutdown": shutsDown,
	"handler":  hasItsOwnHandler,
	"fallback": fallsBackToStderr,
}

func TestMain(m *testing.M) {
	if name := os.Getenv("OTELMAIL_CHILD"); name != "" {
		if name != "reports" && name != "shutdown" {
			otelmail.WaitForTheLog() // the machine may be busy
		}
		child := children[name]
		if err := child(); err != nil {
			fmt.Println("child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// inChild runs one of the children with the given standard error.
func inChild(t *testing.T, name string, stderr *os.File, env ...string) (stdout string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "OTELMAIL_CHILD="+name)...)
	cmd.Stderr = stderr
	output, err := cmd.Output()
	if ctx.Err() != nil {
		t.Errorf("%s: killed after %v", name, patience)
	}
	return string(output), err
}

// reportsTrouble has telemetry say something about itself in each of its ways.
func reportsTrouble() error {
	tel, err := otelmail.Start(context.Background(), otelmail.WithShutdownTimeout(time.Second),
		lookup("RUSMES_LOG_LEVEL", "loud", "OTEL_PROPAGATORS", "b3"))
	if err != nil {
		return err
	}
	otel.Handle(errors.New("an error of OpenTelemetry's SDK"))
	reader, err := otelmail.NewReader()
	if err != nil {
		return err
	}
	reader.HandleError(errors.New("an error of a reader"))
	otelmail.Noop().Logger().Error("nothing is recorded")
	failed, err := otelmail.Start(context.Background(), otelmail.WithNamespace("1"))
	if err == nil {
		return errors.New("a wrong option is no error")
	}
	failed.Logger().Error("it did not start")
	for range 3 {
		tel.Logger().Warn("line")
	}
	err = tel.Shutdown(context.Background())
	lost, _ := tel.Value("telemetry_local_log_dropped_total", "write_failed")
	fmt.Println("lost", lost)
	return err
}

// TestStderrWithoutReader: nothing that telemetry says ends the process, or holds it up.
func TestStderrWithoutReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	out, _ := inChild(t, "reports", w)
	// Two warnings, an error of the SDK, and 3 lines.
	if !strings.HasPrefix(out, "lost 6\n") || !strings.Contains(out, "6 records of the local log were lost: write") || !strings.Contains(out, "broken pipe") {
		t.Errorf("the process says %q", out)
	}
}

// fallsBackToStderr logs where the file cannot be opened, and nothing guards it because the
// SDK is disabled.
func fallsBackToStderr() error {
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals(),
		lookup("OTEL_SDK_DISABLED", "true", "RUSMES_LOG_OUTPUT", "/nonexistent/mail.log"))
	if err != nil {
		return err
	}
	tel.Logger().Warn("line")
	_ = tel.Shutdown(context.Background()) // says that nobody reads
	fmt.Println("survived")
	return nil
}

// TestFallbackWithoutReader: what is written to stderr in the place of a file does not end
// the process either.
func TestFallbackWithoutReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	if out, err := inChild(t, "fallback", w); out != "survived\n" || err != nil {
		t.Errorf("the process says %q and ends with %v", out, err)
	}
}

// TestWhatTelemetrySaysOfItself is in the local log.
func TestWhatTelemetrySaysOfItself(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := inChild(t, "reports", w)
	w.Close()
	if err != nil {
		t.Errorf("the process ended with %v; it says %q", err, out)
	}
	var stderr bytes.Buffer
	if _, err := stderr.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`level=WARN msg=telemetry error="RUSMES_LOG_LEVEL: \"loud\" is not allowed`, `level=WARN msg=telemetry error="OTEL_PROPAGATORS: \"b3\"`,
		`level=WARN msg=telemetry error="an error of OpenTelemetry's SDK"`, `level=WARN msg=telemetry error="an error of a reader"`,
		"level=ERROR msg=\"nothing is recorded\"", "level=ERROR msg=\"it did not start\"", "level=WARN msg=line",
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("stderr has no %s:\n%s", want, &stderr)
		}
	}
}

// hasItsOwnHandler for OpenTelemetry's errors.
func hasItsOwnHandler() error {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { fmt.Println("own:", err) }))
	tel, err := otelmail.Start(context.Background(), lookup("RUSMES_LOG_LEVEL", "loud"))
	if err != nil {
		return err
	}
	otel.Handle(errors.New("an error of OpenTelemetry's SDK"))
	return tel.Shutdown(context.Background())
}

// TestTheApplicationsErrorHandler stays, and gets what telemetry says.
func TestTheApplicationsErrorHandler(t *testing.T) {
	out, err := inChild(t, "handler", nil)
	if err != nil || !strings.Contains(out, "own: RUSMES_LOG_LEVEL: \"loud\"") || !strings.Contains(out, "own: an error of OpenTelemetry's SDK") {
		t.Errorf("it says %q, %v", out, err)
	}
}

// stuckPipe is one that is full and that nobody reads.
func stuckPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	_ = w.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := w.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("filling a pipe: %v", err)
	}
	return r, w
}

// TestStderrThatNobodyReads holds nothing up either, and bounds Shutdown.
func TestStderrThatNobodyReads(t *testing.T) {
	t.Parallel()
	for _, child := range []string{"reports", "shutdown"} {
		_, w := stuckPipe(t)
		out, err := inChild(t, child, w)
		if !strings.Contains(out, "records were not written") {
			t.Errorf("%s ended with %v; it says %q", child, err, out)
		}
	}
}

func shutsDown() error {
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals(), lookup(), otelmail.WithShutdownTimeout(3*time.Second))
	if err != nil {
		return err
	}
	for i := range 10_000 {
		tel.Logger().Info("line", "i", i)
	}
	return tel.Shutdown(context.Background())
}

// endsAfterLogging ends the process right after a line, without a Shutdown.
func endsAfterLogging(end func()) error {
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals(), lookup())
	if err != nil {
		return err
	}
	for range 100 {
		tel.Logger().Info("line")
	}
	end()
	return nil
}

// TestWhatWasLoggedBeforeTheEndIsWritten, whatever ends the process.
func TestWhatWasLoggedBeforeTheEndIsWritten(t *testing.T) {
	for _, child := range []string{"panics", "os.Exit", "logs"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		read := make(chan error, 1)
		go func() { _, err := stderr.ReadFrom(r); read <- err }()
		_, _ = inChild(t, child, w)
		w.Close()
		if err := <-read; err != nil {
			t.Fatal(err)
		}
		r.Close()
		if lines := strings.Count(stderr.String(), "msg=line"); lines != 100 {
			t.Errorf("%s: %d lines of 100", child, lines)
		}
	}
}

// logsAndEnds logs after Shutdown too, as main functions do.
func logsAndEnds() error {
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals(), lookup())
	if err != nil {
		return err
	}
	for i := range 100 {
		if i == 50 {
			if err := tel.Shutdown(context.Background()); err != nil {
				return err
			}
		}
		tel.Logger().Info("line")
	}
	return nil
}
