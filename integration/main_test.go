package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// executable is the program otelmail, built once for all tests.
var executable string

// findRaces is false where memory and throughput are measured.
var findRaces = true

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "otelmail-integration-")
	if err != nil {
		fmt.Fprintf(os.Stderr, "a folder for the demo: %v\n", err)
		return 1
	}
	defer os.RemoveAll(dir)
	executable = filepath.Join(dir, "otelmail")
	if err := build(executable, filepath.Join("..", "cmd", "otelmail")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build compiles the program in dir, the folder of its module, with the race detector where
// there is a C compiler: a race then shows as the exit status 66.
func build(target, dir string) error {
	args := []string{"build", "-o", target}
	if findRaces && hasRaceDetector() {
		args = append(args, "-race")
	}
	compile := exec.Command("go", append(args, ".")...)
	compile.Dir = dir
	if output, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program in %s: %w\n%s", compile.Dir, err, output)
	}
	return nil
}

func hasRaceDetector() bool {
	output, err := exec.Command("go", "env", "CGO_ENABLED", "CC").Output()
	fields := bytes.Fields(output)
	if err != nil || len(fields) < 2 || string(fields[0]) != "1" {
		return false
	}
	_, err = exec.LookPath(string(fields[1]))
	return err == nil
}
