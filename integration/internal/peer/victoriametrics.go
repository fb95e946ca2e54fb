package peer

import (
	"errors"
	"path/filepath"
	"testing"
)

// VictoriaMetrics is a single node of VictoriaMetrics, which stores what Prometheus sends it.
type VictoriaMetrics struct {
	t       testing.TB
	dir     string
	address string
	run     *process // nil when stopped
}

// StartVictoriaMetrics starts a VictoriaMetrics on a free port, with further flags, and returns
// when it is healthy. It is stopped when the test ends; if it ends before that, the test fails.
func StartVictoriaMetrics(t testing.TB, flags ...string) *VictoriaMetrics {
	t.Helper()
	executable, err := Build(t.Context(), "victoriametrics")
	if err != nil {
		t.Fatal(err)
	}
	v := &VictoriaMetrics{t: t, dir: t.TempDir()}
	t.Cleanup(v.cleanUp)
	// The port can be lost to somebody else between choosing it and listening on it.
	for attempt := 1; ; attempt++ {
		err := v.start(executable, flags)
		if err == nil {
			return v
		}
		if !errors.Is(err, errEnded) || attempt == 3 {
			t.Fatal(err)
		}
	}
}

func (v *VictoriaMetrics) start(executable string, flags []string) error {
	addresses, err := freeAddresses(1)
	if err != nil {
		return err
	}
	v.address = addresses[0]
	run, err := launch("VictoriaMetrics", v.log(), executable, append([]string{
		"-httpListenAddr=" + v.address,
		"-storageDataPath=" + filepath.Join(v.dir, "data"),
		"-search.latencyOffset=0s", // else the last 30 s are not shown
	}, flags...)...)
	if err != nil {
		return err
	}
	if err := run.waitReady(v.t.Context(), "http://"+v.address+"/health"); err != nil {
		run.kill()
		return err
	}
	v.run = run
	return nil
}

// Address returns the host:port of its HTTP API, in plaintext.
func (v *VictoriaMetrics) Address() string { return v.address }

// RemoteWriteURL returns where a Prometheus writes to.
func (v *VictoriaMetrics) RemoteWriteURL() string { return "http://" + v.address + "/api/v1/write" }

// Query evaluates an expression now, as [Prometheus.Query] does: the API is the same.
func (v *VictoriaMetrics) Query(expr string) []Sample {
	v.t.Helper()
	return (&Prometheus{t: v.t, address: v.address}).Query(expr)
}

func (v *VictoriaMetrics) log() string { return filepath.Join(v.dir, "log") }

func (v *VictoriaMetrics) cleanUp() {
	v.t.Helper()
	if v.run != nil {
		if !v.run.running() {
			v.t.Errorf("VictoriaMetrics: %v: %s", errEnded, v.run.state)
		} else if err := v.run.stop(); err != nil {
			v.t.Error(err)
		}
	}
	if v.t.Failed() {
		showLog(v.t, "VictoriaMetrics", v.log())
	}
}
