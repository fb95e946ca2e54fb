package main

import (
	"cmp"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What a stranger gets when a version of this work tree is released: every module
// comes from a proxy, by its version alone.
func TestReleasedModulesServeAStranger(t *testing.T) {
	ctx, work := t.Context(), t.TempDir()
	const version = "v0.999.0" // nobody has this one in a cache
	tree := filepath.Join(work, "tree")
	if err := (repository{filepath.Join("..", "..")}).copyTo(ctx, tree); err != nil {
		t.Fatal(err)
	}
	modules, err := findModules(tree)
	if err != nil {
		t.Fatal(err)
	}
	if err := prepare(tree, filepath.Join(work, "proxy"), modules, version); err != nil {
		t.Fatal(err)
	}
	stranger := outside(t, work)

	var libraries, programs []published
	for _, m := range modules {
		if stranger.run(t, filepath.Join(tree, m.dir), "list", "-find", "-f", "{{.Name}}", ".") == "main" {
			programs = append(programs, m)
		} else {
			libraries = append(libraries, m)
		}
	}

	for _, m := range libraries {
		t.Run("go get "+m.path, func(t *testing.T) {
			dir := t.TempDir()
			stranger.run(t, dir, "mod", "init", "example.com/alone")
			stranger.run(t, dir, "get", m.path+"@"+version)
		})
	}

	t.Run("a program with all of them", func(t *testing.T) {
		dir := t.TempDir()
		source, err := os.ReadFile(filepath.Join("testdata", "fresh", "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		adapters := "package main\n"
		get := []string{"get"}
		for _, m := range libraries {
			adapters += fmt.Sprintf("import _ %q\n", m.path)
			get = append(get, m.path+"@"+version)
		}
		write(t, filepath.Join(dir, "main.go"), string(source))
		write(t, filepath.Join(dir, "adapters.go"), adapters)
		stranger.run(t, dir, "mod", "init", "example.com/fresh")
		stranger.run(t, dir, get...)
		binary := filepath.Join(dir, "fresh.exe")
		stranger.run(t, dir, "build", "-o", binary, ".")
		wantVersions(t, binary, libraries, version)

		page, err := exec.CommandContext(ctx, binary).CombinedOutput()
		if err != nil || !strings.Contains(string(page), "\nrusmes_smtp_connections_total 0\n") {
			t.Errorf("the program ended with %v and printed\n%s", err, page)
		}
	})

	for _, m := range programs {
		t.Run("go install "+m.path, func(t *testing.T) {
			stranger.run(t, t.TempDir(), "install", m.path+"@"+version)
			binary, err := filepath.Glob(filepath.Join(work, "bin", filepath.Base(m.path)+"*"))
			if err != nil || len(binary) != 1 {
				t.Fatalf("installed %v, %v", binary, err)
			}
			wantVersions(t, binary[0], []published{m}, version)
			if out, err := exec.CommandContext(ctx, binary[0], "-h").CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
		t.Run("a clone of the tag builds "+m.path, func(t *testing.T) {
			stranger.run(t, filepath.Join(tree, m.dir), "build", "-mod=readonly", "-o", os.DevNull, "./...")
		})
	}
}

// outside is the go command of somebody who has nothing of this repository. Other
// modules come from the module cache of this machine, if they are in there. The
// cache of the test itself is a new one: what is packed here is no release.
func outside(t *testing.T, work string) goCommand {
	cache := goCommand(os.Environ()).run(t, ".", "env", "GOMODCACHE")
	proxies := goCommand(os.Environ()).run(t, ".", "env", "GOPROXY")
	return append(os.Environ(),
		"GOWORK=off",
		"GOPROXY="+strings.Join([]string{
			fileURL(filepath.Join(work, "proxy")),
			fileURL(filepath.Join(cache, "cache", "download")),
			cmp.Or(proxies, "off"),
		}, ","),
		"GOENV=off", "GOPRIVATE=", "GONOPROXY=",
		"GOSUMDB=off", // what is in the cache was checked on its way there
		"GOMODCACHE="+filepath.Join(work, "cache"),
		"GOBIN="+filepath.Join(work, "bin"),
		// -trimpath: what was built in the last run is found again, wherever the cache is.
		"GOFLAGS=-mod=mod -modcacherw -trimpath -buildvcs=false",
	)
}

func fileURL(path string) string {
	return "file:///" + strings.TrimPrefix(filepath.ToSlash(path), "/")
}

// goCommand is the environment in which the go command runs.
type goCommand []string

func (env goCommand) run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// wantVersions checks which modules a program was built from.
func wantVersions(t *testing.T, binary string, want []published, version string) {
	t.Helper()
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{info.Main.Path: info.Main.Version}
	for _, d := range info.Deps {
		got[d.Path] = d.Version
		if d.Replace != nil {
			t.Errorf("%s is replaced by %s", d.Path, d.Replace.Path)
		}
	}
	for _, m := range want {
		if got[m.path] != version {
			t.Errorf("built with %s %q, want %s", m.path, got[m.path], version)
		}
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
