//go:build debian

package integration

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// Python's imaplib and poplib, by testdata/mailbox_client.py, and curl for JMAP.
// The page and the spans in the Collector are compared with what was done.
func TestMailboxClients(t *testing.T) {
	python := func(scenario string, address func(*demo) string) func(*testing.T, *demo) {
		return func(t *testing.T, d *demo) {
			host, port := split(address(d))
			wantTool(t, 0, "python3", "testdata/mailbox_client.py", scenario, host, port, user, password)
		}
	}
	for name, tc := range map[string]struct {
		run   func(*testing.T, *demo)
		moves page
		spans []string // some of those to expect, in any order
		fails []string // those that end in an error
	}{
		"IMAP": {python("imap", overIMAP),
			page{"rusmes_imap_connections_total": 1, "rusmes_imap_commands_total": 9, "rusmes_imap_errors_total": 1,
				`rusmes_tls_sessions_total{tls="no"}`: 1},
			[]string{"IMAP LOGIN", "IMAP LIST", "IMAP SELECT", "IMAP SEARCH", "IMAP FETCH", "IMAP STORE"}, []string{"IMAP SELECT"}},
		"IMAP over STARTTLS": {python("imap_starttls", overIMAP),
			page{"rusmes_imap_connections_total": 1, "rusmes_imap_commands_total": 6,
				`rusmes_tls_sessions_total{tls="no"}`: 1, `rusmes_tls_sessions_total{tls="starttls"}`: 1},
			[]string{"IMAP LOGIN", "IMAP EXAMINE"}, nil},
		"IMAP with a wrong password": {python("imap_wrong_password", overIMAP),
			page{"rusmes_imap_connections_total": 1, "rusmes_imap_commands_total": 3, "rusmes_imap_errors_total": 1,
				`rusmes_tls_sessions_total{tls="no"}`: 1},
			nil, []string{"IMAP LOGIN"}},
		"POP3": {python("pop3", overPOP3), page{`rusmes_tls_sessions_total{tls="no"}`: 1},
			[]string{"POP3 session", "POP3 USER", "POP3 PASS", "POP3 STAT", "POP3 LIST", "POP3 UIDL", "POP3 RETR", "POP3 DELE", "POP3 RSET", "POP3 QUIT"}, nil},
		"POP3 over STLS": {python("pop3_stls", overPOP3),
			page{`rusmes_tls_sessions_total{tls="no"}`: 1, `rusmes_tls_sessions_total{tls="starttls"}`: 1},
			[]string{"POP3 STLS", "POP3 PASS", "POP3 QUIT"}, nil},
		"POP3 with a wrong password": {python("pop3_wrong_password", overPOP3), page{`rusmes_tls_sessions_total{tls="no"}`: 1},
			[]string{"POP3 USER", "POP3 QUIT"}, []string{"POP3 PASS"}},
		"JMAP": {curlJMAP,
			page{"rusmes_jmap_requests_total": 2, "rusmes_jmap_errors_total": 2},
			[]string{"JMAP Core/echo", "JMAP Mailbox/get", "JMAP Email/query", "JMAP Email/get"}, []string{"JMAP _OTHER"}},
	} {
		t.Run(name, func(t *testing.T) {
			collector := peer.StartCollector(t)
			d := startDemo(t, launch{env: pushTo(collector, "http/protobuf")})
			if err := d.bringLetter(own); err != nil {
				t.Fatal(err)
			}
			before := d.settled()
			tc.run(t, d)
			after := d.settled()
			for series, want := range tc.moves {
				if got := after[series] - before[series]; got != want {
					t.Errorf("%s moved by %v, want %v", series, got, want)
				}
			}
			for _, protocol := range []string{"imap", "pop3"} {
				if series := `rusmes_active_connections{protocol="` + protocol + `"}`; after[series] != 0 {
					t.Errorf("%s is %v", series, after[series])
				}
			}
			d.stop()
			d.wantEmptyLog()
			wantSpanNames(t, collector, tc.spans, tc.fails)
		})
	}
}

// wantSpanNames wants spans of these names, and errors on those of the second list.
func wantSpanNames(t *testing.T, c *peer.Collector, names, failing []string) {
	t.Helper()
	seen, failed := map[string]bool{}, map[string]bool{}
	for _, s := range c.Traces() {
		seen[s.Name] = true
		if s.Attributes["error.type"] != nil {
			failed[s.Name] = true
		}
	}
	for _, n := range append(names, failing...) {
		if !seen[n] {
			t.Errorf("there is no span %q", n)
		}
	}
	for _, n := range failing {
		if !failed[n] {
			t.Errorf("no span %q has an error.type", n)
		}
	}
}

// curlJMAP asks for the session, then calls methods: all good ones at once, then an
// unknown one, and then sends something that is not a valid request.
func curlJMAP(t *testing.T, d *demo) {
	curl := func(args ...string) string {
		t.Helper()
		return wantTool(t, 0, "curl", append([]string{"--silent", "--show-error", "--location", "--user", user + ":" + password}, args...)...)
	}
	var session struct {
		APIURL   string `json:"apiUrl"`
		Accounts map[string]any
	}
	if err := json.Unmarshal([]byte(curl("http://"+d.jmap+"/.well-known/jmap")), &session); err != nil || len(session.Accounts) != 1 {
		t.Fatalf("the session: %+v, %v", session, err)
	}
	var account string
	for id := range session.Accounts {
		account = id
	}
	api := session.APIURL
	if strings.HasPrefix(api, "/") {
		api = "http://" + d.jmap + api
	}
	call := func(body string) string {
		t.Helper()
		return curl("--header", "Content-Type: application/json", "--data", strings.ReplaceAll(body, "ACCOUNT", account), api)
	}
	answer := call(`{"using":["urn:ietf:params:jmap:core","urn:ietf:params:jmap:mail"],"methodCalls":[
		["Core/echo",{"hello":true},"a"],
		["Mailbox/get",{"accountId":"ACCOUNT"},"b"],
		["Email/query",{"accountId":"ACCOUNT"},"c"],
		["Email/get",{"accountId":"ACCOUNT","#ids":{"resultOf":"c","name":"Email/query","path":"/ids"}},"d"],
		["Email/steal",{},"e"]]}`)
	for _, want := range []string{`"hello":true`, `"role":"inbox"`, "about " + marker, `"unknownMethod"`} {
		if !strings.Contains(answer, want) {
			t.Errorf("no %s in the answer: %.2000s", want, answer)
		}
	}
	if answer := call(`{"using":[]`); !strings.Contains(answer, "urn:ietf:params:jmap:error:not") {
		t.Errorf("an invalid request was answered %s", answer)
	}
}
