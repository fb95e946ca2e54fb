package observe_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// world is what a test's dialogues have recorded. It costs less than an otelmailtest.Recorder,
// for tests of thousands of dialogues.
type world struct {
	t     testing.TB
	tel   *otelmail.Telemetry
	spans *tracetest.SpanRecorder
}

func newWorld(t testing.TB, opts ...otelmail.NewOption) *world {
	t.Helper()
	w := &world{t: t, spans: tracetest.NewSpanRecorder()}
	tel, err := otelmail.New(append([]otelmail.NewOption{
		otelmail.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))),
		otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans)))}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	w.tel = tel
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return w
}

// counts are counters and gauges by name, with a label after a slash; all that is
// not mentioned is 0.
type counts map[string]int64

var smtpSeries = []string{
	"smtp_connections_total", "smtp_messages_received_total", "smtp_errors_total",
	"smtp_auth_success_total", "smtp_auth_failure_total", "smtp_messages_rejected_total",
	"active_connections/smtp", "tls_sessions_total/yes", "tls_sessions_total/no", "tls_sessions_total/starttls",
	"telemetry_unfollowed_sessions_total/smtp", "messages_per_domain_total/one.example", "messages_per_domain_total/two.example",
}

func (w *world) counts() counts {
	all := counts{}
	for _, name := range smtpSeries {
		series, label, labelled := strings.Cut(name, "/")
		var labels []string
		if labelled {
			labels = []string{label}
		}
		if v, _ := w.tel.Value(series, labels...); v != 0 {
			all[name] = v
		}
	}
	return all
}

// telling is what one side says, or what happens: "C:", "S:", "TLS", "LOST eof".
type telling struct{ who, text string }

// script reads a dialogue: a line for each line said, without CRLF; "C| " and "S| "
// for text that is no line.
func script(text string) (all []telling) {
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		l = strings.TrimSpace(l)
		who, said := l, ""
		if len(l) > 1 && (l[1] == ':' || l[1] == '|') {
			who, said = l[:1], strings.TrimPrefix(l[2:], " ")
			if l[1] == ':' {
				said += "\r\n"
			} else {
				said = strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(said)
			}
		}
		all = append(all, telling{who, said})
	}
	return all
}

func (s telling) tell(d *observe.SMTPDialogue) {
	switch s.who {
	case "C":
		d.FromClient([]byte(s.text))
	case "S":
		d.FromServer([]byte(s.text))
	case "TLS":
		d.Upgrade(tls.ConnectionState{HandshakeComplete: true})
	case "EOF":
		d.Lost(otelmail.CauseEOF)
	case "RESET":
		d.Lost(otelmail.CauseReset)
	case "TIMEOUT":
		d.Lost(otelmail.CauseTimeout)
	case "PANIC":
		d.Cause(otelmail.CausePanic)
	default:
		panic("what is " + s.who)
	}
}

const hello = `
	S: 220 mx ESMTP
	C: EHLO client
	S: 250-mx
	S: 250-PIPELINING
	S: 250 CHUNKING
`

const transaction = `
	C: MAIL FROM:<a@sender.example> SIZE=100
	S: 250 2.1.0 fine
	C: RCPT TO:<b@one.example>
	S: 250 2.1.5 fine
`

var received = counts{"smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1}

var smtpDialogues = []struct {
	name, said string
	want       counts
	fixed      bool // the order of the sides matters: no pipelining
}{
	{"nothing", "S: 220 mx", nil, false},
	{"quit", hello + "C: QUIT\nS: 221 bye", nil, false},
	{"left", hello + "EOF", nil, false},
	{"left inside a line", hello + "C| MAIL FR\nEOF", nil, false},
	{"left inside a transaction", hello + transaction + "EOF", nil, false},
	{"left by reset", hello + "RESET", counts{"smtp_errors_total": 1}, false},
	{"refused greeting", "S: 554 no\nC: QUIT\nS: 221 bye", counts{"smtp_errors_total": 1}, true},
	{"message", hello + transaction + "C: DATA\nS: 354 go\nC: Subject: hi\nC: \nC: ..\nC: .x\nC: .\nS: 250 2.0.0 ok\nC: QUIT\nS: 221 bye", received, false},
	{"two domains", hello + transaction + "C: rcpt to:<@relay.example:\"q\\>\"@two.example> NOTIFY=NEVER\nS: 250 ok\nC: RCPT TO:<x@two.example>\nS: 550 no\nC: DATA\nS: 354 go\nC: .\nS: 250 ok",
		counts{"smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1, "messages_per_domain_total/two.example": 1, "smtp_errors_total": 1}, false},
	{"refused after the body", hello + transaction + "C: DATA\nS: 354 go\nC: spam\nC: .\nS: 554-5.7.1 spam\nS: 554 5.7.1 indeed",
		counts{"smtp_messages_rejected_total": 1, "smtp_errors_total": 1}, false},
	{"DATA refused, its lines are commands", hello + transaction + "C: DATA\nS: 451 4.3.0 later\nC: NOOP\nS: 250 ok\nC: .\nS: 500 what",
		counts{"smtp_messages_rejected_total": 1, "smtp_errors_total": 2}, false},
	{"DATA without recipients", hello + "C: DATA\nS: 554 no valid recipients", counts{"smtp_errors_total": 1}, false},
	{"DATA before MAIL", hello + "C: DATA\nS: 503 5.5.1 MAIL first", counts{"smtp_errors_total": 1}, false},
	{"DATA between chunks", hello + transaction + "C: BDAT 1\nC| x\nS: 250 ok\nC: DATA\nS: 503 5.5.1 no\nC: BDAT 0 LAST\nS: 250 ok",
		counts{"smtp_errors_total": 1, "smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1}, false},
	{"DATA with arguments", hello + transaction + "C: DATA x\nS: 501 no\nC: DATA\nS: 354 go\nC: .\nS: 250 ok",
		counts{"smtp_errors_total": 1, "smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1}, false},
	{"SIZE too big", hello + "C: MAIL FROM:<a@b> SIZE=99999999\nS: 552 5.3.4 too big", counts{"smtp_errors_total": 1}, false},
	{"SIZE too big, then not", hello + "C: MAIL FROM:<a@b> SIZE=99999999\nS: 552 5.3.4 too big\n" + transaction + "C: DATA\nS: 354 go\nC: .\nS: 250 ok",
		counts{"smtp_errors_total": 1, "smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1}, false},
	{"left before the body", hello + transaction + "C: DATA\nS: 354 go\nEOF", counts{"smtp_errors_total": 1}, false},
	{"left by reset before the body", hello + transaction + "C: DATA\nS: 354 go\nRESET", counts{"smtp_errors_total": 1}, false},
	{"cut off in the body", hello + transaction + "C: DATA\nS: 354 go\nC: Subject: hi\nEOF\nS: 554 broken", counts{"smtp_errors_total": 1}, true},
	{"cut off in the body, which the server takes", hello + transaction + "C: DATA\nS: 354 go\nC: Subject: hi\nEOF\nS: 250 queued", counts{"smtp_errors_total": 1}, true},
	{"cut off by reset", hello + transaction + "C: DATA\nS: 354 go\nC: Subject: hi\nRESET", counts{"smtp_errors_total": 1}, true},
	{"timeout in the body", hello + transaction + "C: DATA\nS: 354 go\nC: Subject: hi\nTIMEOUT\nS: 554 timeout\nC: NOOP\nS: 250 ok\nC: QUIT\nS: 221 bye",
		counts{"smtp_errors_total": 1, "smtp_messages_rejected_total": 1}, true},
	{"timeout in the body, the last", hello + transaction + "C: DATA\nS: 354 go\nC: Subject: hi\nTIMEOUT\nS: 421 4.4.2 bye",
		counts{"smtp_errors_total": 1, "smtp_messages_rejected_total": 1}, true},
	{"idle timeout", hello + "TIMEOUT\nS: 421 4.4.2 bye", counts{"smtp_errors_total": 1}, true},
	{"421 out of the blue", hello + "S: 421 4.3.2 shutting down", counts{"smtp_errors_total": 1}, true},
	{"421 is the reply", hello + "C: MAIL FROM:<a@b>\nS: 421 4.3.2 shutting down", counts{"smtp_errors_total": 1}, false},
	{"no line end but CRLF", hello + transaction + "C: DATA\nS: 354 go\nC| a\\n.\\nQUIT\\r\\r\\n.\\r\\nNOOP\\r\\n\nC: .\nS: 250 ok\nC: NOOP\nS: 250 ok", received, false},
	{"a server that takes LF", hello + transaction + "C: DATA\nS: 354 go\nC| a\\n.\\n\nS: 250 ok\nC: NOOP\nS: 250 ok", received, true},
	{"chunks", hello + transaction + "C: BDAT 5\nC| .\\r\\nQU\nS: 250 ok\nC: BDAT 0\nS: 250 ok\nC: BDAT 4 LAST\nC| IT\\r\\n\nS: 250 2.0.0 ok\nC: QUIT\nS: 221 bye", received, false},
	{"first chunk refused", hello + transaction + "C: BDAT 5\nC| NOOP\\n\nS: 552 5.3.4 too big\nC: BDAT 2 LAST\nC| .\\n\nS: 503 no\nC: NOOP\nS: 250 ok",
		counts{"smtp_messages_rejected_total": 1, "smtp_errors_total": 2}, false},
	{"chunk without recipients", hello + "C: BDAT 5\nC| NOOP\\n\nS: 502 no\nC: NOOP\nS: 250 ok", counts{"smtp_errors_total": 1}, false},
	{"no chunk", hello + transaction + "C: BDAT x\nS: 501 what\nC: NOOP\nS: 250 ok\nC: DATA\nS: 354 go\nC: .\nS: 250 ok",
		counts{"smtp_errors_total": 1, "smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1}, false},
	{"BDAT unknown", "S: 220 mx\nC: EHLO a\nS: 250 mx\n" + transaction + "C: BDAT 6\nS: 500 what\nC: NOOP\nS: 250 ok", counts{"smtp_errors_total": 1}, false},
	{"BDAT unknown, and no EHLO to say so", "S: 220 mx\nC: BDAT 6 LAST\nS: 500 what\nC: NOOP\nS: 250 ok\nC: HELO a\nS: 250 mx\nC: BDAT 6 LAST\nS: 500 what\nC: NOOP\nS: 250 ok", counts{"smtp_errors_total": 2}, false},
	{"BDAT unknown, with recipients", "S: 220 mx\nC: HELO a\nS: 250 mx\n" + transaction + "C: BDAT 6 LAST\nS: 500 what\nC: DATA\nS: 354 go\nC: .\nS: 250 ok",
		counts{"smtp_errors_total": 1, "smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1}, false},
	{"BDAT unknown, and no bytes in it", "S: 220 mx\nC: HELO a\nS: 250 mx\n" + transaction + "C: BDAT 0 LAST\nS: 500 what\nC: DATA\nS: 354 go\nC: .\nS: 250 ok",
		counts{"smtp_errors_total": 1, "smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1}, false},
	{"refused, and the recipients stay", hello + transaction + "C: DATA\nS: 354 go\nC: .\nS: 451 later\nC: MAIL FROM:<>\nS: 503 RSET first\nC: DATA\nS: 354 go\nC: .\nS: 250 ok",
		counts{"smtp_errors_total": 2, "smtp_messages_rejected_total": 1, "smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1}, false},
	{"refused, and the recipients are gone", hello + transaction + "C: DATA\nS: 354 go\nC: .\nS: 451 later\nC: DATA\nS: 554 no valid recipients",
		counts{"smtp_errors_total": 2, "smtp_messages_rejected_total": 1}, false},
	{"chunk without EHLO", "S: 220 mx\nC: HELO a\nS: 250 mx\n" + transaction + "C: BDAT 5 LAST\nC| .\\r\\nQU\nS: 250 ok\nC: NOOP\nS: 250 ok", received, false},
	{"chunk without EHLO or recipients", "S: 220 mx\nC: BDAT 5\nC| NOOP\\n\nS: 502 no\nC: NOOP\nS: 250 ok", counts{"smtp_errors_total": 1}, false},
	{"a farewell unasked", hello + "S: 221 idle", nil, false},
	{"chunk, RSET", hello + transaction + "C: BDAT 1\nC| x\nS: 250 ok\nC: RSET\nS: 250 ok\n" + transaction + "C: DATA\nS: 354 go\nC: .\nS: 250 ok",
		counts{"smtp_errors_total": 1, "smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1}, false},
	{"chunk, QUIT", hello + transaction + "C: BDAT 1\nC| x\nS: 250 ok\nC: QUIT\nS: 221 bye", counts{"smtp_errors_total": 1}, false},
	{"chunk, gone", hello + transaction + "C: BDAT 1\nC| x\nS: 250 ok\nEOF", counts{"smtp_errors_total": 1}, false},
	{"chunk cut off, which the server takes", hello + transaction + "C: BDAT 9 LAST\nC| x\nEOF\nS: 250 ok", counts{"smtp_errors_total": 1}, true},
	{"chunk cut off", hello + transaction + "C: BDAT 9 LAST\nC| x\nEOF", counts{"smtp_errors_total": 1}, true},
	{"chunk cut off by reset", hello + transaction + "C: BDAT 9 LAST\nC| x\nRESET", counts{"smtp_errors_total": 1}, true},
	{"timeout in a chunk", hello + transaction + "C: BDAT 9 LAST\nC| x\nTIMEOUT", counts{"smtp_errors_total": 1}, true},
	{"AUTH", hello + "C: AUTH PLAIN AGEAYg==\nS: 235 ok", counts{"smtp_auth_success_total": 1}, false},
	{"AUTH in steps", hello + "C: AUTH LOGIN\nS: 334 VXNlcg==\nC: QUIT\nS: 334 UGFzcw==\nC: \nS: 535 5.7.8 no\nC: QUIT\nS: 221 bye", counts{"smtp_auth_failure_total": 1, "smtp_errors_total": 1}, false},
	{"AUTH cancelled", hello + "C: AUTH LOGIN\nS: 334 \nC: *\nS: 501 cancelled", counts{"smtp_auth_failure_total": 1, "smtp_errors_total": 1}, false},
	{"AUTH before EHLO", "S: 220 mx\nC: AUTH PLAIN\nS: 503 first EHLO", counts{"smtp_auth_failure_total": 1, "smtp_errors_total": 1}, false},
	{"AUTH, bad base64", hello + "C: AUTH PLAIN ?\nS: 501 5.5.2 what", counts{"smtp_auth_failure_total": 1, "smtp_errors_total": 1}, false},
	{"AUTH, bad base64 after 334", hello + "C: AUTH LOGIN\nS: 334 \nC: ?\nS: 501 5.5.2 what\nC: NOOP\nS: 250 ok", counts{"smtp_auth_failure_total": 1, "smtp_errors_total": 1}, false},
	{"AUTH without a mechanism", hello + "C: AUTH\nS: 501 5.5.4 which", counts{"smtp_auth_failure_total": 1, "smtp_errors_total": 1}, false},
	{"AUTH by an unknown mechanism", hello + "C: AUTH GSSAPI\nS: 504 5.7.4 what", counts{"smtp_auth_failure_total": 1, "smtp_errors_total": 1}, false},
	{"AUTH within a transaction", hello + transaction + "C: AUTH LOGIN\nS: 503 no\nC: DATA\nS: 354 go\nC: .\nS: 250 ok",
		counts{"smtp_auth_failure_total": 1, "smtp_errors_total": 1, "smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1}, false},
	{"AUTH, reset", hello + "C: AUTH LOGIN\nS: 334 \nRESET", counts{"smtp_auth_failure_total": 1, "smtp_errors_total": 1}, false},
	{"AUTH, timeout", hello + "C: AUTH LOGIN\nS: 334 \nTIMEOUT\nS: 421 4.4.2 bye", counts{"smtp_auth_failure_total": 1, "smtp_errors_total": 1}, true},
	{"AUTH twice", hello + "C: AUTH PLAIN AGEAYg==\nS: 235 ok\nC: AUTH PLAIN AGEAYg==\nS: 503 again?", counts{"smtp_auth_success_total": 1, "smtp_auth_failure_total": 1, "smtp_errors_total": 1}, false},
	{"AUTH, gone", hello + "C: AUTH LOGIN\nS: 334 \nEOF", counts{"smtp_auth_failure_total": 1, "smtp_errors_total": 1}, false},
	{"LMTP", "S: 220 mx\nC: LHLO a\nS: 250 CHUNKING\n" + transaction + "C: RCPT TO:<c@two.example>\nS: 250 ok\nC: RCPT TO:<c@two.example>\nS: 250 ok\nC: DATA\nS: 354 go\nC: .\nS: 250 ok\nS: 452 full\nS: 452 full\nC: NOOP\nS: 250 ok",
		counts{"smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1, "smtp_errors_total": 2}, false},
	{"LMTP, all refused", "S: 220 mx\nC: LHLO a\nS: 250 CHUNKING\n" + transaction + "C: RCPT TO:<c@two.example>\nS: 250 ok\nC: BDAT 2 LAST\nC| .\\n\nS: 452 4.2.2 <b@one.example> full\nS: 452 4.2.2 <c@two.example> full\nC: NOOP\nS: 250 ok",
		counts{"smtp_messages_rejected_total": 1, "smtp_errors_total": 2}, false},
	{"LMTP, the chunk refused", "S: 220 mx\nC: LHLO a\nS: 250 CHUNKING\n" + transaction + "C: RCPT TO:<c@two.example>\nS: 250 ok\nC: BDAT 2 LAST\nC| .\\n\nS: 552 5.3.4 too big\nC: NOOP\nS: 250 ok",
		counts{"smtp_messages_rejected_total": 1, "smtp_errors_total": 1}, false},
	{"LMTP, replies before the end", "S: 220 mx\nC: LHLO a\nS: 250 mx\n" + transaction + "C: DATA\nS: 354 go\nC: QUIT\nS: 452 full\nC: NOOP\nC: .\nC: NOOP\nS: 250 ok",
		counts{"smtp_messages_rejected_total": 1, "smtp_errors_total": 1}, true},
	{"STARTTLS", hello + transaction + "C: STARTTLS\nC| MAIL FROM:<x\nS: 220 go\nTLS\nC: EHLO a\nS: 250 CHUNKING\n" + transaction + "C: DATA\nS: 354 go\nC: .\nS: 250 ok",
		counts{"smtp_messages_received_total": 1, "messages_per_domain_total/one.example": 1, "tls_sessions_total/starttls": 1}, true},
	{"STARTTLS without a word of TLS", hello + "C: starttls\nS: 220 go\nC: NOOP\nS: 250 ok", counts{"tls_sessions_total/starttls": 1}, true},
	{"STARTTLS, left at once", hello + "C: STARTTLS\nS: 220 go\nTLS\nRESET", counts{"tls_sessions_total/starttls": 1}, true},
	{"STARTTLS refused", hello + "C: STARTTLS\nS: 454 4.7.0 not now\nC: NOOP\nS: 250 ok", counts{"smtp_errors_total": 1}, false},
	{"STARTTLS fails", hello + "C: STARTTLS\nS: 220 go\nS: 550 handshake\nC: NOOP\nS: 250 ok", counts{"smtp_errors_total": 1}, true},
	{"STARTTLS, gone in the handshake", hello + "C: STARTTLS\nS: 220 go\nEOF", counts{"smtp_errors_total": 1}, true},
	{"unknown and empty", hello + "C: FOO\nS: 500 what\nC: \nS: 500 what\nC| \\n\nS: 500 what\nC: EXPN x\nS: 502 5.5.1 no", counts{"smtp_errors_total": 4}, false},
	{"empty lines without an answer", hello + "C: \nC: NOOP\nS: 250 ok\nC: FOO\nS: 500 what\nC: \nC: \nC: NOOP\nS: 250 ok", counts{"smtp_errors_total": 1}, false},
	{"line too long", hello + "C| " + strings.Repeat("x", 5000) + "\nS: 500 too long", counts{"smtp_errors_total": 1}, true},
	{"last line without its end", hello + "C| MAIL FROM:<a@b>\nEOF\nS: 550 no", counts{"smtp_errors_total": 1}, true},
	{"too many errors", hello + "C: FOO\nS: 500 what\nS: 500 enough", counts{"smtp_errors_total": 2}, false},
	{"closed on a command", hello + "C: NOOP", counts{"smtp_errors_total": 1}, true},
	{"closed on what was sent ahead", hello + "C: FOO\nC: AUTH PLAIN\nC: NOOP\nS: 500 what\nS: 500 enough", counts{"smtp_errors_total": 2, "smtp_auth_failure_total": 1}, false},
	{"behind QUIT", hello + "C: QUIT\nC: FOO\nS: 221 bye\nS: 500 what", nil, false},
	{"no code", hello + "C: MAIL FROM:<a@b>\nS: 1000 what\nC: NOOP\nS: 250 ok", counts{"smtp_errors_total": 1}, false},
	{"no reply", hello + "C: MAIL FROM:<a@b>\nS: hello?\nC: FOO\nS: 500 x", counts{"smtp_errors_total": 1, "telemetry_unfollowed_sessions_total/smtp": 1}, false},
	{"too much ahead", hello + "C: NOOP\nC| " + strings.Repeat("NOOP\\r\\n", 20_000) + "\nS: 500 x", counts{"smtp_errors_total": 1, "telemetry_unfollowed_sessions_total/smtp": 1}, true},
	{"an answer to nothing", hello + "S: 250 ok\nC: FOO\nS: 500 x", counts{"telemetry_unfollowed_sessions_total/smtp": 1}, true},
	{"a handler panics", hello + "C: MAIL FROM:<a@b>\nPANIC\nS: 421 4.0.0 sorry", counts{"smtp_errors_total": 1}, true},
	{"a second EHLO", hello + transaction + "C: EHLO b\nS: 250 CHUNKING\nC: DATA\nS: 503 no", counts{"smtp_errors_total": 1}, false},
}

// TestSMTPDialogues tells each dialogue as it stands, byte by byte, and with
// everything from one side in one piece where that makes no other dialogue of it.
func TestSMTPDialogues(t *testing.T) {
	for _, tt := range smtpDialogues {
		all := script(tt.said)
		ways := map[string][]telling{"as it stands": all}
		var bytewise []telling
		for _, s := range all {
			if s.text == "" {
				bytewise = append(bytewise, s)
			}
			for i := range len(s.text) {
				bytewise = append(bytewise, telling{s.who, s.text[i : i+1]})
			}
		}
		ways["byte by byte"] = bytewise
		if !tt.fixed {
			var client, server, rest []telling
			for _, s := range all {
				switch s.who {
				case "C":
					client = append(client, s)
				case "S":
					server = append(server, s)
				default:
					rest = append(rest, s)
				}
			}
			ways["pipelined"] = append([]telling{joined(client), joined(server)}, rest...)
			ways["greeted, pipelined"] = append([]telling{server[0], joined(client), joined(server[1:])}, rest...)
		}
		for way, tellings := range ways {
			t.Run(tt.name+", "+way, func(t *testing.T) { newWorld(t).follow(tellings, tt.want) })
		}
	}
}

func joined(all []telling) (one telling) {
	for _, s := range all {
		one = telling{s.who, one.text + s.text}
	}
	return one
}

// TestSMTPDialoguesCut cuts everything said into two at each byte.
func TestSMTPDialoguesCut(t *testing.T) {
	for _, tt := range smtpDialogues {
		t.Run(tt.name, func(t *testing.T) {
			all, w := script(tt.said), newWorld(t)
			for i, s := range all {
				for at := 1; at < min(len(s.text), 100); at++ {
					cut := append(append(append([]telling{}, all[:i]...),
						telling{s.who, s.text[:at]}, telling{s.who, s.text[at:]}), all[i+1:]...)
					w.follow(cut, tt.want)
				}
			}
		})
	}
}

func (w *world) follow(said []telling, want counts) {
	w.t.Helper()
	w.spans.Reset()
	before := w.counts()
	d := observe.NewSMTPDialogue(w.tel, otelmail.Conn{})
	for _, s := range said {
		if s.who != "" {
			s.tell(d)
		}
	}
	d.End(otelmail.CauseNone)
	d.End(otelmail.CauseReset)
	all := counts{"smtp_connections_total": 1, "tls_sessions_total/no": 1}
	for name, n := range want {
		all[name] = n
	}
	got := w.counts()
	for name, n := range before {
		if got[name] -= n; got[name] == 0 {
			delete(got, name)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(all) {
		w.t.Fatalf("counted %v\nwant    %v", got, all)
	}
	if begun, ended := len(w.spans.Started()), len(w.spans.Ended()); begun != ended {
		w.t.Fatalf("%d spans began, %d ended", begun, ended)
	}
}
