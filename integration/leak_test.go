package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestNoAddressLeaves sends names, passwords, subjects, message ids and HELO
// names that all hold one marker through every path, good and bad, and looks for
// it in everything that leaves the process: /metrics in each format, the probes,
// the page of links, the log, and the bytes of all three signals.
func TestNoAddressLeaves(t *testing.T) {
	c := peer.StartCollector(t)
	d := startDemo(t, launch{env: append(pushTo(c, "http/protobuf"), "RUSMES_LOG_LEVEL=debug")})
	for _, e := range allEvents() {
		if err := e.happen(d); err != nil {
			t.Errorf("%s: %v", e.name, err)
		}
	}
	const junk = marker + "\xff\x00\x1b[31m"
	for _, dialogue := range []struct {
		address string
		lines   []string
	}{
		{d.smtp, []string{"EHLO " + marker, "STEAL " + junk, "MAIL FROM:<" + junk + "@x>", "AUTH PLAIN " + marker, "VRFY " + marker, "QUIT"}},
		{d.imap, []string{"a LOGIN " + marker + " " + marker, "b LOGIN " + user + " " + password, "c SELECT " + marker,
			"d CREATE folder-" + marker, "e SELECT folder-" + marker, "f SEARCH SUBJECT " + marker, marker + " STEAL", "g LOGOUT"}},
		{d.pop3, []string{"USER " + marker, "PASS " + marker, "APOP " + marker + " x", "STEAL " + junk, "QUIT"}},
	} {
		speak(t, dialogue.address, dialogue.lines...)
	}
	for _, body := range []string{
		`{"using":["urn:ietf:params:jmap:core","urn:ietf:params:jmap:mail"],"methodCalls":[` +
			`["Email/query",{"accountId":"` + user + `","filter":{"text":"` + marker + `"}},"call-` + marker + `"],` +
			`["Steal/` + marker + `",{"accountId":"` + marker + `"},"x"]]}`,
		`{"` + marker,
	} {
		postJMAP(t, d, body)
	}
	d.settled()

	everything := map[string]string{}
	for _, path := range []string{"/", "/metrics", "/health", "/ready", "/live"} {
		for _, accept := range []string{"text/plain", "application/openmetrics-text;version=1.0.0"} {
			_, everything[path+" as "+accept] = d.get(path, "Accept", accept)
		}
	}
	d.stop()
	everything["the log"] = d.stderr.String()
	everything["OTLP"] = string(c.Raw())
	for what, text := range everything {
		if text == "" && what != "the log" {
			t.Errorf("%s is empty: nothing was looked at", what)
		}
		if i := strings.Index(strings.ToLower(text), marker); i >= 0 {
			t.Errorf("%s holds the marker: …%s…", what, text[max(0, i-200):min(len(text), i+100)])
		}
	}
	if !bytes.Contains(c.Raw(), []byte("user.hash")) {
		t.Error("nothing is left to correlate by: no user.hash")
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
			return // some servers have had enough by now
		}
	}
}

func postJMAP(t *testing.T, d *demo, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.jmap+"/jmap/api?"+marker+"=1", strings.NewReader(body))
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
