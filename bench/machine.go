package main

import (
	"bufio"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// Machine is where and with what the figures were measured.
type Machine struct {
	Date      string    `json:"date"`
	CPU       string    `json:"cpu"`
	Cores     int       `json:"cores"`
	System    string    `json:"system"`
	Go        string    `json:"go"`
	Versions  []Version `json:"versions"`
	Generator string    `json:"generator"`
	Load      string    `json:"load"` // the load average before the first turn
	Quick     bool      `json:"quick,omitempty"`
}

// Version is the version of a module that is measured.
type Version struct {
	Module  string `json:"module"`
	Version string `json:"version"`
}

var measuredModules = []string{
	"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/sdk",
	"github.com/prometheus/client_golang", "github.com/VictoriaMetrics/metrics", "github.com/emersion/go-smtp",
}

func thisMachine(g generator) Machine {
	return Machine{
		Date: time.Now().UTC().Format(time.DateOnly), CPU: cpuModel(), Cores: runtime.NumCPU(),
		System: strings.TrimSpace(runtime.GOOS + "/" + runtime.GOARCH + " " + firstWords("/proc/sys/kernel/osrelease", 1)),
		Go:     runtime.Version(), Versions: versions(), Generator: g.String(), Load: firstWords("/proc/loadavg", 3),
	}
}

func versions() []Version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	var out []Version
	for _, name := range measuredModules {
		for _, m := range info.Deps {
			if m.Path == name {
				out = append(out, Version{m.Path, m.Version})
			}
		}
	}
	return out
}

// cpuModel is "unknown CPU" where the system does not say.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, model, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return "unknown CPU"
}

// firstWords returns the first n words of a file, "" where there is none.
func firstWords(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	words := strings.Fields(string(text))
	return strings.Join(words[:min(n, len(words))], " ")
}
