package otelimapv1_test

import (
	"testing"

	"github.com/rusmes/otelmail/internal/upstream"
)

// go-imap's own tests of its server pass with our extension, and every session of them
// can be followed to its end.
func TestUpstream(t *testing.T) {
	upstream.Test(t, "github.com/emersion/go-imap", map[string][]string{
		"server/server_test.go": {
			"s = server.New(bkd)", "s = server.New(bkd)\n\ts.Enable(otelimapv1.Extension(tel))",
			"import (", "import (\n\t\"github.com/rusmes/otelmail/instrumentation/otelimapv1\"",
		},
	}, map[string]string{"server/observed_test.go": `package server_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/rusmes/otelmail"
)

var tel *otelmail.Telemetry

func TestMain(m *testing.M) {
	tel, _ = otelmail.New()
	code := m.Run()
	commands, _ := tel.Value("imap_commands_total")
	unfollowed, _ := tel.Value("telemetry_unfollowed_sessions_total", "imap")
	if fmt.Println(commands, "commands,", unfollowed, "sessions not followed"); commands == 0 || unfollowed != 0 {
		code = 1
	}
	os.Exit(code)
}
`}, "./server")
}
