package where_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/where"
)

// page is a server's page, which knows messages by what they are found by.
type page struct {
	knows map[string][]string
	note  string
	auth  string // "user:password"; "" for none

	mu    sync.Mutex
	asked []string
	urls  []string
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct{ Query string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	p.mu.Lock()
	p.asked, p.urls = append(p.asked, body.Query), append(p.urls, r.Method+" "+r.URL.String())
	p.mu.Unlock()
	if user, password, _ := r.BasicAuth(); p.auth != "" && user+":"+password != p.auth {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	fmt.Fprintf(w, `{"messages":[%s],"events":[],"more":false,"note":%q,"reach":{"from":"2026-03-01T11:00:00Z","dropped":0}}`,
		strings.Join(p.knows[body.Query], ","), p.note)
}

func (p *page) serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return s.URL
}

// hop is a message as a server tells it.
func hop(id, messageID, trace, from, to string, second int, text string) string {
	return fmt.Sprintf(`{"queue_id":%q,"message_id":%q,"trace_id":%q,"direction":"outbound","from":{"domain":%q},"to":{"domain":%q},"size":2048,"state":"delivered","text":%q,
		"destinations":[],"steps":[{"time":"2026-03-01T12:00:%02d.5Z","event":"queued","text":"Put into the queue."},
		{"time":"2026-03-01T12:00:%02d.75Z","event":"delivered","text":"Delivered.","waited_seconds":0.25,"took_seconds":1.5,"host":"mx","peer":"192.0.2.1:25","tls":"1.3"}]}`,
		id, messageID, trace, from, to, text, second, second)
}

// run is the command.
func run(t *testing.T, args ...string) (found *where.Found, printed string) {
	t.Helper()
	c, err := where.ParseFlags(args, nil, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	found = where.Ask(context.Background(), c)
	var b bytes.Buffer
	if err := found.Print(&b, c.JSON); err != nil {
		t.Fatal(err)
	}
	return found, b.String()
}

const (
	trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	id    = "58dac16a9c6a4cc0"
)

// TestHops: a queue id is known to one server; the hops before and after it are found by the
// Message-ID or the trace, and printed in order.
func TestHops(t *testing.T) {
	first := &page{knows: map[string][]string{}}
	second := &page{knows: map[string][]string{}}
	third := &page{knows: map[string][]string{}}
	q1, q2, q3 := hop("Q1", id, "", "a.example", "b.example", 1, "Was delivered."), hop("Q2", id, trace, "a.example", "b.example", 5, "Was delivered, too."), hop("Q3", "other", trace, "a.example", "b.example", 9, "Waits.")
	sibling := hop("Q4", "sibling", trace, "a.example", "c.example", 9, "Is another of that session.")
	first.knows["Q1"], first.knows[id] = []string{q1}, []string{q1}
	second.knows["Q2"], second.knows[id], second.knows[trace] = []string{q2}, []string{q2}, []string{q2}
	third.knows[trace] = []string{q3, sibling}
	one, two, three := first.serve(t), second.serve(t), third.serve(t)
	found, printed := run(t, "--server", three, "Q2", "--server="+one, "--server", two)
	want := `Q1 at ONE, outbound, from a.example to b.example, 2048 bytes
  Was delivered.
  2026-03-01 13:00:01.500 +0100            Put into the queue.
  2026-03-01 13:00:01.750 +0100    +250ms  Delivered. (took 1.5s, mx, 192.0.2.1:25, TLS 1.3)
then, 2.3s after it was last seen there:
Q2 at TWO, outbound, from a.example to b.example, 2048 bytes
  Was delivered, too.
  2026-03-01 13:00:05.500 +0100            Put into the queue.
  2026-03-01 13:00:05.750 +0100    +250ms  Delivered. (took 1.5s, mx, 192.0.2.1:25, TLS 1.3)
  trace 4bf92f3577b34da6a3ce929d0e0e4736
then, 2.3s after it was last seen there:
Q3 at THREE, outbound, from a.example to b.example, 2048 bytes
  Waits.
  2026-03-01 13:00:09.500 +0100            Put into the queue.
  2026-03-01 13:00:09.750 +0100    +250ms  Delivered. (took 1.5s, mx, 192.0.2.1:25, TLS 1.3)
  trace 4bf92f3577b34da6a3ce929d0e0e4736
note: THREE: What it knows begins 2026-03-01 12:00:00.000 +0100.
note: ONE: What it knows begins 2026-03-01 12:00:00.000 +0100.
`
	const layout = "2006-01-02 15:04:05.000 -0700"
	want = regexp.MustCompile(`2026-\S+ \S+ \+0100`).ReplaceAllStringFunc(want, func(shown string) string {
		at, err := time.Parse(layout, shown)
		if err != nil {
			t.Fatal(err)
		}
		return at.Local().Format(layout) // the zone of whoever runs the test
	})
	if got := strings.NewReplacer(one, "ONE", two, "TWO", three, "THREE").Replace(printed); got != want {
		t.Errorf("prints\n%s\nwant\n%s", got, want)
	}
	if len(found.Messages) != 1 || len(found.Messages[0]) != 3 {
		t.Errorf("found %+v", found.Messages)
	}
	for _, url := range append(append(first.urls, second.urls...), third.urls...) {
		if url != "POST /api/v1/messages" {
			t.Errorf("asked %s", url)
		}
	}
	_, printed = run(t, "--server", one, "--server", two, "--json", "Q2")
	var j struct {
		Messages [][]struct {
			Server  string
			Message struct {
				QueueID string `json:"queue_id"`
				Steps   []struct{ Event string }
			}
		}
	}
	if err := json.Unmarshal([]byte(printed), &j); err != nil || len(j.Messages) != 1 || len(j.Messages[0]) != 2 ||
		j.Messages[0][0].Server != one || j.Messages[0][0].Message.QueueID != "Q1" || j.Messages[0][0].Message.Steps[1].Event != "delivered" {
		t.Errorf("%v: %s", err, printed)
	}
}

// TestClocksThatDiffer: no wait between two servers is negative, and what cannot be is said. A
// server has a message before the one that sends it knows that it has, which is no clock's fault.
func TestClocksThatDiffer(t *testing.T) {
	at := func(queueID, queued, attempt string) string {
		return fmt.Sprintf(`{"queue_id":%q,"message_id":%q,"state":"delivered","text":"Was delivered.","steps":[{"time":"2026-03-01T12:00:%sZ","event":"queued","text":"Put into the queue."},
			{"time":"2026-03-01T12:00:%sZ","event":"delivered","text":"Delivered.","took_seconds":1.5}]}`, queueID, id, queued, attempt)
	}
	for want, received := range map[string]string{
		"then, 1s after it was last seen there:":                                                         "07.500",
		"then, 0s after it was last seen there:":                                                         "05.250",
		"then, 0s after it was last seen there (3s before it was sent: one of the two clocks is wrong):": "02.000",
	} {
		one, two := &page{knows: map[string][]string{}}, &page{knows: map[string][]string{}}
		one.knows[id], two.knows[id] = []string{at("Q1", "01.000", "05.000")}, []string{at("Q2", received, "30.000")}
		if _, printed := run(t, "--server", one.serve(t), "--server", two.serve(t), id); !strings.Contains(printed, "\n"+want+"\n") {
			t.Errorf("prints\n%s\nwant %s", printed, want)
		}
	}
}

// TestHostileAnswers: nothing that a stranger or a server has written moves a terminal's cursor,
// and no answer is too odd.
func TestHostileAnswers(t *testing.T) {
	const evil = "\x1b]0;owned\x07\u009b2J\u202eeman\r\n\x00"
	message := hop("Q"+evil, evil, evil, evil, evil, 1, evil)
	message = regexp.MustCompile(`"text":"Delivered\."`).ReplaceAllString(message, `"text":`+quoted(evil)+`,"reply":`+quoted(evil)+`,"`+evil[:0]+`k`+`":1`)
	for name, answer := range map[string]string{
		"strings": `{"messages":[` + message + `],"note":` + quoted(evil) + `,"events":[{"time":"2026-03-01T12:00:00Z","text":` + quoted(evil) + `}],` + quoted(evil) + `:1}`,
		"error":   `{"error":` + quoted(evil) + `}`,
		"no JSON": evil, "nothing": "", "null": "null", "a list": "[]", "steps missing": `{"messages":[{"queue_id":"Q1"}]}`,
		"wrong types": `{"messages":[{"queue_id":1,"steps":"none"}]}`, "deep": strings.Repeat("[", 20_000),
		"time": `{"messages":[{"queue_id":"Q","steps":[{"time":"yesterday"}]}]}`,
	} {
		for _, status := range []int{200, 503} {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, answer)
			}))
			for _, args := range [][]string{{"--server", s.URL, "Q1"}, {"--json", "--server", s.URL, "Q1"}} {
				found, printed := run(t, args...)
				for _, f := range found.Errors {
					printed += f.Error
				}
				if regexp.MustCompile(`\p{C}`).MatchString(strings.ReplaceAll(printed, "\n", "")) {
					t.Errorf("%s, %d: prints %q", name, status, printed)
				}
				if status == 503 && len(found.Errors) != 1 {
					t.Errorf("%s: errors %v", name, found.Errors)
				}
			}
			s.Close()
		}
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// TestCredentials go to each server, and are in no error.
func TestCredentials(t *testing.T) {
	p := &page{auth: "ann:open: sesame", knows: map[string][]string{"Q1": {hop("Q1", id, trace, "", "", 1, "Here.")}}}
	server := p.serve(t)
	for name, tt := range map[string]struct {
		args     []string
		variable string
		want     string // of the error; "" for none
	}{
		"right":      {nil, "ann:open: sesame", ""},
		"wrong":      {nil, "ann:wrong", "it wants a user and a password, or others: give them by --auth-file or OTELMAIL_AUTH"},
		"none":       {nil, "", "it wants a user and a password"},
		"no colon":   {nil, "sesame", "OTELMAIL_AUTH: the value given is not allowed: want USER:PASSWORD"},
		"in the URL": {[]string{"--server", "http://ann:sesame@127.0.0.1:1"}, "", "want them in --auth-file or OTELMAIL_AUTH"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := where.ParseFlags(append(tt.args, "--server", server, "Q1"), nil, func(string) string { return tt.variable })
			if err == nil {
				if found := where.Ask(context.Background(), c); len(found.Errors) > 0 {
					err = fmt.Errorf("%s", found.Errors[0].Error)
				} else if !found.Any() {
					t.Error("nothing was found")
				}
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "sesame") {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
}

// TestLater: a server that has too much to search for is asked again, until the time is up.
func TestLater(t *testing.T) {
	p := &page{knows: map[string][]string{"Q1": {hop("Q1", id, trace, "", "", 1, "Here.")}}}
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 || r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		p.ServeHTTP(w, r)
	}))
	defer s.Close()
	if found, _ := run(t, "--server", s.URL, "Q1"); !found.Any() || len(found.Errors) > 0 || asked.Load() != 2 {
		t.Errorf("asked %d times: %+v", asked.Load(), found)
	}
	c, err := where.ParseFlags([]string{"--timeout", "1ms", "--server", s.URL, "Q1"}, nil, func(string) string { return "always:refused" })
	if err != nil {
		t.Fatal(err)
	}
	if found := where.Ask(context.Background(), c); found.Any() || len(found.Errors) != 1 {
		t.Errorf("%+v", found)
	}
}

// TestFlags: what is not allowed is said, and what is searched for may be read.
func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"":                        "0 things to search for are not allowed: want one QUEUE-ID, MESSAGE-ID or ADDRESS",
		"Q1 Q2":                   "2 things to search for",
		"--server example.org Q1": "want http://HOST:PORT or https://HOST:PORT",
		"--server ftp://a Q1":     "want http://HOST:PORT or https://HOST:PORT",
		"--timeout 0s Q1":         "--timeout: 0s is not allowed: want more than 0s",
		"--timeout soon Q1":       "invalid value",
		"--nothing Q1":            "flag provided but not defined",
	} {
		if _, err := where.ParseFlags(strings.Fields(args), nil, os.Getenv); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	if _, err := where.ParseFlags([]string{"-h"}, nil, os.Getenv); err != flag.ErrHelp { //nolint:errorlint // package flag returns it as it is
		t.Errorf("-h: %v", err)
	}
	c, err := where.ParseFlags([]string{"-"}, strings.NewReader(" ann@example.org\n"), func(string) string { return "" })
	if err != nil || c.Text != "ann@example.org" || len(c.Servers) != 1 || c.Servers[0].String() != "http://127.0.0.1:9090" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := where.ParseFlags([]string{"-"}, strings.NewReader("\n"), os.Getenv); err == nil {
		t.Error("nothing was to be searched for")
	}
	if c, err = where.ParseFlags([]string{"--", "-id@example.org"}, nil, func(string) string { return "" }); err != nil || c.Text != "-id@example.org" {
		t.Errorf("%+v, %v", c, err)
	}
}
