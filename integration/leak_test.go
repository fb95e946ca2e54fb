package integration

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestNoAddressLeaves sends names, passwords, subjects, message ids, HELO names,
// names of mailboxes and ids of JMAP, all with one marker in them, through every path,
// good and bad, and looks for the marker in everything that leaves the process: /metrics
// in each format, the probes, the operator's page, the log, and the bytes of all
// three signals. The demo's handlers do not panic; handlers that do are
// tested in cmd/otelmail.
func TestNoAddressLeaves(t *testing.T) {
	c := peer.StartCollector(t)
	d := startDemo(t, launch{env: append(pushTo(c, "http/protobuf"), "RUSMES_LOG_LEVEL=debug")})
	for _, e := range allEvents() {
		if err := e.happen(d); err != nil {
			t.Errorf("%s: %v", e.name, err)
		}
	}
	const junk = marker + "\xff\x00\x1b[31m"
	right, wrong := plain(user, password), plain("nobody-"+marker, "wrong-"+marker)
	for _, dialogue := range []struct {
		address string
		lines   []string
	}{
		{d.smtp, []string{"EHLO " + marker, "STEAL " + junk, "MAIL FROM:<" + junk + "@x>", "AUTH PLAIN " + marker, "VRFY " + marker, "QUIT"}},
		{d.imap, []string{"a LOGIN " + marker + " " + marker, "b LOGIN " + user + " " + password, "c SELECT " + marker,
			"d CREATE folder-" + marker, "e SELECT folder-" + marker, "f SEARCH SUBJECT " + marker, marker + " STEAL", "g LOGOUT"}},
		{d.imap, []string{"a AUTHENTICATE PLAIN " + wrong, "b AUTHENTICATE PLAIN " + right, "c RENAME INBOX folder2-" + marker,
			"d STATUS folder-" + marker + " (MESSAGES)", "e DELETE folder-" + marker, "f SUBSCRIBE " + marker, "g LIST " + marker + " *",
			"h APPEND folder-" + marker + " {0}", "", "i COPY 1 folder-" + marker, "j LOGOUT"}},
		{d.pop3, []string{"USER " + marker, "PASS " + marker, "APOP " + marker + " x", "STEAL " + junk, "QUIT"}},
		{d.pop3, []string{"AUTH PLAIN " + wrong, "AUTH PLAIN " + right, "USER " + user, "PASS " + password, "UIDL", "TOP 1 1", "QUIT"}},
	} {
		speak(t, dialogue.address, dialogue.lines...)
	}
	for _, body := range []string{
		`{"using":["urn:ietf:params:jmap:core","urn:ietf:params:jmap:mail"],"methodCalls":[` +
			`["Email/query",{"accountId":"` + user + `","filter":{"text":"` + marker + `"}},"call-` + marker + `"],` +
			`["Steal/` + marker + `",{"accountId":"` + marker + `"},"x"]]}`,
		`{"using":["urn:ietf:params:jmap:core","urn:ietf:params:jmap:mail"],"methodCalls":[` +
			`["Email/get",{"accountId":"` + user + `","ids":["` + marker + `"]},"` + marker + `"],` +
			`["Email/set",{"accountId":"` + user + `","create":{"` + marker + `":{"subject":"` + marker + `"}},"destroy":["` + marker + `"]},"2"],` +
			`["Mailbox/set",{"accountId":"` + user + `","create":{"` + marker + `":{"name":"` + marker + `"}}},"3"],` +
			`["Core/echo",{"` + marker + `":"` + marker + `"},"4"]]}`,
		`{"` + marker,
	} {
		askJMAP(t, d, http.MethodPost, "/jmap/api", password, body)
		askJMAP(t, d, http.MethodPost, "/jmap/api", "wrong-"+marker, body)
	}
	for _, path := range []string{"/.well-known/jmap", "/jmap/download/" + user + "/" + marker + "/" + marker, "/" + marker} {
		askJMAP(t, d, http.MethodGet, path, password, "")
	}
	d.settled()

	everything := map[string]string{}
	for _, path := range []string{"/", "/api/v1/status", "/api/v1/history", "/api/v1/failures", "/metrics", "/health", "/ready", "/live"} {
		for _, accept := range []string{"text/plain", "application/openmetrics-text;version=1.0.0"} {
			_, everything[path+" as "+accept] = d.get(path, "Accept", accept)
		}
	}
	d.stop()
	everything["the log"] = d.stderr.String()
	everything["OTLP"] = string(c.Raw())
	for what, text := range everything {
		if text == "" && what != "the log" {
			t.Errorf("%s is empty: nothing was searched", what)
		}
		for _, form := range append(encoded(marker), marker) {
			if i := strings.Index(strings.ToLower(text), strings.ToLower(form)); i >= 0 {
				t.Errorf("%s holds the marker as %q: …%s…", what, form, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
	if !bytes.Contains(c.Raw(), []byte("user.hash")) {
		t.Error("no user.hash: nothing correlates")
	}
}

// speak sends lines and reads whatever is answered, until the server hangs up.
func speak(t *testing.T, address string, lines ...string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatalf("%s: the greeting: %v", address, err)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(conn, "%s\r\n", line); err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if _, err := answers.ReadString('\n'); err != nil {
			return // some servers hang up before all lines are sent
		}
	}
}

// plain is an initial response of SASL PLAIN (RFC 4616).
func plain(name, password string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + name + "\x00" + password))
}

// encoded is how text looks within a longer text in base64, which depends on what stands
// before it; characters that also encode neighbouring text are left out.
func encoded(text string) []string {
	var all []string
	for before, shared := range []int{0, 2, 3} {
		padded := strings.Repeat("x", before) + text
		all = append(all, base64.RawStdEncoding.EncodeToString([]byte(padded))[shared:len(padded)*8/6])
	}
	return all
}

// TestEncoded: the search would find what a client has sent.
func TestEncoded(t *testing.T) {
	for before := range 9 {
		sent := plain(strings.Repeat("u", before)+marker, "p")
		found := false
		for _, form := range encoded(marker) {
			found = found || strings.Contains(sent, form)
		}
		if !found {
			t.Errorf("%s holds none of %q", sent, encoded(marker))
		}
	}
}

func askJMAP(t *testing.T, d *demo, method, path, password, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+d.jmap+path+"?"+marker+"=1", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(user, password)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", marker)
	req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	req.Header.Set("Baggage", "user="+marker)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
