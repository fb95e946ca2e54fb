package peer

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// program says where a peer comes from and how it is compiled.
type program struct {
	name string
	dir  string // folder of its module under integration/peers
	pkg  string // the main package, as seen from that module
	tags string // build tags
}

// Names returns the names that [Build] accepts, in the best order to build them.
func Names() []string {
	return []string{"collector", "prometheus", "promtool", "victoriametrics", "fastmotion"}
}

func lookUp(name string) (program, error) {
	const upstream = "github.com/prometheus/prometheus/cmd/"
	switch name {
	case "collector", "fastmotion":
		return program{name: name, dir: name, pkg: "."}, nil
	case "prometheus", "promtool":
		// The tag leaves out service discovery, and with it most cloud vendors' SDKs.
		return program{name: name, dir: "prometheus", pkg: upstream + name, tags: "remove_all_sd"}, nil
	case "victoriametrics":
		return program{name: name, dir: name, pkg: "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics"}, nil
	}
	return program{}, fmt.Errorf("peer %q is unknown: want one of %s", name, strings.Join(Names(), ", "))
}

// sourceDir finds the program's module: beside this file when the compiler recorded where
// it was, else (built with -trimpath) below the nearest folder that holds the integration
// module.
func (p program) sourceDir() (string, error) {
	var roots []string
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		roots = append(roots, filepath.Join(filepath.Dir(file), "..", ".."))
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the source of peer %s: %w", p.name, err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		roots = append(roots, dir, filepath.Join(dir, "integration"))
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, root := range roots {
		source := filepath.Join(root, "peers", p.dir)
		if _, err := os.Stat(filepath.Join(source, "go.mod")); err == nil {
			return source, nil
		}
	}
	return "", fmt.Errorf("finding the source of peer %s: no peers/%s/go.mod in %s or above", p.name, p.dir, wd)
}
