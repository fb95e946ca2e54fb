package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
)

// jmapDemo is a demo with some mail: INBOX is m1 and has e1-1 and e1-2, and below
// the mailbox Work, m7, there is Work/Old with e8-1.
func jmapDemo(t *testing.T) *Demo {
	t.Helper()
	d := running(t, quick())
	fill(t, d.store,
		"From: Anna <a@b.example>\r\nTo: demo@example.org, x@y.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nWhere   are\r\nyou?\r\n",
		"From: nobody\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<b>\r\n"+
			"--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nw6RwZmVs\r\n--x--\r\n")
	for _, name := range []string{"Work", "Work/Old"} {
		if err := d.store.create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.traffic.imapSession(t.Context(), false, appendTo("Work/Old", first)); err != nil {
		t.Fatal(err)
	}
	return d
}

// ask posts a body as the user, or as nobody for an empty password.
func ask(t *testing.T, d *Demo, password, contentType, body string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.ports.jmap.Addr().String()+"/jmap/api", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if password != "" {
		request.SetBasicAuth("demo", password)
	}
	request.Header.Set("Content-Type", contentType)
	status, _, text, err := exchange(request, 0)
	if err != nil {
		t.Fatal(err)
	}
	return status, string(text)
}

const using = `"using":["urn:ietf:params:jmap:core","urn:ietf:params:jmap:mail"]`

func TestJMAPRequests(t *testing.T) {
	d := jmapDemo(t)
	echo := `["Core/echo",{},"0"]`
	tests := []struct {
		name, body string
		status     int
		problem    string // the type behind the common prefix; "" for none
	}{
		{"good", `{` + using + `,"methodCalls":[` + echo + `]}`, 200, ""},
		{"no calls", `{` + using + `,"methodCalls":[]}`, 200, ""},
		{"more than is known", `{` + using + `,"methodCalls":[],"new":1}`, 200, ""},
		{"nothing", ``, 400, "notJSON"},
		{"half", `{"using":`, 400, "notJSON"},
		{"no text", "{\"using\":[\"\xff\"]}", 400, "notJSON"},
		{"an array", `[]`, 400, "notRequest"},
		{"null", `null`, 400, "notRequest"},
		{"no using", `{"methodCalls":[]}`, 400, "notRequest"},
		{"another using", `{"Using":[],"methodCalls":[]}`, 400, "notRequest"},
		{"using is null", `{"using":null,"methodCalls":[]}`, 400, "notRequest"},
		{"no calls at all", `{` + using + `}`, 400, "notRequest"},
		{"a call of two", `{` + using + `,"methodCalls":[["Core/echo",{}]]}`, 400, "notRequest"},
		{"a call of four", `{` + using + `,"methodCalls":[["Core/echo",{},"0",1]]}`, 400, "notRequest"},
		{"a call without a name", `{` + using + `,"methodCalls":[[null,{},"0"]]}`, 400, "notRequest"},
		{"arguments of the wrong type", `{` + using + `,"methodCalls":[["Core/echo",[],"0"]]}`, 400, "notRequest"},
		{"an id of the wrong type", `{` + using + `,"methodCalls":[["Core/echo",{},0]]}`, 400, "notRequest"},
		{"createdIds of the wrong type", `{` + using + `,"methodCalls":[],"createdIds":[]}`, 400, "notRequest"},
		{"unknown capability", `{"using":["urn:x"],"methodCalls":[]}`, 400, "unknownCapability"},
		{"too many calls", `{` + using + `,"methodCalls":[` + strings.Repeat(echo+",", jmapCalls) + echo + `]}`, 400, "limit"},
		{"too large", `{` + using + `,"methodCalls":[]` + strings.Repeat(" ", jmapRequestSize) + `}`, 400, "limit"},
	}
	failed := int64(0)
	for _, tt := range tests {
		status, answer := ask(t, d, "demo", "application/json; charset=utf-8", tt.body)
		var p problem
		if err := json.Unmarshal([]byte(answer), &p); err != nil {
			t.Errorf("%s: %v: %s", tt.name, err, answer)
		}
		kind := strings.TrimPrefix(p.Type, "urn:ietf:params:jmap:error:")
		if status != tt.status || kind != tt.problem || tt.problem != "" && p.Status != status || (tt.problem == "limit") != (p.Limit != "") {
			t.Errorf("%s: %d %s, want %d %s", tt.name, status, answer, tt.status, tt.problem)
		}
		if tt.problem != "" {
			failed++
		}
	}
	if status, answer := ask(t, d, "demo", "text/plain", `{`+using+`,"methodCalls":[]}`); status != 400 || !strings.Contains(answer, "notJSON") {
		t.Errorf("text/plain: %d %s", status, answer)
	}
	for _, password := range []string{"", "guess"} {
		if status, answer := ask(t, d, password, "application/json", `{}`); status != http.StatusUnauthorized || strings.Contains(answer, "guess") {
			t.Errorf("password %q: %d %s", password, status, answer)
		}
	}
	nobodyConnected(t, d)
	compare(t, d, counts{jmapAnswered: int64(len(tests)) + 3, jmapErrors: failed + 3})
}

func TestJMAPCalls(t *testing.T) {
	d := jmapDemo(t)
	const bothIDs = `["Email/query",{"accountId":"demo","filter":{"inMailbox":"m1"},"sort":[{"property":"receivedAt"}]},"q"]`
	tests := []struct {
		name, calls string
		want        []string // in the answer
		failed      int64
	}{
		{"echo", `["Core/echo",{"a":[1,"ü"]},"0"]`, []string{`["Core/echo",{"a":[1,"ü"]},"0"]`}, 0},
		{"unknown method", `["Email/fetch",{},"0"]`, []string{`["error",{"type":"unknownMethod"},"0"]`}, 1},
		{"one fails, the next is done", `["Email/fetch",{},"0"],["Core/echo",{},"1"]`, []string{`"unknownMethod"},"0"],["Core/echo",{},"1"]`}, 1},
		{"another account", `["Mailbox/get",{"accountId":"root"},"0"]`, []string{`"accountNotFound"`}, 1},
		{"no account", `["Mailbox/get",{},"0"]`, []string{`"accountNotFound"`}, 1},
		{"an account of the wrong type", `["Mailbox/get",{"accountId":1},"0"]`, []string{`"invalidArguments"`}, 1},
		{"an argument too many", `["Mailbox/get",{"accountId":"demo","x":1},"0"]`, []string{`"invalidArguments"`}, 1},
		{"mailboxes", `["Mailbox/get",{"accountId":"demo","ids":["m1","m8","x"]},"0"]`, []string{
			`"id":"m1"`, `"name":"Inbox"`, `"role":"inbox"`, `"totalEmails":2`, `"unreadEmails":2`,
			`"id":"m8"`, `"name":"Old"`, `"parentId":"m7"`, `"notFound":["x"]`}, 0},
		{"all mailboxes, one property", `["Mailbox/get",{"accountId":"demo","ids":null,"properties":["role"]},"0"]`, []string{
			`{"id":"m3","role":"drafts"}`, `{"id":"m7","role":null}`, `"notFound":[]`}, 0},
		{"unknown property", `["Mailbox/get",{"accountId":"demo","properties":["x"]},"0"]`, []string{`"invalidArguments"`}, 1},
		{"query", `["Email/query",{"accountId":"demo","calculateTotal":true},"0"]`, []string{`"total":3`, `"position":0`, `"canCalculateChanges":false`}, 0},
		{"query a mailbox", bothIDs, []string{`"ids":["e1-1","e1-2"]`}, 0},
		{"query no mailbox", `["Email/query",{"accountId":"demo","filter":{"inMailbox":"m99"}},"0"]`, []string{`"ids":[]`}, 0},
		{"query text", `["Email/query",{"accountId":"demo","filter":{"text":"dot"}},"0"]`, []string{`"ids":["e8-1"]`}, 0},
		{"query text of no message", `["Email/query",{"accountId":"demo","filter":{"text":"xyzzy"}},"0"]`, []string{`"ids":[]`}, 0},
		{"the newest first, limited", `["Email/query",{"accountId":"demo","filter":{"inMailbox":"m1"},"limit":1},"0"]`, []string{`"ids":["e1-2"]`}, 0},
		{"from a position", strings.Replace(bothIDs, `"filter"`, `"position":1,"filter"`, 1), []string{`"ids":["e1-2"],"position":1`}, 0},
		{"from the end", strings.Replace(bothIDs, `"filter"`, `"position":-1,"filter"`, 1), []string{`"ids":["e1-2"],"position":1`}, 0},
		{"beyond the end", strings.Replace(bothIDs, `"filter"`, `"position":9,"filter"`, 1), []string{`"ids":[],"position":9`}, 0},
		{"before the beginning", strings.Replace(bothIDs, `"filter"`, `"position":-9,"filter"`, 1), []string{`"ids":["e1-1","e1-2"],"position":0`}, 0},
		{"from an anchor", strings.Replace(bothIDs, `"filter"`, `"anchor":"e1-1","anchorOffset":1,"filter"`, 1), []string{`"ids":["e1-2"],"position":1`}, 0},
		{"an anchor that is not there", strings.Replace(bothIDs, `"filter"`, `"anchor":"e8-1","filter"`, 1), []string{`"anchorNotFound"`}, 1},
		{"a limit below 0", strings.Replace(bothIDs, `"filter"`, `"limit":-1,"filter"`, 1), []string{`"invalidArguments"`}, 1},
		{"another order", `["Email/query",{"accountId":"demo","sort":[{"property":"size"}]},"0"]`, []string{`"unsupportedSort"`}, 1},
		{"another filter", `["Email/query",{"accountId":"demo","filter":{"operator":"AND","conditions":[]}},"0"]`, []string{`"unsupportedFilter"`}, 1},
		{"a filter of the wrong type", `["Email/query",{"accountId":"demo","filter":7},"0"]`, []string{`"invalidArguments"`}, 1},
		{"get", `["Email/get",{"accountId":"demo","ids":["e1-1"]},"0"]`, []string{
			`"id":"e1-1"`, `"blobId":"e1-1"`, `"mailboxIds":{"m1":true}`, `"keywords":{}`, `"size":120`, `"subject":"Grüße"`,
			`"from":[{"email":"a@b.example","name":"Anna"}]`, `"email":"x@y.example"`, `"preview":"Where are you?"`, `"bodyValues":{}`}, 0},
		{"get a part", `["Email/get",{"accountId":"demo","ids":["e1-2"],"fetchTextBodyValues":true,"maxBodyValueBytes":3,"properties":["bodyValues","from","to","hasAttachment"]},"0"]`, []string{
			`{"1":{"isEncodingProblem":false,"isTruncated":true,"value":"äp"}}`, `"to":null`, `"from":[{"email":"","name":"nobody"}]`, `"hasAttachment":true`}, 0},
		{"get what is not there", `["Email/get",{"accountId":"demo","ids":["e1-9","e99-1","e1-","x","e01-1"]},"0"]`, []string{`"list":[],"notFound":["e1-9","e99-1","e1-","x","e01-1"]`}, 0},
		{"get everything", `["Email/get",{"accountId":"demo","ids":null},"0"]`, []string{`"requestTooLarge"`}, 1},
		{"get too much", `["Email/get",{"accountId":"demo","ids":["x"` + strings.Repeat(`,"x"`, jmapObjects) + `]},"0"]`, []string{`"requestTooLarge"`}, 1},
		{"reference", bothIDs + `,["Email/get",{"accountId":"demo","properties":["size"],"#ids":{"resultOf":"q","name":"Email/query","path":"/ids"}},"g"]`,
			[]string{`"list":[{"id":"e1-1","size":120},{"id":"e1-2",`}, 0},
		{"reference to each", bothIDs + `,["Email/get",{"accountId":"demo","properties":["mailboxIds"],"#ids":{"resultOf":"q","name":"Email/query","path":"/ids"}},"g"],` +
			`["Core/echo",{"#boxes":{"resultOf":"g","name":"Email/get","path":"/list/*/mailboxIds/m1"}},"e"]`, []string{`["Core/echo",{"boxes":[true,true]},"e"]`}, 0},
		{"reference to an element", bothIDs + `,["Core/echo",{"#a":{"resultOf":"q","name":"Email/query","path":"/ids/1"}},"e"]`, []string{`{"a":"e1-2"}`}, 0},
		{"reference to no call", `["Core/echo",{"#a":{"resultOf":"q","name":"Email/query","path":"/ids"}},"e"]`, []string{`"invalidResultReference"`}, 1},
		{"reference to another call", `["Core/echo",{},"q"],["Core/echo",{"#a":{"resultOf":"q","name":"Email/query","path":"/ids"}},"e"]`, []string{`"invalidResultReference"`}, 1},
		{"reference that leads nowhere", bothIDs + `,["Core/echo",{"#a":{"resultOf":"q","name":"Email/query","path":"/ids/01"}},"e"]`, []string{`"invalidResultReference"`}, 1},
		{"reference and value", bothIDs + `,["Core/echo",{"a":1,"#a":{"resultOf":"q","name":"Email/query","path":"/ids"}},"e"]`, []string{`"invalidArguments"`}, 1},
		{"reference of the wrong type", bothIDs + `,["Core/echo",{"#a":7},"e"]`, []string{`"invalidArguments"`}, 1},
	}
	failed := int64(0)
	for _, tt := range tests {
		status, answer := ask(t, d, "demo", "application/json", `{`+using+`,"methodCalls":[`+tt.calls+`]}`)
		for _, want := range tt.want {
			if status != http.StatusOK || !strings.Contains(answer, want) {
				t.Errorf("%s: %d %s\nwant %s", tt.name, status, answer, want)
			}
		}
		failed += tt.failed
	}
	if _, answer := ask(t, d, "demo", "application/json", `{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Mailbox/get",{"accountId":"demo"},"0"]]}`); !strings.Contains(answer, `"unknownMethod"`) {
		t.Errorf("a method of a capability that is not used: %s", answer)
	}
	nobodyConnected(t, d)
	compare(t, d, counts{jmapAnswered: int64(len(tests)) + 1, jmapErrors: failed + 1})
}

func TestJMAPSessionAndDownload(t *testing.T) {
	d := jmapDemo(t)
	status, text, err := d.traffic.jmapHTTP(t.Context(), http.MethodGet, "http://"+d.ports.jmap.Addr().String()+"/.well-known/jmap", nil)
	var session struct {
		Capabilities    map[string]map[string]any
		Accounts        map[string]struct{ Name string }
		PrimaryAccounts map[string]string
		DownloadURL     string
		UploadURL       string
	}
	if err == nil {
		err = json.Unmarshal(text, &session)
	}
	if err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, text, err)
	}
	if session.Capabilities[jmapCore]["maxCallsInRequest"] != float64(jmapCalls) || session.Capabilities[jmapMail] == nil ||
		session.Accounts[session.PrimaryAccounts[jmapMail]].Name != "demo@example.org" {
		t.Errorf("session: %s", text)
	}
	for _, tt := range []struct {
		account, blob string
		status        int
		body          string
	}{
		{"demo", "e8-1", http.StatusOK, first},
		{"demo", "e8-2", http.StatusNotFound, "no such blob"},
		{"demo", "x", http.StatusNotFound, "no such blob"},
		{"root", "e8-1", http.StatusNotFound, "no such blob"},
	} {
		url := strings.NewReplacer("{accountId}", tt.account, "{blobId}", tt.blob, "{name}", "a.eml", "{type}", "text/html").Replace(session.DownloadURL)
		status, body, err := d.traffic.jmapHTTP(t.Context(), http.MethodGet, url, nil)
		if err != nil || status != tt.status || !strings.Contains(string(body), tt.body) {
			t.Errorf("%s: %d %q, %v", url, status, body, err)
		}
	}
	upload := strings.ReplaceAll(session.UploadURL, "{accountId}", "demo")
	if status, body, err := d.traffic.jmapHTTP(t.Context(), http.MethodPost, upload, strings.NewReader("x")); status != http.StatusNotImplemented || err != nil {
		t.Errorf("upload: %d %s, %v", status, body, err)
	}
	nobodyConnected(t, d)
	compare(t, d, counts{jmapAnswered: 0, jmapErrors: 0})
}

func TestTooManyJMAPRequestsAtOnce(t *testing.T) {
	d := running(t, quick())
	var slow []*io.PipeWriter
	answered := make(chan error, jmapRequests)
	for range jmapRequests {
		r, w := io.Pipe()
		slow = append(slow, w)
		go func() {
			_, _, err := d.traffic.jmapHTTP(t.Context(), http.MethodPost, "http://"+d.ports.jmap.Addr().String()+"/jmap/api", r)
			answered <- err
		}()
	}
	server := jmapServerOf(t, d)
	eventually(t, "as many requests as may be are under way", func() bool { return len(server.busy) == jmapRequests })
	status, answer := ask(t, d, "demo", "application/json", `{`+using+`,"methodCalls":[]}`)
	if status != http.StatusBadRequest || !strings.Contains(answer, `"limit":"maxConcurrentRequests"`) {
		t.Errorf("one more: %d %s", status, answer)
	}
	for _, w := range slow {
		fmt.Fprintf(w, `{%s,"methodCalls":[]}`, using)
		w.Close()
	}
	for range slow {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

func jmapServerOf(t *testing.T, d *Demo) *jmapServer {
	t.Helper()
	for _, s := range d.servers {
		if s, ok := s.(*jmapServer); ok {
			return s
		}
	}
	t.Fatal("the demo has no JMAP server")
	return nil
}

// Whatever body comes: it is refused with a problem of a known type, or every
// call has a response.
func FuzzJMAPRequest(f *testing.F) {
	for _, calls := range []string{
		`["Core/echo",{"#a":{"resultOf":"","name":"","path":""}},"0"]`,
		`["Email/query",{"accountId":"demo","position":-1,"limit":1,"anchor":"e1-1"},"q"],["Email/get",{"accountId":"demo","#ids":{"resultOf":"q","name":"Email/query","path":"/ids"}},"g"]`,
		`["Mailbox/get",{"accountId":"demo","ids":["m1"],"properties":["name"]},"0"],["Core/echo",{"#a":{"resultOf":"0","name":"Mailbox/get","path":"/list/*/name"}},"1"]`,
	} {
		f.Add([]byte(`{` + using + `,"methodCalls":[` + calls + `]}`))
	}
	store, err := newMailStore(otelmail.Noop(), "demo", "demo")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(store.close)
	if err := store.append(f.Context(), inbox, []byte(first)); err != nil {
		f.Fatal(err)
	}
	server := newJMAPServer(otelmail.Noop(), store, discardLog)
	f.Fuzz(func(t *testing.T, body []byte) {
		request, p := parseJMAPRequest(body)
		if p != nil {
			if !strings.HasPrefix(p.Type, "urn:ietf:params:jmap:error:") || p.Status != http.StatusBadRequest {
				t.Errorf("%+v", p)
			}
			return
		}
		responses := server.run(t.Context(), request)
		if len(responses) != len(request.calls) {
			t.Fatalf("%d responses to %d calls", len(responses), len(request.calls))
		}
		for i, response := range responses {
			if response.id != request.calls[i].id || response.name != request.calls[i].name && response.name != "error" ||
				strings.Contains(string(response.args), "serverFail") && response.name == "error" {
				t.Errorf("response %d: %s %q %s", i, response.name, response.id, response.args)
			}
		}
		if _, err := json.Marshal(responses); err != nil {
			t.Error(err)
		}
	})
}
