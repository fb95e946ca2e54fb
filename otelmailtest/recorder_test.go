package otelmailtest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
	"github.com/rusmes/otelmail/otelmailtest"
)

var update = flag.Bool("update", false, "write anew what failing tests say")

// session is one of SMTP, in which a recipient is refused and a message is taken for another.
func session(tel *otelmail.Telemetry) {
	s := tel.SMTP.Session(context.Background(), otelmail.RoleMX, otelmail.Conn{})
	rcpt := s.Command(mailconv.SMTPRcpt)
	rcpt.Note(otelmail.SMTPFacts{To: "canary@example.org"})
	rcpt.End(otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}})
	data := s.Command(mailconv.SMTPData)
	ctx, queueing := tel.Queue.Enqueue(data.Context(), otelmail.MessageFacts{QueueID: "q1"})
	queueing.End(otelmail.CauseNone)
	data.EndMessage(otelmail.Reply{Code: 250}, "b@example.net")
	tel.Logger().Warn("the disk is full", "path", "/var/spool")
	time.Sleep(700 * time.Millisecond)
	s.End(otelmail.CauseNone)
	ctx.Enqueued = time.Now()
	tel.Queue.Dequeue(context.Background(), ctx, otelmail.MessageFacts{QueueID: "q1"}).End(otelmail.CauseNone)
}

// moved is what session moves.
var moved = otelmailtest.Series{
	"rusmes_smtp_connections_total":                               1,
	"rusmes_smtp_messages_received_total":                         1,
	"rusmes_smtp_errors_total":                                    1,
	`rusmes_tls_sessions_total{tls="no"}`:                         1,
	"rusmes_messages_per_domain_total":                            1,
	"rusmes_replies_total":                                        2,
	`rusmes_rejections_total{stage="rcpt",reason="unknown_user"}`: 1,
	"rusmes_log_records_total":                                    1,
	"rusmes_queue_size":                                           1,
	"rusmes_queue_messages":                                       otelmailtest.Any,
	"rusmes_queue_bytes":                                          otelmailtest.Any,
}

const tree = `
	SMTP session [internal]
	    SMTP RCPT [server, error 5.1.1]
	    SMTP DATA
	        queue enqueue
	            queue dequeue [consumer, links to queue enqueue]
`

func TestWhatHolds(t *testing.T) {
	for name, run := range map[string]func(*testing.T, func(*testing.T)){
		"in a bubble": synctest.Test,
		"outside":     func(t *testing.T, test func(*testing.T)) { test(t) },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				rec := otelmailtest.New(t)
				go session(rec.Tel)
				rec.Moved(moved)
				rec.Tree(tree)
			})
		})
	}
}

// failures are tests that fail, and what they say is in testdata/failures.txt.
var failures = []struct {
	name string
	test func(testing.TB, *otelmailtest.Recorder)
}{
	{"Moved, another value, one too many and one missing", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Moved(with(moved, otelmailtest.Series{"rusmes_smtp_errors_total": 2, "rusmes_queue_size": otelmailtest.Any,
			"rusmes_mail_bounced_total": 1, "rusmes_log_records_total": otelmailtest.Any, "rusmes_smtp_connections_total": 0}))
	}},
	{"Moved, a series not named", func(_ testing.TB, rec *otelmailtest.Recorder) {
		want := with(moved, nil)
		delete(want, "rusmes_smtp_errors_total")
		delete(want, `rusmes_tls_sessions_total{tls="no"}`)
		rec.Moved(want)
	}},
	{"Moved, since a mark", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Mark()
		rec.Tel.WebPush.GaveUp()
		rec.Moved(otelmailtest.Series{})
	}},
	{"Has", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Has(otelmailtest.Series{"rusmes_smtp_connections_total": 2, `rusmes_messages_per_domain_total{domain="nobody.example"}`: 1})
	}},
	{"Has, a histogram", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Has(otelmailtest.Series{"rusmes_smtp_session_duration_seconds_count": 2, "rusmes_smtp_session_duration_seconds_sum": 0.71,
			`rusmes_smtp_session_duration_seconds_bucket{le="0.5"}`: 1, `rusmes_smtp_session_duration_seconds_bucket{le="1"}`: 1})
	}},
	{"a name that is misspelt", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Moved(otelmailtest.Series{"rusmes_smtp_conections_total": 1})
	}},
	{"a name without the namespace", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Has(otelmailtest.Series{"smtp_connections_total": 1})
	}},
	{"a name of nothing", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Has(otelmailtest.Series{"x": 1})
	}},
	{"no name", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Has(otelmailtest.Series{`rusmes_tls_sessions_total{tls=no}`: 1})
	}},
	{"a histogram without its suffix", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Has(otelmailtest.Series{"rusmes_smtp_session_duration_seconds": 1})
	}},
	{"a label that the series does not have", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Has(otelmailtest.Series{`rusmes_tls_sessions_total{protocol="smtp"}`: 1})
	}},
	{"a label value that is never there", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Has(otelmailtest.Series{`rusmes_tls_sessions_total{tls="maybe"}`: 1})
	}},
	{"a bucket that is not there", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Has(otelmailtest.Series{`rusmes_smtp_session_duration_seconds_bucket{le="0.7"}`: 1})
	}},
	{"Tree", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Tree(`
			SMTP session
			  SMTP EHLO
			  SMTP RCPT [client]
			  SMTP DATA
			queue enqueue`)
	}},
	{"Tree, a span that has not ended", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Mark()
		rec.Tel.SMTP.Session(context.Background(), otelmail.RoleMX, otelmail.Conn{})
		rec.Tree("SMTP session")
	}},
	{"Span, none of that name", func(_ testing.TB, rec *otelmailtest.Recorder) { rec.Span("SMTP EHLO") }},
	{"Span, none at all", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Mark()
		rec.Span("SMTP EHLO")
	}},
	{"Span, two", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Mark()
		for range 2 {
			rec.Tel.SMTP.Session(context.Background(), otelmail.RoleMX, otelmail.Conn{}).End(otelmail.CauseNone)
		}
		rec.Span("SMTP session")
	}},
	{"Span.Has", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Span("SMTP RCPT").Has(otelmailtest.Attributes{"smtp.command": "RCPT", "smtp.response.status_code": "550", "error.type": nil, "network.transport": otelmailtest.Any, "user.hash": otelmailtest.Any,
			"email.to.address": "canary@example.org"})
	}},
	{"Span.HasOnly", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Span("SMTP DATA").HasOnly(otelmailtest.Attributes{"smtp.command": "DATA"})
	}},
	{"Events", func(_ testing.TB, rec *otelmailtest.Recorder) { rec.Events("email.queued", "email.accepted") }},
	{"Event, none of that name", func(_ testing.TB, rec *otelmailtest.Recorder) { rec.Event("email.bounced") }},
	{"Event, attributes", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Event("email.queued").Has(otelmailtest.Attributes{"messaging.message.id": "q2"})
		rec.Event("email.queued").HasOnly(nil)
	}},
	{"Logs", func(_ testing.TB, rec *otelmailtest.Recorder) { rec.Logs("ERROR the disk is full") }},
	{"Log", func(_ testing.TB, rec *otelmailtest.Recorder) {
		rec.Log("WARN the disk is full").Has(otelmailtest.Attributes{"path": "/var/mail"})
		rec.Log("the disk is full")
	}},
	{"an error in the background", func(_ testing.TB, rec *otelmailtest.Recorder) { spoil(rec) }},
	{"Errors, none", func(_ testing.TB, rec *otelmailtest.Recorder) { rec.Errors("it is broken") }},
	{"Errors, another", func(_ testing.TB, rec *otelmailtest.Recorder) {
		spoil(rec)
		rec.Errors("it hangs")
	}},
}

// spoil has a callback of the application's fail in the next collection.
func spoil(rec *otelmailtest.Recorder) {
	_, err := rec.Tel.MeterProvider().Meter("app").Int64ObservableGauge("own", metric.WithInt64Callback(
		func(context.Context, metric.Int64Observer) error { return errors.New("it is broken") }))
	if err != nil {
		panic(err)
	}
	rec.Mark()
}

func with(a, b otelmailtest.Series) otelmailtest.Series {
	sum := otelmailtest.Series{}
	for _, s := range []otelmailtest.Series{a, b} {
		for name, value := range s {
			sum[name] = value
		}
	}
	return sum
}

func TestFailures(t *testing.T) {
	var all strings.Builder
	for _, f := range failures {
		said := ""
		synctest.Test(t, func(t *testing.T) {
			said = fails(t, func(t testing.TB) {
				rec := otelmailtest.New(t)
				session(rec.Tel)
				f.test(t, rec)
			})
		})
		if said == "" {
			t.Errorf("%s: does not fail", f.name)
		}
		said, _, _ = strings.Cut(said, "the local log:\n") // has times in it
		fmt.Fprintf(&all, "== %s\n%s\n", f.name, said)
	}
	const file = "testdata/failures.txt"
	if *update {
		if err := os.WriteFile(file, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if all.String() != string(want) {
		t.Errorf("failing tests say otherwise than in %s (go test -update writes it anew):\n%s", file, all.String())
	}
}

// TestHasHolds is all that Has, the spans, the events and the log lines of a session are.
func TestHasHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := otelmailtest.New(t, otelmail.WithPrivacy(otelmail.PrivacyFull))
		session(rec.Tel)
		rec.Has(otelmailtest.Series{
			"rusmes_smtp_connections_total":                         1,
			`rusmes_active_connections{protocol="smtp"}`:            0,
			`rusmes_messages_per_domain_total{domain="a.example"}`:  0,
			`rusmes_replies_total{command="RCPT", protocol="smtp"}`: 1,
			"rusmes_smtp_session_duration_seconds_count":            1,
			"rusmes_smtp_session_duration_seconds_sum":              0.7,
			`rusmes_smtp_session_duration_seconds_bucket{le="0.5"}`: 0,
			`rusmes_smtp_session_duration_seconds_bucket{le="1"}`:   1,
		})
		rec.Span("SMTP RCPT").Has(otelmailtest.Attributes{"email.to.address": "canary@example.org", "smtp.response.status_code": 550,
			"error.type": attribute.StringValue("5.1.1"), "smtp.helo": nil})
		rec.Events("email.rejected", "email.queued", "email.accepted")
		rec.Event("email.rejected").Has(otelmailtest.Attributes{"email.to.address": "canary@example.org"})
		rec.Logs("WARN the disk is full")
		rec.Log("WARN the disk is full").HasOnly(otelmailtest.Attributes{"path": "/var/spool"})
		if got := len(rec.Spans("")); got != 5 {
			t.Errorf("%d spans, want 5", got)
		}

		rec.Mark()
		rec.Moved(nil)
		rec.Tree("")
		rec.Events()
		rec.Logs()
		spoil(rec)
		rec.Errors("it is broken")
	})
}

// TestLinks: what a span is linked to has its name, here or before the mark.
func TestLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := otelmailtest.New(t, otelmail.WithQueueLinkAfter(0))
		stored, queueing := rec.Tel.Queue.Enqueue(t.Context(), otelmail.MessageFacts{})
		queueing.End(otelmail.CauseNone)
		dequeue := func() { rec.Tel.Queue.Dequeue(t.Context(), stored, otelmail.MessageFacts{}).End(otelmail.CauseNone) }
		dequeue()
		rec.Tree(`
			queue enqueue
			queue dequeue [consumer, links to queue enqueue]`)
		rec.Mark()
		dequeue()
		rec.Tree("queue dequeue [consumer, links to queue enqueue]")
		rec.Mark()
		stored.Trace.Parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		dequeue()
		rec.Tree("queue dequeue [consumer, links to a span of another process]")
	})
}

func TestNamespace(t *testing.T) {
	rec := otelmailtest.New(t, otelmail.WithNamespace("acme"))
	rec.Tel.WebPush.GaveUp()
	rec.Moved(otelmailtest.Series{"acme_push_delivery_failures_total": 1})
}

func TestWrongOption(t *testing.T) {
	said := fails(t, func(t testing.TB) { otelmailtest.New(t, otelmail.WithNamespace("9")) })
	if !strings.Contains(said, `WithNamespace: "9" is not allowed`) || !strings.Contains(said, "(the test ends)") {
		t.Errorf("a wrong option: %q", said)
	}
}

// receive has a message for an address be accepted.
func receive(tel *otelmail.Telemetry, to string) {
	s := tel.SMTP.Session(context.Background(), otelmail.RoleMX, otelmail.Conn{})
	s.Command(mailconv.SMTPData).EndMessage(otelmail.Reply{Code: 250}, to)
	s.End(otelmail.CauseNone)
}
