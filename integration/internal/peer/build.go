package peer

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// linkerFlags leave out debug information, a third of the size, because nobody debugs a
// peer.
const linkerFlags = "-s -w"

// Build returns the path of the named peer's executable (see [Names]), compiling it first
// if this version of it was never built on this machine. That takes minutes, as a message on
// standard error says; any later call returns at once.
//
// The executable is kept in os.UserCacheDir()/otelmail-peers/<name>-<hash>, where the hash
// covers the module's go.mod, go.sum and Go files, the build settings and the Go version.
// Only one peer is built at a time on a machine, because each build keeps every core busy.
func Build(ctx context.Context, name string) (string, error) {
	p, err := lookUp(name)
	if err != nil {
		return "", err
	}
	source, err := p.sourceDir()
	if err != nil {
		return "", err
	}
	hash, err := p.hash(source)
	if err != nil {
		return "", fmt.Errorf("hashing the source of peer %s: %w", name, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a folder to keep peer %s in: %w", name, err)
	}
	root := filepath.Join(cache, "otelmail-peers")
	target := filepath.Join(root, name+"-"+hash, name)
	if isThere(target) {
		return target, nil
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return "", fmt.Errorf("making a folder for peer %s: %w", name, err)
	}
	unlock, err := lock(ctx, filepath.Join(root, "lock"))
	if err != nil {
		return "", fmt.Errorf("waiting to build peer %s: %w", name, err)
	}
	defer unlock()
	if isThere(target) { // another process built it while this one waited
		return target, nil
	}
	if err := p.compile(ctx, source, target); err != nil {
		return "", err
	}
	return target, nil
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// hash names one exact build of the program.
func (p program) hash(source string) (string, error) {
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		return "", err
	}
	files = append(files, filepath.Join(source, "go.mod"), filepath.Join(source, "go.sum"))
	slices.Sort(files)

	sum := sha256.New()
	fmt.Fprintln(sum, p.name, p.pkg, p.tags, linkerFlags, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s", filepath.Base(file), len(content), content)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), nil
}

// compile builds the program beside target and moves it there only when it is complete, so
// that target can be run as soon as it exists.
func (p program) compile(ctx context.Context, source, target string) error {
	fmt.Fprintf(os.Stderr, "peer: building %s; this takes some minutes, once; it is kept as %s\n", p.name, target)
	partial := target + ".partial"
	defer os.Remove(partial)

	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-tags", p.tags, "-ldflags", linkerFlags, "-o", partial, p.pkg)
	build.Dir = source
	build.WaitDelay = 10 * time.Second // compilers that outlive a cancelled build hold its output open
	// The peer's own go.mod and go.sum decide alone: no workspace, and none of the flags
	// (-race, -mod=mod) the caller's environment may hold for its own builds.
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building peer %s in %s: %w\n%s", p.name, source, err, output)
	}
	if err := os.Rename(partial, target); err != nil {
		return fmt.Errorf("keeping peer %s: %w", p.name, err)
	}
	return nil
}
