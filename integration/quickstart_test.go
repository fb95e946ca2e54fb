package integration

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
	program, _, closed := strings.Cut(program, "```\n")
	if !ok || !closed {
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
	addresses := peer.FreeAddresses(t, 2)
	mail, web := addresses[0], "http://"+addresses[1]
	ports := strings.NewReplacer("127.0.0.1:2525", addresses[0], "127.0.0.1:9090", addresses[1])
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

	var said output
	server := exec.Command(filepath.Join(dir, "mailserver"))
	server.Dir, server.Env, server.Stdout, server.Stderr = dir, cleanEnv(), &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		_ = server.Process.Kill() // fails only when it has ended
		if t.Failed() {
			t.Logf("the program said:\n%s", said.String())
		}
	})
	peer.Eventually(t, patience, func() error {
		select {
		case err := <-ended:
			t.Fatalf("the program ended: %v", err)
		default:
		}
		return holds(web+"/ready", `"ready":true`)
	})
	if err := smtp.SendMail(mail, nil, "me@example.net", []string{"you@example.org"}, []byte("Subject: hello\r\n\r\nhi\r\n")); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"rusmes_smtp_messages_received_total 1\n", "rusmes_mail_delivered_total 1\n", "rusmes_messages_total 1\n"} {
		if err := holds(web+"/metrics", line); err != nil {
			t.Error(err)
		}
	}
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil || said.String() != "" {
			t.Errorf("the program ended with %v and said something", err)
		}
	case <-time.After(patience):
		t.Errorf("the program still runs %v after an interrupt", patience)
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
