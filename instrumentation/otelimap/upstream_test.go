package otelimap_test

import (
	"strings"
	"testing"

	"github.com/rusmes/otelmail/internal/upstream"
)

// go-imap's own tests of its server, by its client, pass with our server.
func TestUpstream(t *testing.T) {
	upstream.Test(t, upstream.Library{
		Module: "github.com/emersion/go-imap/v2",
		Edits: map[string]func(string) string{"imapclient/client_test.go": strings.NewReplacer(
			"imapserver.New(&imapserver.Options{", "otelimap.NewServer(tel, &imapserver.Options{",
			"import (", "import (\n\t\"github.com/rusmes/otelmail/instrumentation/otelimap\"",
		).Replace},
		Extra: map[string]string{"imapclient/watch_test.go": upstream.Watch("imapclient_test", "imap", "imap_commands_total")},
		Args:  []string{"./imapclient", "./imapserver/..."},
	})
}
