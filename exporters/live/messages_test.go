package live

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/live/internal/life"
	"github.com/rusmes/otelmail/mailconv"
)

const canary = "Ann.Canary@partner.example"

// served starts a Telemetry and a server of what it keeps. Everything is logged to the
// writer.
func served(t *testing.T, c life.Config, log io.Writer) (*otelmail.Telemetry, api) {
	t.Helper()
	var store *life.Store
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals(), otelmail.WithShutdownTimeout(time.Minute), otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		otelmail.WithHashKey([]byte("a key for the tests only")), otelmail.WithLogHandler(slog.NewTextHandler(log, nil)), otelmail.WithLogMailEvents(),
		otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) (err error) {
			c.Forms = p.Forms
			if store, err = life.Open(c); err == nil {
				p.AddLogProcessor(store.Processor())
				p.OnShutdown("live", store.Close)
			}
			return err
		})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	mux := http.NewServeMux()
	m := newMessages(store)
	m.register(mux)
	server := httptest.NewServer(mux)
	server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(log, nil), slog.LevelError)
	t.Cleanup(server.Close)
	return tel, api{server, m}
}

type api struct {
	*httptest.Server
	messages
}

// traffic is a message deferred and delivered, one bounced, a refusal and a failed login.
func traffic(tel *otelmail.Telemetry) {
	ctx := context.Background()
	told := func(code int, e ...int) otelmail.Reply {
		return otelmail.Reply{Code: code, Enhanced: otelmail.EnhancedCode{e[0], e[1], e[2]}}
	}
	send := func(id, to string, replies ...otelmail.Reply) {
		s := tel.SMTP.Session(ctx, otelmail.RoleSubmission, otelmail.Conn{})
		data := s.Command(mailconv.SMTPData)
		facts := otelmail.MessageFacts{QueueID: id, MessageID: "<" + id + "@sender.example>", Sender: "sue@sender.example", Recipient: to, Size: 2048, Direction: mailconv.Outbound}
		m, queueing := tel.Queue.Enqueue(data.Context(), facts)
		queueing.End(otelmail.CauseNone)
		data.EndMessage(told(250, 2, 0, 0), to)
		work := tel.Queue.Dequeue(ctx, m, facts)
		for _, r := range replies {
			about := m.Attempt(otelmail.TransportSMTP, to)
			about.Server, about.Message = "mx.partner.example", facts
			tel.Delivery.Attempt(work.Context(), about).End(r)
		}
		if replies[len(replies)-1].Code == 550 {
			bounce := otelmail.MessageFacts{QueueID: "B" + id, Recipient: "sue@sender.example"}
			_, queueing := tel.Queue.Enqueue(work.Context(), bounce)
			queueing.End(otelmail.CauseNone)
			tel.Mail.Bounced(work.Context())
		}
	}
	send("Q1", canary, told(451, 4, 7, 1), told(250, 2, 0, 0))
	send("Q2", "eve@third.example", told(550, 5, 1, 1))
	s := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
	rcpt := s.Command(mailconv.SMTPRcpt)
	rcpt.Note(otelmail.SMTPFacts{To: canary})
	rcpt.End(told(452, 4, 3, 1))
	tel.POP3.Session(ctx, otelmail.Conn{}).Command(mailconv.POP3Pass).End(otelmail.POP3Reply{})
}

// ask sends a request and returns the answer.
func ask(t *testing.T, method, url, contentType, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-store" ||
		resp.Header.Get("X-Content-Type-Options") != "nosniff" || !json.Valid(text) {
		t.Errorf("%s %s: %v: %s", method, url, resp.Header, text)
	}
	return resp.StatusCode, string(text)
}

// TestMessagesAPI: what is answered, and what is said about requests that cannot be.
func TestMessagesAPI(t *testing.T) {
	tel, server := served(t, life.Config{}, io.Discard)
	traffic(tel)
	const kind = "application/json; charset=utf-8"
	for _, tt := range []struct {
		method, path, kind, body string
		status                   int
		want                     string
	}{
		{"POST", "messages", kind, `{"query":"Q1"}`, 200, `"state":"delivered"`},
		{"POST", "messages", kind, `{"query":"` + canary + `"}`, 200, `"queue_id":"Q1"`},
		{"POST", "messages", kind, `{"query":"sue@sender.example","limit":1}`, 200, `"more":true`},
		{"POST", "messages", kind, `{"query":"nothing of that name"}`, 200, `{"messages":[],"events":[],"more":false,"reach":{"from":"20`},
		{"POST", "messages", kind, `{"query":" "}`, 400, "query: want a queue id, a message id, an address or a trace id of at most 1000 bytes"},
		{"POST", "messages", kind, `{"query":"` + strings.Repeat("x", 1001) + `"}`, 400, "query: want"},
		{"POST", "messages", kind, `{"query":"Q1","limit":0}`, 400, "limit: 0 is not allowed: want a number from 1 to 100"},
		{"POST", "messages", kind, `{"query":"Q1","limit":101}`, 400, "limit: 101 is not allowed"},
		{"POST", "messages", kind, `{"qeury":"` + canary + `"}`, 400, "body: want {"},
		{"POST", "messages", kind, `"` + canary, 400, "body: want {"},
		{"POST", "messages", kind, `{"query":"` + canary + `"} more`, 400, "body: want {"},
		{"POST", "messages", kind, `{"query":"Q1"` + strings.Repeat(" ", 9000) + `}`, 400, "body: want {"},
		{"POST", "messages", "text/plain", `{"query":"` + canary + `"}`, 415, "Content-Type: want application/json"},
		{"POST", "messages", "", `{"query":"` + canary + `"}`, 415, "Content-Type: want application/json"},
		{"GET", "messages?query=" + canary, "", "", 405, "does not belong into a URL"},
		{"GET", "failures", "", "", 200, `"event":"bounced"`},
		{"GET", "failures?limit=0", "", "", 400, "limit: want a number from 1 to 500"},
		{"GET", "failures?limit=many", "", "", 400, "limit: want a number from 1 to 500"},
		{"GET", "failures?event=delivered", "", "", 400, "event: want rejected, deferred, failed, bounced, expired or login_failed"},
		{"GET", "failures?fault=nobody", "", "", 400, "fault: want ours or theirs"},
		{"GET", "failures?domain=" + canary, "", "", 400, "domain: want a domain, as example.org, or _other"},
		{"GET", "failures?domain=a&domain=b", "", "", 400, "want each once"},
		{"GET", "failures?" + canary, "", "", 400, "a parameter is not known: want event, protocol, stage, reason, domain, fault or limit"},
		{"GET", "failures?reason=%zz", "", "", 400, "percent-encoded"},
		{"POST", "failures", kind, "", 405, "want GET"},
	} {
		status, text := ask(t, tt.method, server.URL+"/api/v1/"+tt.path, tt.kind, tt.body)
		if status != tt.status {
			t.Errorf("%s %s %.60s: status %d, want %d: %s", tt.method, tt.path, tt.body, status, tt.status, text)
		}
		if decoded := strings.NewReplacer(`\"`, `"`).Replace(text); !strings.Contains(decoded, tt.want) {
			t.Errorf("%s %s %.60s: %s, want %s", tt.method, tt.path, tt.body, text, tt.want)
		}
		if strings.Contains(strings.ToLower(text), "canary") {
			t.Errorf("%s %s: the answer holds what was typed: %s", tt.method, tt.path, text)
		}
		if tt.status != 200 && !strings.HasPrefix(text, `{"error":"`) {
			t.Errorf("%s %s: %s", tt.method, tt.path, text)
		}
	}
}

// TestFailuresAPI: the filters, and the order.
func TestFailuresAPI(t *testing.T) {
	tel, server := served(t, life.Config{}, io.Discard)
	traffic(tel)
	for query, want := range map[string]string{
		"":                                 "login_failed rejected bounced failed deferred",
		"event=rejected":                   "rejected",
		"event=login_failed":               "login_failed",
		"protocol=pop3":                    "login_failed",
		"protocol=smtp&limit=2":            "rejected failed",
		"stage=rcpt":                       "rejected",
		"reason=system&fault=ours":         "rejected",
		"reason=unknown_user":              "failed",
		"reason=unknown_user&fault=theirs": "",
		"domain=partner.example":           "rejected deferred",
		"domain=PARTNER.example.":          "rejected deferred",
		"domain=sender.example":            "bounced failed deferred",
		"domain=nowhere.example":           "",
		"event=&protocol=":                 "login_failed rejected bounced failed deferred",
	} {
		_, text := ask(t, "GET", server.URL+"/api/v1/failures?"+query, "", "")
		var a failuresAnswer
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range a.Failures {
			got = append(got, f.Event)
		}
		if strings.Join(got, " ") != want || a.Failures == nil || a.Until != nil || a.Reach.Events == 0 {
			t.Errorf("%s: %v, want %s: %s", query, got, want, text)
		}
	}
}

// TestWhatIsTypedStaysNowhere: an address that was searched for is in no log, no file, no
// answer, whether it is known or not, and whatever goes wrong.
func TestWhatIsTypedStaysNowhere(t *testing.T) {
	var log safeBuffer
	dir := t.TempDir()
	tel, server := served(t, life.Config{Dir: dir, Setting: "SETTING"}, &log)
	traffic(tel)
	stop, cancel := context.WithCancel(context.Background())
	cancel()
	for _, body := range []string{`{"query":"` + canary + `"}`, `{"query":"nobody.canary@partner.example"}`, `{"query":"` + canary + `","limit":-1}`, `["` + canary + `"`} {
		_, text := ask(t, "POST", server.URL+"/api/v1/messages", "application/json", body)
		if strings.Contains(strings.ToLower(text), "canary") {
			t.Errorf("%s: %s", body, text)
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/api/v1/messages", strings.NewReader(body)).WithContext(stop)
		r.Header.Set("Content-Type", "application/json")
		server.Config.Handler.ServeHTTP(w, r)
		if strings.Contains(strings.ToLower(w.Body.String()), "canary") || w.Code == 200 {
			t.Errorf("%s, given up: %d %s", body, w.Code, w.Body)
		}
	}
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	_, text := ask(t, "POST", server.URL+"/api/v1/messages", "application/json", `{"query":"`+canary+`"}`)
	if !strings.HasPrefix(text, `{"error":"live: read `) || strings.Contains(strings.ToLower(text), "canary") {
		t.Errorf("after the end: %s", text)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		content, err := os.ReadFile(dir + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(content, []byte("partner.example")) || bytes.Contains(bytes.ToLower(content), []byte("canary")) {
			t.Errorf("%s has no event, or what was typed", f.Name())
		}
	}
	if said := log.String(); !strings.Contains(said, "email.delivered") || strings.Contains(strings.ToLower(said), "canary") {
		t.Errorf("the log: %s", said)
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
