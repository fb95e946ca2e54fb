package peer_test

import (
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

func TestPromtoolCheckMetrics(t *testing.T) {
	tests := map[string]struct {
		page string
		want string // what it says; nothing when all is well
	}{
		"good name": {page: "# HELP mail_total Mails.\n# TYPE mail_total counter\nmail_total 1\n"},
		"counter without its suffix": {
			page: "# HELP mail Mails.\n# TYPE mail counter\nmail 1\n",
			want: `mail counter metrics should have "_total" suffix`,
		},
		"no page at all": {page: "{", want: "error while linting"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			output, exit := peer.Promtool(t, []byte(test.page), "check", "metrics")
			if (exit == 0) != (test.want == "") || !strings.Contains(output, test.want) {
				t.Errorf("exit %d and %q, want %q", exit, output, test.want)
			}
		})
	}
}
