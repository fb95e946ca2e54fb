package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
	"github.com/rusmes/otelmail/observe"
)

const address = "someone-" + canary + "@example.org"

// talk says lines, reads after each what is answered, and reads on until the
// server hangs up.
func (w *watched) talk(server string, lines ...string) (heard string) {
	w.t.Helper()
	conn, err := net.Dial("tcp", server)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		w.t.Fatal(err)
	}
	answer := make([]byte, 4096)
	for _, line := range append([]string{""}, lines...) {
		if line != "" {
			if _, err := fmt.Fprint(conn, line+"\r\n"); err != nil {
				break
			}
		}
		n, err := conn.Read(answer)
		heard += string(answer[:n])
		if err != nil {
			break
		}
	}
	rest, _ := io.ReadAll(conn)
	return heard + string(rest)
}

func (w *watched) listen() net.Listener {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	return l
}

// saw wants a server's own log to hold the panic: the wrapper has let it through.
func (w *watched) saw(server string, own *text, says string) {
	w.t.Helper()
	w.eventually(func() error {
		if all := own.String(); !strings.Contains(all, says) || !strings.Contains(all, errNamesPeople.Error()) {
			return fmt.Errorf("%s has not seen the panic: %q", server, all)
		}
		return nil
	})
}

func (w *watched) panicInCallbacks() {
	_, err := w.MeterProvider().Meter("app").Int64ObservableGauge("app.queue", metric.WithInt64Callback(
		func(context.Context, metric.Int64Observer) error { panic(errNamesPeople) }))
	if err != nil {
		w.t.Fatal(err)
	}
	w.Storage.Bytes.Observe(func(context.Context) (int64, error) { panic(errNamesPeople) })
}

// brokenSMTP is a backend that panics in one command.
type brokenSMTP struct{ in string }

func (b brokenSMTP) NewSession(*smtp.Conn) (smtp.Session, error) { return b, b.at("EHLO") }
func (b brokenSMTP) Mail(string, *smtp.MailOptions) error        { return b.at("MAIL") }
func (b brokenSMTP) Rcpt(string, *smtp.RcptOptions) error        { return b.at("RCPT") }
func (b brokenSMTP) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return errors.Join(err, b.at("DATA"))
}
func (brokenSMTP) Reset()                   {}
func (brokenSMTP) Logout() error            { return nil }
func (brokenSMTP) AuthMechanisms() []string { return []string{sasl.Plain} }
func (b brokenSMTP) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(string, string, string) error { return b.at("AUTH") }), nil
}

func (b brokenSMTP) at(verb string) error {
	if b.in == verb {
		panic(errNamesPeople)
	}
	return nil
}

func (w *watched) panicInSMTP() {
	initial := base64.StdEncoding.EncodeToString([]byte("\x00" + address + "\x00secret-" + canary))
	for _, verb := range []string{"EHLO", "AUTH", "MAIL", "RCPT", "DATA"} {
		var own text
		server := smtp.NewServer(brokenSMTP{verb})
		server.AllowInsecureAuth = true
		server.ErrorLog = log.New(&own, "", 0)
		l := w.listen()
		observed := otelsmtp.NewServer(w.Telemetry, server)
		go func() { _ = observed.Serve(l) }()
		heard := w.talk(l.Addr().String(), "EHLO "+canary+".example", "AUTH PLAIN "+initial, "MAIL FROM:<"+address+">",
			"RCPT TO:<"+address+">", "DATA", "Subject: "+canary+"\r\nMessage-ID: <"+canary+"@x>\r\n\r\n"+canary+"\r\n.", "QUIT")
		if !strings.Contains(heard, "421 4.0.0 Internal server error") {
			w.t.Errorf("%s: the client was told %q", verb, heard)
		}
		w.saw("go-smtp", &own, "panic serving")
		_ = observed.Close()
		w.wantBroken("SMTP " + verb)
	}
}

// brokenIMAP is a session that panics in one command. What is not here is not
// called.
type brokenIMAP struct {
	imapserver.Session

	in string
}

func (b brokenIMAP) Login(string, string) error { return b.at("LOGIN") }
func (b brokenIMAP) Delete(string) error        { return b.at("DELETE") }
func (b brokenIMAP) Subscribe(string) error     { return b.at("SUBSCRIBE") }
func (b brokenIMAP) Close() error               { return nil }

func (b brokenIMAP) Poll(*imapserver.UpdateWriter, bool) error { return nil }

func (b brokenIMAP) at(verb string) error {
	if b.in == verb {
		panic(errNamesPeople)
	}
	return nil
}

func (w *watched) panicInIMAP() {
	for _, verb := range []string{"", "LOGIN", "DELETE", "SUBSCRIBE"} {
		var own text
		server := otelimap.NewServer(w.Telemetry, &imapserver.Options{
			InsecureAuth: true, Logger: log.New(&own, "", 0),
			NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
				if verb == "" {
					panic(errNamesPeople)
				}
				return brokenIMAP{in: verb}, nil, nil
			},
		})
		l := w.listen()
		go func() { _ = server.Serve(l) }()
		w.talk(l.Addr().String(), canary+" LOGIN "+address+" secret-"+canary, "b DELETE folder-"+canary,
			"c SUBSCRIBE folder-"+canary, "d LOGOUT")
		w.saw("go-imap", &own, "panic handling command")
		_ = server.Close()
		if verb != "" {
			w.wantBroken("IMAP " + verb)
			continue
		}
		w.eventually(func() error { // before any command there is no span to say so
			if n, err := w.Value("imap_errors_total"); n != 1 || err != nil {
				return fmt.Errorf("%d errors of IMAP are counted, want 1, %w", n, err)
			}
			return nil
		})
	}
}

func (w *watched) panicInJMAP() {
	var own text
	server := httptest.NewUnstartedServer(oteljmap.Wrap(w.Telemetry, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		oteljmap.StartCall(r.Context(), otelmail.JMAPFacts{CallID: "call-" + canary})
		panic(errNamesPeople)
	}), oteljmap.WithRoute("/jmap/api")))
	server.Config.ErrorLog = log.New(&own, "", 0)
	server.Config.ConnState = oteljmap.ConnState(w.Telemetry)
	server.Start()
	defer server.Close()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, server.URL+"/jmap/"+canary+"?"+canary, strings.NewReader(
		`{"methodCalls":[["Email/query",{"accountId":"account-`+canary+`","filter":{"text":"`+canary+`"}},"call-`+canary+`"]]}`))
	if err != nil {
		w.t.Fatal(err)
	}
	req.SetBasicAuth(address, canary)
	req.Header.Set("User-Agent", canary)
	req.Header.Set("Baggage", "user="+canary)
	if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
		resp.Body.Close()
		w.t.Errorf("net/http answered %s for a handler that panicked", resp.Status)
	}
	w.saw("net/http", &own, "panic serving")
	w.wantBroken("POST /jmap/api")
	if n, err := w.Value("jmap_errors_total"); n == 0 || err != nil {
		w.t.Errorf("%d errors of JMAP are counted, %v", n, err)
	}
}

// panicInPOP3 runs a command loop that panics, as a server's goroutine would.
func (w *watched) panicInPOP3() {
	l := w.listen()
	seen := make(chan any, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { seen <- recover() }()
		defer conn.Close()
		w.servePOP3(conn)
	}()
	w.talk(l.Addr().String(), "USER "+address, "PASS secret-"+canary)
	if v := <-seen; fmt.Sprint(v) != errNamesPeople.Error() {
		w.t.Errorf("the POP3 server saw %v", v)
	}
	w.wantBroken("POP3 PASS", "POP3 session")
}

func (w *watched) servePOP3(nc net.Conn) {
	conn := observe.POP3(w.Telemetry, nc)
	defer conn.Close()
	cause := otelmail.CausePanic
	defer func() { conn.End(cause) }()
	fmt.Fprint(conn, "+OK\r\n")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "PASS") {
			panic(errNamesPeople)
		}
		fmt.Fprint(conn, "+OK\r\n")
	}
	cause = otelmail.CauseNone
}

// panicInPipeline has a mailet, a delivery and a push panic.
func (w *watched) panicInPipeline() {
	facts := otelmail.MessageFacts{QueueID: "q1", MessageID: "<" + canary + "@x>", Sender: address, Recipient: address}
	process := func() {
		fate, cause := otelmail.FateError, otelmail.CausePanic
		processing := w.Mail.Process(context.Background(), facts)
		defer func() { processing.End(fate, cause) }()
		result := otelmail.StageError
		stage := w.Mail.Stage(processing.Context(), "spam-filter", facts)
		defer func() { stage.End(result, cause) }()
		panic(errNamesPeople)
	}
	deliver := func() {
		reply := otelmail.Reply{Cause: otelmail.CausePanic}
		attempt := w.Delivery.Attempt(context.Background(), otelmail.Attempt{Domain: "example.org", Message: facts})
		defer func() { attempt.End(reply) }()
		panic(errNamesPeople)
	}
	for name, run := range map[string]func(){"mail process": process, "deliver smtp": deliver} {
		func() {
			defer func() {
				if v := recover(); fmt.Sprint(v) != errNamesPeople.Error() {
					w.t.Errorf("%s: the caller saw %v", name, v)
				}
			}()
			run()
		}()
		w.wantBroken(name)
	}
	w.wantBroken("mailet spam-filter")
}
