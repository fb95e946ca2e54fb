package otelmail_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/log"
	lognoop "go.opentelemetry.io/otel/log/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func jsonLines(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }

// emitting does everything that may bring an event, on handles that stay as they are.
func emitting(tel *otelmail.Telemetry) map[string]func() {
	ctx := context.Background()
	smtp := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
	rcpt, data, auth := smtp.Command(mailconv.SMTPRcpt), smtp.Command(mailconv.SMTPData), smtp.Command(mailconv.SMTPAuth)
	imap := tel.IMAP.Session(ctx, otelmail.Conn{}).Command(mailconv.IMAPLogin)
	pop3 := tel.POP3.Session(ctx, otelmail.Conn{}).Command(mailconv.POP3Pass)
	stored := otelmail.Message{QueueID: "q1"}
	facts := otelmail.MessageFacts{QueueID: "q1"}
	recipients := []string{"bob@example.org"}
	return map[string]func(){
		"rejected": func() { rcpt.End(otelmail.Reply{Code: 550}) },
		"turned away": func() {
			tel.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedBlocked)
		},
		"accepted": func() {
			data.Note(otelmail.SMTPFacts{From: "a@example.org", QueueID: "q1"})
			data.EndMessage(otelmail.Reply{Code: 250}, recipients...)
		},
		"SMTP login": func() { auth.End(otelmail.Reply{Code: 535}) },
		"IMAP login": func() { imap.End(otelmail.IMAPReply{Result: otelmail.IMAPNo}) },
		"POP3 login": func() { pop3.End(otelmail.POP3Reply{}) },
		"JMAP login": func() { tel.JMAP.Authenticated(ctx, otelmail.JMAPLogin{Scheme: "Basic"}, false) },
		"queued": func() {
			_, queueing := tel.Queue.Enqueue(ctx, facts)
			queueing.End(otelmail.CauseNone)
		},
		"attempt": func() {
			tel.Delivery.Attempt(ctx, otelmail.Attempt{Message: facts}).End(otelmail.Reply{Code: 451})
		},
		"pipeline": func() {
			p := tel.Mail.Process(ctx, facts)
			tel.Mail.Stage(p.Context(), "spam-filter", facts).End(otelmail.StageDrop, otelmail.CauseNone)
			p.End(otelmail.FateDropped, otelmail.CauseNone)
		},
		"work": func() { tel.Queue.Dequeue(ctx, stored, facts).End(otelmail.CauseNone) },
		"dropped and bounced": func() {
			tel.Mail.Dropped(ctx)
			tel.Mail.Bounced(ctx)
		},
		"expired": func() { tel.Queue.Remove(ctx, stored, otelmail.RemovedExpired) },
	}
}

// TestNobodyListens: without a listener an event allocates nothing beside what is counted
// and traced.
func TestNobodyListens(t *testing.T) {
	started := func() *otelmail.Telemetry { tel, _ := start(t); return tel }
	made := func(opts ...otelmail.NewOption) func() *otelmail.Telemetry {
		return func() *otelmail.Telemetry { return newTelemetry(t, opts...) }
	}
	for mode, open := range map[string]func() *otelmail.Telemetry{
		"no exporter": started,
		"no provider": made(otelmail.WithLoggerProvider(lognoop.NewLoggerProvider())),
		"a provider that listens to nothing": made(otelmail.WithLoggerProvider(
			&listener{deaf: func(log.EnabledParameters) bool { return true }})),
		"the level is not exported": made(otelmail.WithLoggerProvider(&listener{panic: true}), otelmail.WithLogExportLevel(slog.LevelWarn)),
		"the local log does not show the level": made(otelmail.WithLoggerProvider(lognoop.NewLoggerProvider()), otelmail.WithLogMailEvents(),
			otelmail.WithLogHandler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))),
	} {
		without := emitting(otelmail.WithoutEvents(open()))
		for what, do := range emitting(open()) {
			do() // what is made once
			without[what]()
			// With -race pools lose what is given back now and then: of several tries one counts.
			n, before := 1.0, 0.0
			for try := 0; try < 10 && n > before; try++ {
				n, before = testing.AllocsPerRun(100, do), testing.AllocsPerRun(100, without[what])
			}
			if n > before {
				t.Errorf("%s, %s: %v allocations, %v without events", mode, what, n, before)
			}
		}
	}
}

// TestNobodyListensOrTraces: what begins work allocates what is stored or goes on, and no
// copy for events.
func TestNobodyListensOrTraces(t *testing.T) {
	do := emitting(newTelemetry(t, otelmail.WithTracerProvider(tracenoop.NewTracerProvider()), otelmail.WithLoggerProvider(lognoop.NewLoggerProvider())))
	for what, allowed := range map[string]float64{
		"queued":   1, // the trace to store
		"work":     3, // the trace that was stored
		"attempt":  1, // what its end counts
		"pipeline": 0,
	} {
		if n := testing.AllocsPerRun(100, do[what]); n > allowed {
			t.Errorf("%s: %v allocations, want %v", what, n, allowed)
		}
	}
}

// BenchmarkMailEvent is what an event costs beside all that is counted.
func BenchmarkMailEvent(b *testing.B) {
	without, _ := start(b)
	nobody, _ := start(b)
	var l listener
	for name, tel := range map[string]*otelmail.Telemetry{"without": otelmail.WithoutEvents(without), "nobody": nobody, "somebody": listened(b, &l)} {
		for what, do := range emitting(tel) {
			b.Run(name+"/"+strings.ReplaceAll(what, " ", "_"), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					do()
					l.events = l.events[:0]
				}
			})
		}
	}
}

// TestOnlyWhatIsListenedTo: a provider is asked by the name of each event.
func TestOnlyWhatIsListenedTo(t *testing.T) {
	l := &listener{deaf: func(p log.EnabledParameters) bool {
		return p.EventName != "email.rejected" || p.Severity != log.SeverityInfo
	}}
	tel := newTelemetry(t, otelmail.WithLoggerProvider(l), otelmail.WithHashKey(testKey))
	all := stories(t)
	for _, s := range all {
		s.do(t.Context(), tel)
	}
	want := 0
	for _, s := range all {
		for _, e := range s.want {
			if e.name == "email.rejected" {
				want++
			}
		}
	}
	if got := l.names(); len(got) != want {
		t.Errorf("%d events %v, want %d email.rejected", len(got), got, want)
	}
}

// TestAListenerThatPanicsHarmsNoMail, and what it panics with stays out of the report.
func TestAListenerThatPanicsHarmsNoMail(t *testing.T) {
	for name, l := range map[string]*listener{
		"Emit":    {panic: true},
		"Enabled": {deaf: func(log.EnabledParameters) bool { panic("for bob@example.org") }},
	} {
		var reported []error
		tel := newTelemetry(t, otelmail.WithLoggerProvider(l), otelmail.WithErrorHandler(func(err error) { reported = append(reported, err) }))
		for _, do := range emitting(tel) {
			do()
		}
		const want = "emit a mail event: it panicked with a string"
		if len(reported) != 1 || reported[0].Error() != want {
			t.Errorf("%s: reported %v, want %q once", name, errors.Join(reported...), want)
		}
	}
}

// TestLogMailEvents: a line an event in the local log, by the option and by the setting, as
// text and as JSON; none where nobody asked for them.
func TestLogMailEvents(t *testing.T) {
	text := regexp.MustCompile(`^time=\S+ level=INFO msg=email.delivered trace_id=[0-9a-f]{32} span_id=[0-9a-f]{16} ` +
		`email.delivery.transport=smtp email.delivery.attempt=2 email.recipient.domain=example.net network.protocol.name=smtp ` +
		`server.address=mx.example.net messaging.message.id=q1 email.from.domain=example.org email.from.hash=[0-9a-f]{16} smtp.response.status_code=250$`)
	for _, tc := range []struct {
		name string
		env  []string
		opts []otelmail.Option
		text bool
		none bool
	}{
		{name: "the option", opts: []otelmail.Option{otelmail.WithLogMailEvents()}, text: true},
		{name: "the setting", env: []string{"RUSMES_LOG_MAIL_EVENTS", "true"}, text: true},
		{name: "as JSON", env: []string{"RUSMES_LOG_MAIL_EVENTS", "TRUE", "RUSMES_LOG_FORMAT", "json"}},
		{name: "by default", none: true},
		{name: "false", env: []string{"RUSMES_LOG_MAIL_EVENTS", "false"}, none: true},
		{name: "the level is higher", env: []string{"RUSMES_LOG_MAIL_EVENTS", "true", "RUSMES_LOG_LEVEL", "warn"}, none: true},
	} {
		file := filepath.Join(t.TempDir(), "mail.log")
		tc.env = append(tc.env, "RUSMES_LOG_OUTPUT", file)
		opts := []otelmail.StartOption{otelmail.WithoutGlobals(), lookup(tc.env...)}
		for _, o := range tc.opts {
			opts = append(opts, o)
		}
		var l listener
		tel := listened(t, &l, opts...)
		tel.Delivery.Attempt(t.Context(), otelmail.Attempt{
			Number: 2, Domain: "example.net", Server: "mx.example.net",
			Message: otelmail.MessageFacts{QueueID: "q1", Sender: "bob@example.org"},
		}).End(otelmail.Reply{Code: 250})
		tel.Logger().Debug("kept out")
		if got := l.names(); len(got) != 2 {
			t.Errorf("%s: %v are pushed, want both, and once", tc.name, got)
		}
		written, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(written)), "\n")
		switch {
		case tc.none:
			if len(written) > 0 {
				t.Errorf("%s: %s", tc.name, written)
			}
		case len(lines) != 2:
			t.Errorf("%s: %d lines, want 2:\n%s", tc.name, len(lines), written)
		case tc.text:
			if !text.MatchString(lines[1]) {
				t.Errorf("%s: %s", tc.name, lines[1])
			}
		default:
			var line struct {
				Message string  `json:"msg"`
				Trace   string  `json:"trace_id"`
				Code    float64 `json:"smtp.response.status_code"`
				ID      string  `json:"messaging.message.id"`
			}
			if err := json.Unmarshal([]byte(lines[1]), &line); err != nil || line.Message != "email.delivered" || len(line.Trace) != 32 || line.Code != 250 || line.ID != "q1" {
				t.Errorf("%s: %s: %v", tc.name, lines[1], err)
			}
		}
	}
	if _, err := otelmail.New(lookup("RUSMES_LOG_MAIL_EVENTS", "perhaps"), otelmail.WithStrictSettings()); err == nil ||
		!strings.Contains(err.Error(), `RUSMES_LOG_MAIL_EVENTS: "perhaps" is not allowed: want`) {
		t.Errorf("a wrong value: %v", err)
	}
}
