package integration

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	netsmtp "net/smtp"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	imapv1 "github.com/emersion/go-imap/client"
	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/integration/internal/servers"
)

// TestExamples runs each program below examples/ as its README says, uses it with real
// clients, and looks at /metrics and at what a Collector was sent.
func TestExamples(t *testing.T) {
	t.Parallel()
	drives := map[string]func(*example){
		"gosmtp": driveGoSMTP, "goimap": driveGoIMAP, "goimapv1": driveGoIMAPv1, "handwritten": driveHandwritten,
		"ownproviders": driveOwnProviders, "jmap": driveJMAP, "otlponly": driveOTLPOnly,
	}
	modules, err := filepath.Glob("../examples/*/go.mod")
	if err != nil || len(modules) != len(drives) {
		t.Fatalf("%d modules below examples/, and tests of %d: %v", len(modules), len(drives), err)
	}
	collector := peer.StartCollector(t)
	for name, drive := range drives {
		t.Run(name, func(t *testing.T) {
			source := filepath.Join("..", "examples", name)
			wantFiveLines(t, filepath.Join(source, "README.md"))
			e := &example{T: t, name: name, dir: t.TempDir(), collector: collector}
			if err := build(filepath.Join(e.dir, name), source); err != nil {
				t.Fatal(err)
			}
			drive(e)
		})
	}
}

func wantFiveLines(t *testing.T, readme string) {
	t.Helper()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n > 5 {
		t.Errorf("%s has %d lines, want five at most", readme, n)
	}
}

// example is a program of examples/. The tests of one run it in its own empty folder.
type example struct {
	*testing.T
	name, dir string
	collector *peer.Collector

	cmd    *exec.Cmd
	said   *output // on standard output
	logged *output
	ended  chan struct{} // closed once the program has ended
}

// start starts the program with flags, and waits until it is ready.
func (e *example) start(pages string, flags ...string) {
	e.Helper()
	cmd, said, logged, ended := exec.Command(filepath.Join(e.dir, e.name), flags...), new(output), new(output), make(chan struct{})
	e.cmd, e.said, e.logged, e.ended = cmd, said, logged, ended
	cmd.Dir, cmd.Stdout, cmd.Stderr = e.dir, said, logged
	cmd.Env = append(cleanEnv(), "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+e.collector.HTTP())
	if err := cmd.Start(); err != nil {
		e.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // ProcessState has the same and more
		close(ended)
	}()
	e.Cleanup(func() {
		_ = cmd.Process.Kill() // fails only when it has ended
		<-ended
		if e.Failed() {
			e.Logf("%s %q said:\n%.8000s\nand logged:\n%.8000s", e.name, flags, said.String(), logged.String())
		}
	})
	peer.Eventually(e, patience, func() error {
		select {
		case <-ended:
			e.Fatalf("the program ended: %v", cmd.ProcessState)
		default:
		}
		return holds("http://"+pages+"/ready", `"ready":true`)
	})
}

// stop has the program end as an operator does, and wants it to have nothing to complain of.
func (e *example) stop() {
	e.Helper()
	if err := e.cmd.Process.Signal(os.Interrupt); err != nil {
		e.Fatal(err)
	}
	select {
	case <-e.ended:
		if !e.cmd.ProcessState.Success() {
			e.Errorf("the program ended with %v", e.cmd.ProcessState)
		}
	case <-time.After(patience):
		e.Errorf("the program still runs %v after an interrupt", patience)
	}
}

// wantPage waits until /metrics has all lines.
func (e *example) wantPage(address string, lines ...string) {
	e.Helper()
	for _, line := range lines {
		peer.Eventually(e, patience, func() error { return holds("http://"+address+"/metrics", "\n"+line+"\n") })
	}
}

// wantSpans waits until the Collector has these spans of the program, and no others. See tree.
func (e *example) wantSpans(want string) []peer.Span {
	e.Helper()
	var spans []peer.Span
	peer.Eventually(e, patience, func() error {
		spans = slices.DeleteFunc(e.collector.Traces(), func(s peer.Span) bool { return s.Resource["service.name"] != e.name })
		if got := tree(spans); got != strings.TrimLeft(want, "\n") {
			return fmt.Errorf("the spans are\n%swant\n%s", got, want)
		}
		return nil
	})
	return spans
}

// tree shows spans below their parents, in the order in which they began, with a mark on those in
// error. Equal siblings that follow each other are shown once.
func tree(spans []peer.Span) string {
	children := map[string][]peer.Span{}
	known := map[string]bool{}
	for _, s := range spans {
		known[s.SpanID] = true
	}
	for _, s := range spans {
		parent := s.ParentID
		if !known[parent] {
			parent = ""
		}
		children[parent] = append(children[parent], s)
	}
	var text func(parent, indent string) string
	text = func(parent, indent string) (all string) {
		siblings := children[parent]
		slices.SortStableFunc(siblings, func(a, b peer.Span) int { return a.Start.Compare(b.Start) })
		last := ""
		for _, s := range siblings {
			one := indent + s.Name
			if s.Status == "error" {
				one += " (error)"
			}
			one += "\n" + text(s.SpanID, indent+"  ")
			if one != last {
				all += one
			}
			last = one
		}
		return all
	}
	return text("", "")
}

// spanNamed is the last span of a name.
func spanNamed(t testing.TB, spans []peer.Span, name string) peer.Span {
	t.Helper()
	slices.SortStableFunc(spans, func(a, b peer.Span) int { return a.Start.Compare(b.Start) })
	for _, s := range slices.Backward(spans) {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no span is called %q", name)
	return peer.Span{}
}

const exampleLetter = "Subject: hello\r\n\r\nhi\r\n"

// driveGoSMTP: a message that could not be delivered is delivered after a restart, in its trace.
func driveGoSMTP(e *example) {
	at := peer.FreeAddresses(e, 3)
	flags := []string{"-smtp", at[0], "-web", at[1], "-next", at[2], "-retry", "1s"}
	e.start(at[1], flags...)
	if err := netsmtp.SendMail(at[0], nil, "me@example.net", []string{"you@example.org"}, []byte(exampleLetter)); err != nil {
		e.Fatal(err)
	}
	e.wantPage(at[1], "rusmes_smtp_messages_received_total 1", "rusmes_queue_size 1")
	peer.Eventually(e, patience, func() error { // at least once: who knows how long all this takes
		if err := holds("http://"+at[1]+"/metrics", `rusmes_outbound_connect_failures_total{kind="refused"} 0`); err == nil {
			return errors.New("no delivery was tried")
		}
		return nil
	})
	e.stop()

	var inbox nextServer
	next := smtp.NewServer(&inbox)
	listener, err := net.Listen("tcp", at[2])
	if err != nil {
		e.Fatal(err)
	}
	go func() { _ = next.Serve(listener) }()
	e.Cleanup(func() { next.Close() })
	e.start(at[1], flags...)
	e.wantPage(at[1], "rusmes_mail_delivered_total 1", "rusmes_smtp_messages_sent_total 1", "rusmes_queue_retries_total 1", "rusmes_queue_size 0")
	if got := inbox.text.Load(); got == nil || *got != exampleLetter {
		e.Errorf("the next server was given %v", got)
	}
	e.stop()
	spans := e.wantSpans(`
SMTP session
  SMTP EHLO
  SMTP MAIL
  SMTP RCPT
  SMTP DATA
    queue enqueue
      queue dequeue
        deliver smtp (error)
      queue dequeue
        deliver smtp
  SMTP QUIT
`)
	const process = "process.pid"
	if before, after := spanNamed(e, spans, "queue enqueue"), spanNamed(e, spans, "deliver smtp"); before.Resource[process] == after.Resource[process] {
		e.Errorf("both are of the process %v", before.Resource[process])
	}
}

// nextServer takes what it is given.
type nextServer struct{ text atomic.Pointer[string] }

func (l *nextServer) NewSession(*smtp.Conn) (smtp.Session, error) { return l, nil }
func (l *nextServer) Reset()                                      {}
func (l *nextServer) Logout() error                               { return nil }
func (l *nextServer) Mail(string, *smtp.MailOptions) error        { return nil }
func (l *nextServer) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (l *nextServer) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	text := string(b)
	l.text.Store(&text)
	return err
}

func driveGoIMAP(e *example) {
	at := peer.FreeAddresses(e, 2)
	e.start(at[1], "-imap", at[0], "-web", at[1])
	client, err := imapclient.DialInsecure(at[0], nil)
	if err != nil {
		e.Fatal(err)
	}
	defer client.Close()
	if err := client.Login("bob", "guess").Wait(); err == nil {
		e.Error("bob has logged in with a guess")
	}
	if err := client.Login("bob", "secret").Wait(); err != nil {
		e.Fatal(err)
	}
	appended := client.Append("INBOX", int64(len(exampleLetter)), nil)
	if _, err := io.WriteString(appended, exampleLetter); err != nil {
		e.Fatal(err)
	}
	if err := appended.Close(); err != nil {
		e.Fatal(err)
	}
	if _, err := appended.Wait(); err != nil {
		e.Fatal(err)
	}
	if _, err := client.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		e.Fatal(err)
	}
	e.wantPage(at[1], "rusmes_imap_errors_total 1", `rusmes_active_connections{protocol="imap"} 1`, "rusmes_messages_total 1", "rusmes_mailboxes_total 1")
	if err := client.Logout().Wait(); err != nil {
		e.Error(err)
	}
	e.stop()
	e.wantSpans("IMAP LOGIN (error)\nIMAP LOGIN\nIMAP APPEND\nIMAP EXAMINE\nIMAP LOGOUT\n")
}

func driveGoIMAPv1(e *example) {
	at := peer.FreeAddresses(e, 2)
	e.start(at[1], "-imap", at[0], "-web", at[1])
	client, err := imapv1.Dial(at[0])
	if err != nil {
		e.Fatal(err)
	}
	if err := client.Login("username", "guess"); err == nil {
		e.Error("somebody has logged in with a guess")
	}
	if err := client.Login("username", "password"); err != nil {
		e.Fatal(err)
	}
	if _, err := client.Select("INBOX", true); err != nil {
		e.Fatal(err)
	}
	e.wantPage(at[1], "rusmes_imap_errors_total 1", `rusmes_active_connections{protocol="imap"} 1`)
	if err := client.Logout(); err != nil {
		e.Error(err)
	}
	e.wantPage(at[1], `rusmes_active_connections{protocol="imap"} 0`) // its Close races with commands in progress
	e.stop()
	e.wantSpans("IMAP LOGIN (error)\nIMAP LOGIN\nIMAP EXAMINE\nIMAP LOGOUT\n")
}

func driveHandwritten(e *example) {
	at := peer.FreeAddresses(e, 3)
	certificate, key := servers.SelfSigned(e, e.dir)
	e.start(at[2], "-smtp", at[0], "-pop3", at[1], "-web", at[2], "-cert", certificate, "-key", key)
	// The probes answer before the mail ports are open.
	var client *netsmtp.Client
	peer.Eventually(e, patience, func() (err error) { client, err = netsmtp.Dial(at[0]); return err })
	if err := client.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
		e.Fatal(err)
	}
	if err := client.Mail("me@example.net"); err != nil {
		e.Error(err)
	}
	if err := client.Rcpt("nobody@example.org"); err == nil {
		e.Error("nobody has a mailbox")
	}
	if err := client.Rcpt("bob@example.org"); err != nil {
		e.Error(err)
	}
	data, err := client.Data()
	if err != nil {
		e.Fatal(err)
	}
	if _, err := io.WriteString(data, exampleLetter); err != nil {
		e.Error(err)
	}
	if err := data.Close(); err != nil {
		e.Error(err)
	}
	if err := client.Quit(); err != nil {
		e.Error(err)
	}
	e.wantPage(at[2], "rusmes_smtp_messages_received_total 1", "rusmes_smtp_errors_total 1", `rusmes_tls_sessions_total{tls="starttls"} 1`, "rusmes_messages_total 1")

	pop3, err := textproto.Dial("tcp", at[1])
	if err != nil {
		e.Fatal(err)
	}
	defer pop3.Close()
	for _, said := range []struct{ line, reply string }{
		{"", "+OK ready"}, {"USER bob", "+OK"}, {"PASS guess", "-ERR [AUTH] no"}, {"PASS secret", "+OK"},
		{"STAT", fmt.Sprintf("+OK 1 %d", len(exampleLetter))}, {"RETR 1", "+OK"},
	} {
		if said.line != "" {
			if err := pop3.PrintfLine("%s", said.line); err != nil {
				e.Fatal(err)
			}
		}
		if got, err := pop3.ReadLine(); err != nil || got != said.reply {
			e.Errorf("%q is answered with %q, want %q: %v", said.line, got, said.reply, err)
		}
	}
	if lines, err := pop3.ReadDotLines(); err != nil || len(lines) != 3 || lines[0] != "Subject: hello" {
		e.Errorf("the message is %q: %v", lines, err)
	}
	e.wantPage(at[2], `rusmes_active_connections{protocol="pop3"} 1`)
	if err := pop3.PrintfLine("QUIT"); err != nil {
		e.Error(err)
	}
	e.stop()
	e.wantSpans(`
SMTP session
  SMTP EHLO
  SMTP STARTTLS
  SMTP EHLO
  SMTP MAIL
  SMTP RCPT (error)
  SMTP RCPT
  SMTP DATA
    deliver local
  SMTP QUIT
POP3 session
  POP3 USER
  POP3 PASS (error)
  POP3 PASS
  POP3 STAT
  POP3 RETR
  POP3 QUIT
`)
}

func driveOwnProviders(e *example) {
	at := peer.FreeAddresses(e, 2)
	e.start(at[1], "-smtp", at[0], "-web", at[1])
	if err := netsmtp.SendMail(at[0], nil, "me@example.net", []string{"you@example.org"}, []byte(exampleLetter)); err != nil {
		e.Fatal(err)
	}
	e.wantPage(at[1], "rusmes_smtp_messages_received_total 1", "rusmes_queue_size 0", "app_jobs_total 1",
		`rusmes_smtp_session_duration_seconds_bucket{le="600"} 1`)
	for _, series := range []string{"go_goroutines", "process_start_time_seconds"} {
		if err := once("http://"+at[1]+"/metrics", "\n"+series+" "); err != nil {
			e.Error(err)
		}
	}
	e.stop()

	// What the stdout exporters of OpenTelemetry write: an object for each span, or record.
	var spans []peer.Span
	job := ""
	for lines := bufio.NewScanner(strings.NewReader(e.said.String())); lines.Scan(); {
		var written struct {
			Name                string
			StartTime           time.Time
			SpanContext, Parent struct{ SpanID string }
			Body                struct{ Value any }
			SpanID              string
		}
		if err := json.Unmarshal(lines.Bytes(), &written); err != nil {
			e.Errorf("%s: %v", lines.Text(), err)
		}
		if written.Name != "" {
			parent := written.Parent.SpanID
			if strings.Trim(parent, "0") == "" {
				parent = ""
			}
			spans = append(spans, peer.Span{Name: written.Name, Start: written.StartTime, SpanID: written.SpanContext.SpanID, ParentID: parent})
		}
		if written.Body.Value == "job done" {
			job = written.SpanID
		}
	}
	want := "SMTP session\n  SMTP EHLO\n  SMTP MAIL\n  SMTP RCPT\n  SMTP DATA\n  SMTP QUIT\n"
	if got := tree(spans); got != want {
		e.Errorf("the spans are\n%s\nwant\n%s", got, want)
	}
	if data := spanNamed(e, spans, "SMTP DATA"); job != data.SpanID {
		e.Errorf("the log record of the job is of the span %q, want %q", job, data.SpanID)
	}
	if !strings.Contains(e.logged.String(), "span_id="+cmp.Or(job, "none")) {
		e.Error("the local log has no id of the span")
	}
}

func once(url, text string) error {
	r, err := http.Get(url)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if n := strings.Count(string(body), text); err == nil && n != 1 {
		return fmt.Errorf("%s has %q %d times, want once", url, text, n)
	}
	return err
}

func driveJMAP(e *example) {
	at := peer.FreeAddresses(e, 2)
	e.start(at[1], "-jmap", at[0], "-web", at[1])
	const stranger = "0af7651916cd43dd8448eb211c80319c"
	request, err := http.NewRequestWithContext(e.Context(), http.MethodPost, "http://"+at[0]+"/jmap/api", strings.NewReader(
		`{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Mailbox/get",{"accountId":"a1"},"c1"],["Mailbox/steal",{},"c2"]]}`))
	if err != nil {
		e.Fatal(err)
	}
	request.Header.Set("Traceparent", "00-"+stranger+"-b7ad6b7169203331-01")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		e.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || !strings.Contains(string(body), `["error",{"type":"unknownMethod"},"c2"]`) {
		e.Errorf("answered %s: %v", body, err)
	}
	e.wantPage(at[1], "rusmes_jmap_requests_total 1", "rusmes_jmap_errors_total 1", `rusmes_active_connections{protocol="jmap"} 1`)
	http.DefaultClient.CloseIdleConnections()
	e.stop()
	spans := e.wantSpans(`
POST /jmap/api
  JMAP Mailbox/get
    read mailboxes
  JMAP _OTHER (error)
`)
	root := spanNamed(e, spans, "POST /jmap/api")
	if root.TraceID == stranger || len(root.Links) != 1 || root.Links[0].TraceID != stranger {
		e.Errorf("the span of the request is in trace %s, with the links %v", root.TraceID, root.Links)
	}
}

func driveOTLPOnly(e *example) {
	at := peer.FreeAddresses(e, 2)
	e.start(at[1], "-smtp", at[0], "-probes", at[1])
	if err := netsmtp.SendMail(at[0], nil, "me@example.net", []string{"you@example.org"}, []byte(exampleLetter)); err != nil {
		e.Fatal(err)
	}
	r, err := http.Get("http://" + at[1] + "/metrics")
	if err != nil {
		e.Fatal(err)
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusNotFound {
		e.Errorf("/metrics: %s", r.Status)
	}
	e.stop()
	e.wantSpans("SMTP session\n  SMTP EHLO\n  SMTP MAIL\n  SMTP RCPT\n  SMTP DATA\n    deliver local\n  SMTP QUIT\n")
	peer.Eventually(e, patience, func() error {
		received, events := 0.0, map[string]int{}
		for _, m := range e.collector.Metrics() {
			if m.Resource["service.name"] == e.name && m.Name == "rusmes_smtp_messages_received_total" {
				received = m.Points[0].Value
			}
		}
		for _, l := range e.collector.Logs() {
			if l.Resource["service.name"] == e.name {
				events[l.EventName]++
			}
		}
		if received != 1 || events["email.accepted"] != 1 || events["email.delivered"] != 1 {
			return fmt.Errorf("%v messages and the events %v were pushed", received, events)
		}
		return nil
	})
	if !strings.Contains(e.logged.String(), "email.accepted") {
		e.Error("the local log has no mail events")
	}
	linked, err := exec.CommandContext(e.Context(), "go", "version", "-m", filepath.Join(e.dir, e.name)).Output()
	if err != nil || strings.Contains(string(linked), "client_golang") || !strings.Contains(string(linked), "go-smtp") {
		e.Errorf("what is for /metrics is linked: %v\n%s", err, linked)
	}
}
