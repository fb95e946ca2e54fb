//go:build debian

package integration

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool runs a program of Debian's and returns what it printed and its exit
// status. It fails the test where the program is missing.
func tool(t *testing.T, name string, args ...string) (output string, status int) {
	t.Helper()
	executable, err := exec.LookPath(name)
	if err != nil {
		executable = filepath.Join("/usr/sbin", name) // not on every user's path
		if _, err := os.Stat(executable); err != nil {
			t.Fatalf("%s is not installed: run `make test-peers`, which installs it", name)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, executable, args...)
	command.Env = append(cleanEnv(), "no_proxy=*") // the demo is on this machine
	printed, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(printed), command.ProcessState.ExitCode()
}

// wantTool runs a program and wants its exit status.
func wantTool(t *testing.T, status int, name string, args ...string) string {
	t.Helper()
	output, got := tool(t, name, args...)
	if got != status {
		t.Errorf("%s %s ended with status %d, want %d:\n%s", name, strings.Join(args, " "), got, status, output)
	}
	return output
}

// split splits host:port.
func split(address string) (host, port string) {
	host, port, _ = strings.Cut(address, ":")
	return host, port
}

// use is one use of a foreign client, and the series that it changes.
type use struct {
	run   func(*testing.T, *demo)
	moves page
}

// eachUse runs every use against a demo of its own and compares the whole page.
func eachUse(t *testing.T, uses map[string]use) {
	for name, u := range uses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDemo(t, launch{})
			first := d.page()
			u.run(t, d)
			d.wantMoved(first, u.moves)
			d.stop()
			d.wantEmptyLog()
		})
	}
}
