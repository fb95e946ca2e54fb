package live_test

import (
	"crypto/tls"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// TestSessionsAreListed: who is connected, and what he waits for.
func TestSessionsAreListed(t *testing.T) {
	tel, url := serve(t)
	s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{
		Remote: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7)}, TLS: &tls.ConnectionState{Version: tls.VersionTLS13}})
	s.Command(mailconv.SMTPRcpt)
	defer tel.IMAP.Session(t.Context(), otelmail.Conn{}).End(otelmail.CauseNone)

	times := regexp.MustCompile(`"20[0-9T:.-]+Z"`)
	for query, want := range map[string]string{
		"": `{"time":T,"sessions":[{"protocol":"smtp","since":T,"tls":"1.3","client":"192.0.2.0","command":"RCPT","command_since":T},` +
			`{"protocol":"imap","since":T}]}`,
		"?protocol=imap":       `{"time":T,"sessions":[{"protocol":"imap","since":T}]}`,
		"?limit=1":             `{"time":T,"sessions":[{"protocol":"smtp","since":T,"tls":"1.3","client":"192.0.2.0","command":"RCPT","command_since":T}]}`,
		"?protocol=pop3":       `{"time":T,"sessions":[]}`,
		"?protocol=x%3Cscript": `{"error":"protocol: want smtp, lmtp, imap, jmap or pop3"}`,
		"?limit=1001":          `{"error":"limit: want a number from 1 to 1000"}`,
		"?limit=-1":            `{"error":"limit: want a number from 1 to 1000"}`,
	} {
		r := get(t, url+"/api/v1/sessions"+query)
		got := strings.TrimSpace(times.ReplaceAllString(r.body, "T"))
		if got != want || (r.code == 200) == strings.Contains(want, "error") {
			t.Errorf("%s: %d\n%s\nwant\n%s", query, r.code, got, want)
		}
	}
	s.End(otelmail.CauseNone)
	if r := get(t, url+"/api/v1/sessions?protocol=smtp"); !strings.HasSuffix(strings.TrimSpace(r.body), `"sessions":[]}`) {
		t.Errorf("after its end: %s", r.body)
	}
}
