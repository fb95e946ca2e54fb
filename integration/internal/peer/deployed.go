package peer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TraceStateGate is the feature gate that gateway.yaml asks for.
const TraceStateGate = "processor.tailsamplingprocessor.usetracestate"

// Deployed is a Collector that runs files of configuration as they are. What differs from place
// to place they take from the environment.
type Deployed struct {
	t          testing.TB
	executable string
	name       string
	dir        string
	health     string
	args, env  []string
	run        *process // nil when stopped
}

// StartDeployed starts a Collector with files of configuration, the later ones merged over the
// earlier ones, and variables, NAME=value, and returns when it is healthy at the host:port
// health, which one of the variables has to name. What it listens on has to be free. It has the
// STATE_DIRECTORY that the variables name, else one of its own, and is stopped when the test ends; if it ends
// before that, the test fails.
func StartDeployed(t testing.TB, name, health string, files, env []string) *Deployed {
	t.Helper()
	executable, err := Build(t.Context(), "collector")
	if err != nil {
		t.Fatal(err)
	}
	d := &Deployed{t: t, executable: executable, name: name, dir: t.TempDir(), health: health}
	d.args = []string{"--feature-gates=" + TraceStateGate}
	for _, file := range files {
		d.args = append(d.args, "--config="+file)
	}
	d.env = append([]string{"PATH=" + os.Getenv("PATH"), "STATE_DIRECTORY=" + filepath.Join(d.dir, "state")}, env...)
	t.Cleanup(d.cleanUp)
	d.Start()
	return d
}

// Start starts it again, where it was stopped or killed, and returns when it is healthy.
func (d *Deployed) Start() {
	d.t.Helper()
	run, err := launchIn(d.env, d.name, d.log(), d.executable, d.args...)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := run.waitReady(d.t.Context(), "http://"+d.health+"/"); err != nil {
		run.kill()
		d.t.Fatal(err)
	}
	d.run = run
}

// Stop shuts it down properly: what it holds is decided on and sent first.
func (d *Deployed) Stop() {
	d.t.Helper()
	if run := d.take(); run != nil {
		if err := run.stop(); err != nil {
			d.t.Error(err)
		}
	}
}

// Kill ends it with SIGKILL.
func (d *Deployed) Kill() {
	d.t.Helper()
	if run := d.take(); run != nil {
		run.kill()
	}
}

// Pid is its process id.
func (d *Deployed) Pid() int { return d.run.cmd.Process.Pid }

func (d *Deployed) take() *process {
	d.t.Helper()
	run := d.run
	d.run = nil
	if run != nil && !run.running() {
		d.t.Errorf("%s: %v: %s", d.name, errEnded, run.state)
		return nil
	}
	return run
}

func (d *Deployed) log() string { return filepath.Join(d.dir, "log") }

func (d *Deployed) cleanUp() {
	d.Stop()
	if d.t.Failed() {
		showLog(d.t, d.name, d.log())
	}
}

// ValidateCollector asks the Collector whether it would start with a file of configuration, in an
// environment of these variables alone. The error has what it says.
func ValidateCollector(t testing.TB, file string, env ...string) error {
	t.Helper()
	executable, err := Build(t.Context(), "collector")
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	run, err := launchIn(append([]string{"PATH=" + os.Getenv("PATH")}, env...), "the collector", log, executable,
		"validate", "--feature-gates="+TraceStateGate, "--config="+file)
	if err != nil {
		t.Fatal(err)
	}
	<-run.ended
	if run.cmd.ProcessState.Success() {
		return nil
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return errors.New(strings.TrimSpace(string(text)))
}
