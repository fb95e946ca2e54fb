//go:build debian

package integration

import (
	"fmt"
	"os"
	osuser "os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestLogrotate runs the snippet of docs/logs.md, while mail flows: no line is lost, and
// the new file gets what comes.
func TestLogrotate(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "logs.md"))
	if err != nil {
		t.Fatal(err)
	}
	snippet := regexp.MustCompile("(?s)```conf\n(/var/log/.*?)```").FindSubmatch(page)
	if snippet == nil {
		t.Fatal("docs/logs.md has no snippet for logrotate")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // logrotate refuses folders that others may write to
		t.Fatal(err)
	}
	file := filepath.Join(dir, "mail.log")
	d := startDemo(t, launch{rate: 50, env: []string{"RUSMES_LOG_OUTPUT=" + file, "RUSMES_LOG_LEVEL=info"}})

	me, err := osuser.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := osuser.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	config := string(snippet[1])
	for from, to := range map[string]string{
		"/var/log/mymail/mail.log": file,
		"mymail adm":               me.Username + " " + group.Name,
		"pkill -HUP -x mymail":     "kill -HUP " + strconv.Itoa(d.cmd.Process.Pid),
	} {
		if strings.Count(config, from) != 1 {
			t.Fatalf("the snippet has not %q once:\n%s", from, config)
		}
		config = strings.ReplaceAll(config, from, to)
	}
	conf := filepath.Join(t.TempDir(), "logrotate.conf")
	if err := os.WriteFile(conf, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		wantLines := func() error {
			if text, err := os.ReadFile(file); err != nil || strings.Count(string(text), "msg=accepted") < 10 {
				return fmt.Errorf("%s has few lines: %q, %w", file, text, err)
			}
			return nil
		}
		peer.Eventually(t, patience, wantLines)
		wantTool(t, 0, "logrotate", "--force", "--state", filepath.Join(filepath.Dir(conf), "state"), conf)
		peer.Eventually(t, patience, wantLines)
	}
	accepted := int(d.stop().series["smtp_messages_received_total"])
	logged := map[string]int{}
	files, err := filepath.Glob(file + "*")
	if err != nil || len(files) != 4 {
		t.Errorf("there are %q, want the log and 3 old ones; %v", files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".gz") {
			text = []byte(wantTool(t, 0, "gzip", "--decompress", "--stdout", name))
		}
		for _, id := range regexp.MustCompile(`msg=accepted .* id=(\S+)`).FindAllSubmatch(text, -1) {
			logged[string(id[1])]++
		}
	}
	if len(logged) != accepted {
		t.Errorf("%d messages logged, %d accepted", len(logged), accepted)
	}
	for id, n := range logged {
		if n != 1 {
			t.Errorf("%s stands %d times in the log", id, n)
		}
	}
}
