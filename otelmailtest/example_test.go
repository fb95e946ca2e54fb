package otelmailtest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/mailconv"
	"github.com/rusmes/otelmail/otelmailtest"
)

// t is a test's own, in the examples without one.
var t testing.TB

// serve has a server take one session in which a recipient is refused.
func serve(tel *otelmail.Telemetry) {
	session := tel.SMTP.Session(context.Background(), otelmail.RoleMX, otelmail.Conn{})
	rcpt := session.Command(mailconv.SMTPRcpt)
	rcpt.Note(otelmail.SMTPFacts{To: "nobody@example.org"})
	rcpt.End(otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}})
	time.Sleep(200 * time.Millisecond)
	session.End(otelmail.CauseNone)
}

func ExampleRecorder_Leaks() {
	rec := otelmailtest.New(t)
	rec.Leaks("canary@example.org") // fails if the address leaves, in whatever spelling
}

func ExampleReceiver_Answer() {
	receiver := otelmailtest.NewReceiver(t)
	receiver.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable) // a Collector that is overloaded
		return true
	})
}

// What documentation shows, as tests that run.

func TestExampleSeries(t *testing.T) {
	rec := otelmailtest.New(t)
	serve(rec.Tel) // whatever your server does with its Telemetry
	rec.Moved(otelmailtest.Series{
		"rusmes_smtp_connections_total":       1,
		`rusmes_tls_sessions_total{tls="no"}`: 1,
		"rusmes_smtp_errors_total":            1,
		`rusmes_replies_total{class="5xx"}`:   1,
		"rusmes_rejections_total":             otelmailtest.Any,
	})
}

func TestExampleSpans(t *testing.T) {
	rec := otelmailtest.New(t)
	serve(rec.Tel)
	rec.Tree(`
		SMTP session
		  SMTP RCPT [server, error 5.1.1]`)
	rec.Span("SMTP RCPT").Has(otelmailtest.Attributes{
		"smtp.response.status_code": 550,
		"email.to.domain":           "example.org",
		"email.to.address":          nil, // must not be there
	})
	rec.Events("email.rejected")
	rec.Event("email.rejected").Has(otelmailtest.Attributes{"email.rejection.reason": "unknown_user"})
}

func TestExampleReceiver(t *testing.T) {
	receiver := otelmailtest.NewReceiver(t)
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(),
		otlp.Push(otlp.Endpoint(receiver.URL), otlp.Protocol(otlp.HTTP)))
	if err != nil {
		t.Fatal(err)
	}
	serve(tel)
	if err := tel.Shutdown(context.Background()); err != nil { // pushes what is left
		t.Error(err)
	}
	receiver.Has(otelmailtest.Series{"rusmes_smtp_connections_total": 1})
	receiver.Span("SMTP RCPT").Has(otelmailtest.Attributes{"error.type": "5.1.1"})
	receiver.Leaks("nobody@example.org")
}

func TestExampleMark(t *testing.T) {
	rec := otelmailtest.New(t)
	rec.Tel.Logger().Warn("the directory is full", "path", "/var/spool")
	rec.Logs("WARN the directory is full")
	rec.Log("WARN the directory is full").HasOnly(otelmailtest.Attributes{"path": "/var/spool"})
	rec.Mark() // what was before does not count
	rec.Logs()

	rec.Tel.IMAP.Session(t.Context(), otelmail.Conn{}).Command(mailconv.IMAPNoop).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
	rec.Has(otelmailtest.Series{`rusmes_active_connections{protocol="imap"}`: 1}) // and whatever others
	for _, span := range rec.Spans("IMAP NOOP") {
		span.HasOnly(otelmailtest.Attributes{"network.protocol.name": "imap", "network.transport": "tcp",
			"imap.command": "NOOP", "imap.response.status": "ok"})
	}
}

func TestExampleErrors(t *testing.T) {
	rec := otelmailtest.New(t)
	rec.Tel.Queue.Observe(func(context.Context) (otelmail.QueueState, error) {
		return otelmail.QueueState{}, errors.New("no database")
	})
	rec.Mark() // reads all series
	rec.Errors("no database")
}

func TestExampleClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := otelmailtest.New(t)
		go serve(rec.Tel)
		rec.Has(otelmailtest.Series{
			"rusmes_smtp_session_duration_seconds_sum":              0.2, // exactly
			`rusmes_smtp_session_duration_seconds_bucket{le="0.1"}`: 0,
			`rusmes_smtp_session_duration_seconds_bucket{le="0.5"}`: 1,
		})
		session := rec.Span("SMTP session")
		if took := session.EndTime().Sub(session.StartTime()); took != 200*time.Millisecond {
			t.Errorf("the session took %v", took)
		}
	})
}
