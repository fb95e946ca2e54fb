package otelimapv1_test

import (
	"strings"
	"testing"

	"github.com/rusmes/otelmail/internal/upstream"
)

// go-imap's own tests of its server pass with our extension.
func TestUpstream(t *testing.T) {
	upstream.Test(t, upstream.Library{
		Module: "github.com/emersion/go-imap",
		Edits: map[string]func(string) string{"server/server_test.go": strings.NewReplacer(
			"s = server.New(bkd)", "s = server.New(bkd)\n\ts.Enable(otelimapv1.Extension(tel))",
			"import (", "import (\n\t\"github.com/rusmes/otelmail/instrumentation/otelimapv1\"",
		).Replace},
		Extra: map[string]string{"server/watch_test.go": upstream.Watch("server_test", "imap", "imap_commands_total")},
		Args:  []string{"./server"},
	})
}
