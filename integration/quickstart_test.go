package integration_test

import (
	"bytes"
	"fmt"
	"go/format"
	"io"
	"net/http"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestQuickStart does what docs/quickstart.md tells a newcomer: the program on
// that page is built against this checkout, run, and sent a message.
func TestQuickStart(t *testing.T) {
	page, err := os.ReadFile("../docs/quickstart.md")
	if err != nil {
		t.Fatal(err)
	}
	_, program, ok := strings.Cut(string(page), "```go\n")
	program, _, ended := strings.Cut(program, "```\n")
	if !ok || !ended {
		t.Fatal("docs/quickstart.md holds no Go program")
	}
	if pretty, err := format.Source([]byte(program)); err != nil || !bytes.Equal(pretty, []byte(program)) {
		t.Errorf("the program is not formatted by gofmt: %v", err)
	}

	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ports := strings.NewReplacer("127.0.0.1:2525", "127.0.0.1:39525", "127.0.0.1:9090", "127.0.0.1:39526")
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(ports.Replace(program)), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("mod", "init", "example.org/mailserver")
	run("mod", "edit", "-replace", "github.com/rusmes/otelmail="+root,
		"-replace", "github.com/rusmes/otelmail/instrumentation/otelsmtp="+root+"/instrumentation/otelsmtp")
	run("mod", "tidy")
	run("build", "-o", "mailserver", ".")

	var said bytes.Buffer
	server := exec.CommandContext(t.Context(), filepath.Join(dir, "mailserver"))
	server.Dir, server.Stdout, server.Stderr = dir, &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	peer.Eventually(t, 20*time.Second, func() error { return holds("http://127.0.0.1:39526/ready", `"ready":true`) })
	if err := smtp.SendMail("127.0.0.1:39525", nil, "me@example.net", []string{"you@example.org"}, []byte("Subject: hello\r\n\r\nhi\r\n")); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"rusmes_smtp_messages_received_total 1\n", "rusmes_mail_delivered_total 1\n", "rusmes_messages_total 1\n"} {
		if err := holds("http://127.0.0.1:39526/metrics", line); err != nil {
			t.Error(err)
		}
	}
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil || said.Len() > 0 {
		t.Errorf("ended with %v and said:\n%s", err, said.String())
	}
}

func holds(url, want string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if !strings.Contains(string(body), want) {
		return fmt.Errorf("%s does not hold %q:\n%s", url, want, body)
	}
	return nil
}
