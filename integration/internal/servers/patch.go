package servers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// change is what is changed in a file of a server: what its author would write by
// hand to have it observed. A server whose connections came from a listener that it
// is given would need the first kind alone, without a change.
type change struct{ file, old, new string }

const observed = "github.com/rusmes/otelmail/integration/peers/servers/observed"

// changes are those of each server.
var changes = map[string][]change{
	"github.com/inbucket/inbucket/v3": {
		{"pkg/server/pop3/listener.go", "\t// Start listener go routine.\n", "\ts.listener = observed.Listener(\"pop3\", s.listener)\n"},
		{"pkg/server/pop3/handler.go", "\t\ts.conn = tlsConn\n\t\ts.reader = bufio.NewReader(tlsConn)\n",
			"\t\ts.conn = observed.Upgrade(s.conn, tlsConn)\n\t\ts.reader = bufio.NewReader(s.conn)\n"},
		{"pkg/server/smtp/listener.go", "\t// Start listener go routine.\n", "\ts.listener = observed.Listener(\"smtp\", s.listener)\n"},
		{"pkg/server/smtp/handler.go", "\t\ts.conn = tlsConn\n", "\t\ts.conn = observed.Upgrade(s.conn, tlsConn)\n"},
	},
	"github.com/axllent/mailpit": {
		{"internal/pop3/server.go", "\tserve(listener, connlimit.Max)\n", "\tserve(observed.Listener(\"pop3\", listener), connlimit.Max)\n"},
		{"internal/smtpd/smtpd.go", "\treturn srv.Serve(ln)\n", "\treturn srv.Serve(observed.Listener(\"smtp\", ln))\n"},
		{"internal/smtpd/smtpd.go", "\t\t\ts.conn = tlsConn\n", "\t\t\ts.conn = observed.Upgrade(s.conn, tlsConn)\n"},
	},
}

// build compiles a server from a copy of its source, changed.
func build(ctx context.Context, module, name, dir string) (program string, err error) {
	source, err := filepath.Abs(filepath.Join("peers", "servers"))
	if err != nil {
		return "", fmt.Errorf("find the servers: %w", err)
	}
	run := func(args ...string) (string, error) {
		command := exec.CommandContext(ctx, "go", args...)
		command.Dir, command.Env = source, append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		out, err := command.Output()
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, failed.Stderr)
		}
		return strings.TrimSpace(string(out)), err
	}
	// A module that nothing has built yet has no directory to list.
	if _, err := run("mod", "download", module); err != nil {
		return "", fmt.Errorf("download %s: %w", name, err)
	}
	original, err := run("list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return "", fmt.Errorf("find the source of %s: %w", name, err)
	}
	changed := filepath.Join(dir, "source")
	if err := copyTree(changed, original); err != nil {
		return "", fmt.Errorf("copy the source of %s: %w", name, err)
	}
	for _, c := range changes[module] {
		if err := c.apply(changed); err != nil {
			return "", fmt.Errorf("change %s of %s: %w", c.file, name, err)
		}
	}
	// Beside the module's own go.mod, because that is committed.
	modfile := filepath.Join(dir, "go.mod")
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(source, file))
		if err != nil {
			return "", fmt.Errorf("copy %s: %w", file, err)
		}
		if file == "go.mod" {
			text = fmt.Appendf(text, "\nreplace %s => %s\n", module, changed)
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			return "", fmt.Errorf("copy %s: %w", file, err)
		}
	}
	program = filepath.Join(dir, name)
	if _, err := run("build", "-modfile="+modfile, "-o", program, "./"+name); err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	return program, nil
}

// copyTree copies files, which may be written to then: those of the module cache may not.
func copyTree(to, from string) error {
	return fs.WalkDir(os.DirFS(from), ".", func(path string, entry fs.DirEntry, err error) error {
		switch target := filepath.Join(to, path); {
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		default:
			text, err := os.ReadFile(filepath.Join(from, path))
			if err != nil {
				return err
			}
			return os.WriteFile(target, text, 0o600)
		}
	})
}

// apply changes the file.
func (c change) apply(root string) error {
	file := filepath.Join(root, c.file)
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text := string(content)
	if strings.Count(text, c.old) != 1 {
		return fmt.Errorf("another version: no single %q", c.old)
	}
	text = strings.Replace(text, c.old, c.new, 1)
	if !strings.Contains(text, observed) {
		text = strings.Replace(text, "import (\n", "import (\n\t\""+observed+"\"\n", 1)
	}
	return os.WriteFile(file, []byte(text), 0o600)
}
