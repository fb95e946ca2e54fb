//go:build debian

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
)

func TestCurlSendsMail(t *testing.T) {
	message := filepath.Join(t.TempDir(), "message.eml")
	if err := os.WriteFile(message, []byte(letter(own, own, "From curl.")), 0o600); err != nil {
		t.Fatal(err)
	}
	curl := func(scheme, address, to string, more ...string) []string {
		return append([]string{"--silent", "--show-error", "--insecure", "--url", scheme + "://" + address + "/curl.example",
			"--mail-from", own, "--mail-rcpt", to, "--upload-file", message}, more...)
	}
	login := []string{"--user", user + ":" + password}
	eachUse(t, map[string]use{
		"in plaintext": {func(t *testing.T, d *demo) {
			wantTool(t, 0, "curl", curl("smtp", d.smtp, own)...)
		}, atMX(page{received: 1, forLocal: 1, processed: 1, delivered: 1, stored: 1})},
		"with STARTTLS and a login": {func(t *testing.T, d *demo) {
			wantTool(t, 0, "curl", curl("smtp", d.smtp, "friend@partner.example", append(login, "--ssl-reqd")...)...)
		}, submitted(page{forPartner: 1, delivered: 1, sent: 1})},
		"with TLS from the start": {func(t *testing.T, d *demo) {
			wantTool(t, 0, "curl", curl("smtps", d.submissions, "friend@partner.example", login...)...)
		}, page{connections: 1, implicitTLS: 1, authSuccess: 1, received: 1, forPartner: 1, processed: 1, delivered: 1, sent: 1}},
		"to nobody": {func(t *testing.T, d *demo) {
			wantTool(t, 55, "curl", curl("smtp", d.smtp, "nobody@example.org")...) // 55: failed sending
		}, atMX(page{smtpErrors: 1})},
	})
}

// The commands that an operator types.
func TestCurlReadsTheEndpoints(t *testing.T) {
	d := startDemo(t, launch{})
	if err := d.bringLetter(own); err != nil {
		t.Fatal(err)
	}
	d.settled()
	const received1 = "\nrusmes_smtp_messages_received_total 1\n"
	for name, test := range map[string]struct {
		path string
		args []string
		want []string
	}{
		"metrics": {path: "/metrics", want: []string{
			"HTTP/1.1 200", "Content-Type: text/plain; version=0.0.4", received1, "# TYPE rusmes_smtp_messages_received_total counter\n",
			"\nprocess_cpu_seconds_total ", "\ngo_goroutines "}},
		"metrics, compressed": {path: "/metrics", args: []string{"--compressed"}, want: []string{
			"HTTP/1.1 200", "Content-Encoding: gzip", received1}},
		"metrics as OpenMetrics": {path: "/metrics", args: []string{"--header", "Accept: application/openmetrics-text; version=1.0.0"}, want: []string{
			"HTTP/1.1 200", "Content-Type: application/openmetrics-text; version=1.0.0", "\nrusmes_smtp_messages_received_total 1.0\n",
			"# TYPE rusmes_smtp_messages_received counter\n", "\n# EOF\n"}},
		"health": {path: "/health", want: []string{"HTTP/1.1 200", "Content-Type: application/json",
			`"status":"healthy"`, `"checks":{"descriptors":"healthy","queue":"healthy","storage":"healthy"}`}},
		"ready":   {path: "/ready", want: []string{"HTTP/1.1 200", `{"ready":true`}},
		"live":    {path: "/live", want: []string{"HTTP/1.1 200", `{"alive":true`}},
		"HEAD":    {path: "/metrics", args: []string{"--head"}, want: []string{"HTTP/1.1 200"}},
		"nothing": {path: "/nothing", want: []string{"HTTP/1.1 404"}},
		"POST":    {path: "/metrics", args: []string{"--data", "x"}, want: []string{"HTTP/1.1 405"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--silent", "--show-error", "--include"}, test.args...)
			answer := strings.ReplaceAll(wantTool(t, 0, "curl", append(args, "http://"+d.web+test.path)...), "\r\n", "\n")
			for _, want := range test.want {
				if !strings.Contains(answer, want) {
					t.Errorf("no %q in\n%.3000s", want, answer)
				}
			}
		})
	}
	t.Run("every series", func(t *testing.T) {
		page := wantTool(t, 0, "curl", "--silent", "--show-error", "http://"+d.web+"/metrics")
		for _, m := range otelmail.Catalog() {
			if m.Preset() && !strings.Contains(page, "\n# TYPE "+m.FullName(namespace)+" "+m.Kind.String()+"\n") {
				t.Errorf("%s is not there as a %v", m.FullName(namespace), m.Kind)
			}
		}
	})
	d.stop()
}
