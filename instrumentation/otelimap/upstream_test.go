package otelimap_test

import (
	"testing"

	"github.com/rusmes/otelmail/internal/upstream"
)

// go-imap's own tests of its server, by its client, pass with our server, and every
// session of them can be followed to its end.
func TestUpstream(t *testing.T) {
	upstream.Test(t, "github.com/emersion/go-imap/v2", map[string][]string{
		"imapclient/client_test.go": {
			"imapserver.New(&imapserver.Options{", "otelimap.NewServer(tel, &imapserver.Options{",
			"import (", "import (\n\t\"github.com/rusmes/otelmail/instrumentation/otelimap\"",
		},
	}, map[string]string{"imapclient/observed_test.go": `package imapclient_test

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
`}, "./imapclient", "./imapserver/...")
}
