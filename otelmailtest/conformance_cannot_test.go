package otelmailtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/otelmailtest"
)

// says is a server that says something and waits until the client has gone.
func says(t testing.TB, text string) otelmailtest.Dial {
	return otelmailtest.DialTCP(listen(t, func(conn net.Conn) {
		defer conn.Close()
		_, _ = io.WriteString(conn, text)
		_, _ = io.Copy(io.Discard, conn)
	}))
}

// A server that cannot be tested is one error that says why, and no difference.
func TestConformanceSaysWhatCannotBeTested(t *testing.T) {
	t.Parallel()
	r := newRecorded(t)
	metrics := otelmailtest.MetricsFrom(r.reader)
	page := func(text string, err error) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return text, err }
	}
	missing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(missing.Close)
	for name, tt := range map[string]struct {
		server otelmailtest.Server
		want   string
	}{
		"no listener":        {otelmailtest.Server{Metrics: metrics}, "Server has no listener: set SMTP"},
		"no metrics":         {otelmailtest.Server{SMTP: says(t, "220 mx\r\n")}, "Server.Metrics is not set: use MetricsOf"},
		"negative":           {otelmailtest.Server{SMTP: says(t, ""), Metrics: metrics, Clients: -1}, "Clients -1 and Patience 0s: allowed is 0 for the default"},
		"pipelining":         {otelmailtest.Server{SMTP: says(t, ""), Metrics: metrics, Pipelining: 3}, "Server.Pipelining is 3: allowed is PipeliningAsOffered"},
		"metrics that fail":  {otelmailtest.Server{SMTP: says(t, ""), Metrics: page("", errors.New("no disk"))}, "its metrics cannot be read: no disk"},
		"an empty page":      {otelmailtest.Server{SMTP: says(t, ""), Metrics: page("# HELP x y\n", nil)}, "the page has no series"},
		"no page":            {otelmailtest.Server{SMTP: says(t, ""), Metrics: page("<html>\n", nil)}, `"<html>" is no line of Prometheus' text format`},
		"a page that is not": {otelmailtest.Server{SMTP: says(t, ""), Metrics: otelmailtest.MetricsAt(missing.URL)}, `the answer is 404 Not Found: "404 page not found\n"`},
		"a page of others":   {otelmailtest.Server{SMTP: says(t, ""), Metrics: page("up 1\n", nil)}, `the page of 1 series has no rusmes_active_connections{protocol="smtp"}`},
		"another namespace":  {otelmailtest.Server{SMTP: says(t, ""), Metrics: metrics, Namespace: "mail"}, `Server.Namespace is "mail", and on the page it is "rusmes"`},
		"nobody there":       {otelmailtest.Server{SMTP: func() (net.Conn, error) { return nil, errors.New("refused") }, Metrics: metrics}, "SMTP cannot be tested: dial: refused"},
		"no greeting":        {otelmailtest.Server{IMAP: says(t, ""), Metrics: metrics, Patience: 200 * time.Millisecond}, "IMAP cannot be tested: no answer within 200ms: raise Server.Patience"},
		"another protocol":   {otelmailtest.Server{SMTP: says(t, "SSH-2.0-x\r\n"), Metrics: metrics, Patience: 2 * time.Second}, "SMTP cannot be tested: the server does not speak SMTP"},
		"no TLS":             {otelmailtest.Server{POP3S: says(t, "+OK ready\r\n"), Metrics: metrics}, "POP3S cannot be tested: handshake: "},
		"a refusal":          {otelmailtest.Server{LMTP: says(t, "554 5.7.1 no\r\n"), Metrics: metrics, Patience: 2 * time.Second}, "the server refuses the client:\n  S: 554 5.7.1 no\n"},
		"gone at once": {otelmailtest.Server{SMTP: otelmailtest.DialTCP(listen(t, func(conn net.Conn) { conn.Close() })), Metrics: metrics},
			"the server closes without a greeting"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := failuresOf(t, func(t testing.TB) { otelmailtest.Conformance(t, tt.server) })
			if len(got) != 1 || !strings.Contains(got[0], tt.want) || !strings.HasPrefix(got[0], "otelmailtest: ") {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// A server that turns most of its clients away is not tested by the others.
func TestConformanceOfALimit(t *testing.T) {
	t.Parallel()
	r := newRecorded(t)
	var connections atomic.Int64
	address := listen(t, func(conn net.Conn) {
		if n := connections.Add(1); n > 10 && n%2 == 0 {
			r.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedOverload)
			_, _ = io.WriteString(conn, "421 4.7.0 too many connections\r\n")
			conn.Close()
			return
		}
		handmadeSession(r, none, conn)
	})
	got := failuresOf(t, func(t testing.TB) {
		otelmailtest.Conformance(t, otelmailtest.Server{SMTP: otelmailtest.DialTCP(address), Metrics: otelmailtest.MetricsFrom(r.reader), Sessions: 1})
	})
	if len(got) != 1 || !strings.Contains(got[0], "connections: raise its limits") {
		t.Errorf("%q", got)
	}
}

// A server that accepts nothing counts rightly, and proves little.
func TestConformanceWantsMail(t *testing.T) {
	t.Parallel()
	r := newRecorded(t)
	got := failuresOf(t, func(t testing.TB) {
		otelmailtest.Conformance(t, otelmailtest.Server{
			SMTP: otelmailtest.DialTCP(serveHandmade(t, r, none)), Metrics: otelmailtest.MetricsFrom(r.reader),
			Recipients: []string{"nobody@example.net"}, Sessions: 1, Clients: 1,
		})
	})
	if want := "otelmailtest: little is proved: the server has taken no message: set Server.Recipients, and Server.User and Password"; fmt.Sprint(got) != "["+want+"]" {
		t.Errorf("%q", got)
	}
}

// Other clients are other connections: what is said of them is no difference of a session.
func TestConformanceWithOtherClients(t *testing.T) {
	t.Parallel()
	r := newRecorded(t)
	var left atomic.Int64
	got := failuresOf(t, func(t testing.TB) {
		dial := otelmailtest.DialTCP(serveHandmade(t, r, none))
		otelmailtest.Conformance(t, otelmailtest.Server{
			SMTP: func() (net.Conn, error) {
				if left.Add(1) == 5 { // one that stays
					r.IMAP.Session(context.Background(), otelmail.Conn{})
				}
				return dial()
			},
			Metrics: otelmailtest.MetricsFrom(r.reader), Patience: time.Second,
		})
	})
	if len(got) != 1 || !strings.Contains(got[0], `rusmes_active_connections{protocol="imap"}: counted 1, happened 0`) {
		t.Errorf("%q", got)
	}
}

// OTELMAILTEST_SESSION runs one session.
func TestConformanceOfOneSession(t *testing.T) {
	r := newRecorded(t)
	run := func(session string) []string {
		t.Setenv("OTELMAILTEST_SESSION", session)
		return failuresOf(t, func(t testing.TB) {
			otelmailtest.Conformance(t, otelmailtest.Server{SMTP: otelmailtest.DialTCP(serveHandmade(t, r, secondNoop)), Metrics: otelmailtest.MetricsFrom(r.reader)})
		})
	}
	if got := run("SMTP/plaintext/random/14"); len(got) != 1 || !strings.HasPrefix(got[0], "SMTP/plaintext/random/14 is not counted") {
		t.Errorf("%q", got)
	}
	if got := run("SMTP/plaintext/HELO/in-step"); len(got) != 0 {
		t.Errorf("%q", got)
	}
	for wrong, want := range map[string]string{
		"SMTPS/implicit/random/1":    "no listener and mode of this server",
		"SMTP/plaintext/there-is-no": "no session of SMTP/plaintext",
	} {
		if got := run(wrong); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%q", got)
		}
	}
}

// What is compared is all that sessions move. What is left out is of the catalogue, and has a
// reason.
func TestNotCompared(t *testing.T) {
	out := otelmailtest.NotCompared()
	var compared []string
	for _, m := range otelmail.Catalog() {
		if why, ok := out[m.Name]; !ok {
			compared = append(compared, m.Name)
		} else if why == "" {
			t.Errorf("nobody says why %s is left out", m.Name)
		}
		delete(out, m.Name)
	}
	if len(out) > 0 {
		t.Errorf("there are no series %v", out)
	}
	want := "active_connections auth_attempts_total command_duration_seconds connections_lost_total imap_commands_total imap_connections_total imap_errors_total " +
		"jmap_errors_total jmap_requests_total message_recipients message_size_bytes messages_per_domain_total rejections_total replies_total " +
		"smtp_auth_failure_total smtp_auth_success_total smtp_connections_total smtp_errors_total smtp_messages_received_total smtp_messages_rejected_total " +
		"smtp_session_duration_seconds telemetry_unfollowed_sessions_total tls_handshakes_total tls_sessions_total"
	if slices.Sort(compared); strings.Join(compared, " ") != want {
		t.Errorf("compared: %q", compared)
	}
}
