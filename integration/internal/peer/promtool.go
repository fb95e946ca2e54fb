package peer

import (
	"bytes"
	"errors"
	"os/exec"
	"testing"
	"time"
)

// Promtool runs promtool with the given standard input and arguments, and returns what it
// printed (standard output and error together) and its exit code. It runs in the test's
// working directory. Its check metrics command reads the classic text format only.
func Promtool(t testing.TB, stdin []byte, args ...string) (output string, exit int) {
	t.Helper()
	executable, err := Build(t.Context(), "promtool")
	if err != nil {
		t.Fatal(err)
	}
	tool := exec.CommandContext(t.Context(), executable, args...)
	tool.Stdin = bytes.NewReader(stdin)
	tool.WaitDelay = time.Second
	printed, err := tool.CombinedOutput()
	if failed := (*exec.ExitError)(nil); err != nil && !(errors.As(err, &failed) && failed.Exited()) {
		t.Fatalf("running promtool %q: %v\n%s", args, err, printed)
	}
	return string(printed), tool.ProcessState.ExitCode()
}
