package otelmail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/mailconv"
)

// moves are the series that an event changes, as "name" or "name/value of each label" with ":" for a "/" in a value, and by how
// much; histograms by their count.
type moves map[string]int64

// event is a use of the record methods, with everything that it has to change.
type event struct {
	name string
	do   func(*otelmail.Telemetry)
	want moves
}

// events call every record method.
func events() []event {
	return slices.Concat(sessionEvents(), flowEvents())
}

func sessionEvents() []event {
	ctx := context.Background()
	implicit := &tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13}
	refused := otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}}
	ok := otelmail.Reply{Code: 250}
	return append(hostEvents(), []event{
		{"session in plaintext", func(tel *otelmail.Telemetry) {
			tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
		}, moves{"smtp_connections_total": 1, "active_connections/smtp": 1, "tls_sessions_total/no": 1}},
		{"session over TLS that ends", func(tel *otelmail.Telemetry) {
			tel.SMTP.Session(ctx, otelmail.RoleSubmission, otelmail.Conn{TLS: implicit}).End(otelmail.CauseNone)
		}, moves{"smtp_connections_total": 1, "tls_sessions_total/yes": 1, "smtp_session_duration_seconds": 1,
			"tls_handshakes_total/in/1.3": 1}},
		{"session that is upgraded and breaks, ended twice", func(tel *otelmail.Telemetry) {
			s := tel.SMTP.Session(ctx, otelmail.RoleLMTP, otelmail.Conn{})
			s.TLS(*implicit)
			s.TLS(*implicit)
			s.End(otelmail.CauseReset)
			s.End(otelmail.CauseReset)
		}, moves{"smtp_connections_total": 1, "tls_sessions_total/no": 1, "tls_sessions_total/starttls": 1,
			"smtp_errors_total": 1, "smtp_session_duration_seconds": 1,
			"connections_lost_total/connect": 1,
			"tls_handshakes_total/in/1.3":    1}},
		{"session that breaks inside a command, ended twice", func(tel *otelmail.Telemetry) {
			s := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
			command := s.Command(mailconv.SMTPData)
			s.EndInside(mailconv.SMTPData)
			s.End(otelmail.CauseReset)
			command.End(otelmail.Reply{Cause: otelmail.CauseReset})
		}, moves{"smtp_connections_total": 1, "tls_sessions_total/no": 1, "smtp_errors_total": 1, "smtp_session_duration_seconds": 1,
			"connections_lost_total/data": 1, "command_duration_seconds/smtp/DATA": 1, "replies_total/smtp/DATA/none": 1}},
		{"refused connections", func(tel *otelmail.Telemetry) {
			tel.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedBlocked)
			tel.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedOverload)
			tel.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedOverload)
		}, moves{"smtp_connections_rejected_blocked_total": 1, "smtp_connections_rejected_overload_total": 2,
			"rejections_total/mx/connect/4xx/system/ours":   2,
			"rejections_total/mx/connect/5xx/policy/theirs": 1}},
		{"command refused", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPRcpt).End(refused)
		}, moves{"smtp_errors_total": 1,
			"command_duration_seconds/smtp/RCPT":               1,
			"rejections_total/mx/rcpt/5xx/unknown_user/theirs": 1,
			"replies_total/smtp/RCPT/5xx":                      1}},
		{"command accepted", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPRcpt).End(ok)
		}, moves{"command_duration_seconds/smtp/RCPT": 1,
			"replies_total/smtp/RCPT/2xx": 1}},
		{"command without a reply", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPMail).End(otelmail.Reply{Cause: otelmail.CauseEOF})
		}, moves{"smtp_errors_total": 1,
			"command_duration_seconds/smtp/MAIL": 1,
			"replies_total/smtp/MAIL/none":       1}},
		{"intermediate reply", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPData).End(otelmail.Reply{Code: 354})
		}, moves{"command_duration_seconds/smtp/DATA": 1,
			"replies_total/smtp/DATA/3xx": 1}},
		{"protocol error", func(tel *otelmail.Telemetry) {
			tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{}).ProtocolError()
		}, moves{"smtp_connections_total": 1, "active_connections/smtp": 1, "tls_sessions_total/no": 1, "smtp_errors_total": 1}},
		{"AUTH succeeds", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPAuth).End(otelmail.Reply{Code: 235})
		}, moves{"smtp_auth_success_total": 1,
			"auth_attempts_total/smtp/_OTHER/success": 1,
			"command_duration_seconds/smtp/AUTH":      1,
			"replies_total/smtp/AUTH/2xx":             1}},
		{"AUTH fails", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPAuth).End(otelmail.Reply{Code: 535})
		}, moves{"smtp_auth_failure_total": 1, "smtp_errors_total": 1,
			"auth_attempts_total/smtp/_OTHER/failure": 1,
			"command_duration_seconds/smtp/AUTH":      1,
			"replies_total/smtp/AUTH/5xx":             1}},
		{"message accepted for two domains", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPData).EndMessage(ok, "a@one.example", "b@ONE.example.", "c@two.example")
		}, moves{"smtp_messages_received_total": 1,
			"messages_per_domain_total/one.example": 1, "messages_per_domain_total/two.example": 1,
			"command_duration_seconds/smtp/DATA": 1,
			"message_recipients/in":              1,
			"replies_total/smtp/DATA/2xx":        1}},
		{"message for nonsense", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPData).EndMessage(ok, "a@\xff\xfe", "b@[192.0.2.1]", "postmaster")
		}, moves{"smtp_messages_received_total": 1, "messages_per_domain_total/_other": 1,
			"command_duration_seconds/smtp/DATA": 1,
			"message_recipients/in":              1,
			"replies_total/smtp/DATA/2xx":        1}},
		{"message refused", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPData).EndMessage(refused, "a@one.example")
		}, moves{"smtp_messages_rejected_total": 1, "smtp_errors_total": 1,
			"command_duration_seconds/smtp/DATA":               1,
			"rejections_total/mx/data/5xx/unknown_user/theirs": 1,
			"replies_total/smtp/DATA/5xx":                      1}},
		{"message broken off", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPData).End(otelmail.Reply{Cause: otelmail.CauseEOF})
		}, moves{"smtp_errors_total": 1,
			"command_duration_seconds/smtp/DATA": 1,
			"replies_total/smtp/DATA/none":       1}},
		{"DATA out of order", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPData).EndOutOfOrder(otelmail.Reply{Code: 503})
		}, moves{"smtp_errors_total": 1,
			"command_duration_seconds/smtp/DATA": 1,
			"replies_total/smtp/DATA/5xx":        1}},
		{"command passed over", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPAuth).Abandon()
		}, moves{}},
		{"LMTP with one recipient of two", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPData).EndEach(
				otelmail.RecipientReply{Recipient: "a@one.example", Reply: ok},
				otelmail.RecipientReply{Recipient: "b@two.example", Reply: refused})
		}, moves{"smtp_messages_received_total": 1, "smtp_errors_total": 1, "messages_per_domain_total/one.example": 1,
			"command_duration_seconds/smtp/DATA":               1,
			"message_recipients/in":                            1,
			"rejections_total/mx/data/5xx/unknown_user/theirs": 1,
			"replies_total/smtp/DATA/2xx":                      1,
			"replies_total/smtp/DATA/5xx":                      1}},
		{"LMTP with none", func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPData).EndEach(
				otelmail.RecipientReply{Recipient: "a@one.example", Reply: refused},
				otelmail.RecipientReply{Recipient: "b@two.example", Reply: refused})
		}, moves{"smtp_messages_rejected_total": 1, "smtp_errors_total": 2,
			"command_duration_seconds/smtp/DATA":               1,
			"rejections_total/mx/data/5xx/unknown_user/theirs": 2,
			"replies_total/smtp/DATA/5xx":                      2}},
		{"IMAP session and commands", func(tel *otelmail.Telemetry) {
			s := tel.IMAP.Session(ctx, otelmail.Conn{})
			s.Command(mailconv.IMAPFetch).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
			s.Command(mailconv.IMAPLogin).End(otelmail.IMAPReply{Result: otelmail.IMAPNo})
			s.Command(mailconv.IMAPNoop).Abandon()
			s.ProtocolError()
			s.End(otelmail.CauseTimeout)
			s.End(otelmail.CauseNone)
		}, moves{"imap_connections_total": 1, "imap_commands_total": 2, "imap_errors_total": 3, "tls_sessions_total/no": 1,
			"auth_attempts_total/imap/LOGIN/failure": 1,
			"command_duration_seconds/imap/FETCH":    1,
			"command_duration_seconds/imap/LOGIN":    1,
			"replies_total/imap/FETCH/ok":            1,
			"replies_total/imap/LOGIN/no":            1}},
		{"JMAP", func(tel *otelmail.Telemetry) {
			tel.JMAP.Connect(otelmail.Conn{TLS: implicit})
			c := tel.JMAP.Connect(otelmail.Conn{TLS: implicit})
			tel.JMAP.Request(ctx).Call(ctx, otelmail.JMAPFacts{Method: "Email/get"}).End("")
			tel.JMAP.Request(ctx).Call(ctx, otelmail.JMAPFacts{Method: "Email/steal"}).End("unknownMethod")
			tel.JMAP.Request(ctx).End(false)
			tel.JMAP.Request(ctx).End(true)
			c.Close()
			c.Close()
		}, moves{"active_connections/jmap": 1, "tls_sessions_total/yes": 2, "jmap_requests_total": 2, "jmap_errors_total": 2,
			"command_duration_seconds/jmap/Email:get": 1,
			"command_duration_seconds/jmap/other":     1,
			"replies_total/jmap/Email:get/ok":         1,
			"replies_total/jmap/other/error":          1,
			"tls_handshakes_total/in/1.3":             2}},
		{"POP3", func(tel *otelmail.Telemetry) {
			s := tel.POP3.Session(ctx, otelmail.Conn{})
			s.Command(mailconv.POP3Retr).End(otelmail.POP3Reply{OK: true})
			s.Command(mailconv.POP3Pass).End(otelmail.POP3Reply{})
		}, moves{"active_connections/pop3": 1, "tls_sessions_total/no": 1,
			"auth_attempts_total/pop3/PASS/failure": 1,
			"command_duration_seconds/pop3/PASS":    1,
			"command_duration_seconds/pop3/RETR":    1,
			"replies_total/pop3/PASS/error":         1,
			"replies_total/pop3/RETR/ok":            1}},
		{"dialogues that are not understood", func(tel *otelmail.Telemetry) {
			tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{}).Unfollowed()
			tel.IMAP.Session(ctx, otelmail.Conn{}).Unfollowed()
			tel.POP3.Session(ctx, otelmail.Conn{}).Unfollowed()
		}, moves{"smtp_connections_total": 1, "active_connections/smtp": 1, "imap_connections_total": 1, "active_connections/imap": 1,
			"active_connections/pop3": 1, "tls_sessions_total/no": 3, "telemetry_unfollowed_sessions_total/smtp": 1,
			"telemetry_unfollowed_sessions_total/imap": 1, "telemetry_unfollowed_sessions_total/pop3": 1}},
		{"pipeline", func(tel *otelmail.Telemetry) {
			for _, fate := range []otelmail.Fate{otelmail.FateQueued, otelmail.FateDropped, otelmail.FateError} {
				p := tel.Mail.Process(ctx, otelmail.MessageFacts{})
				tel.Mail.Stage(p.Context(), "spam-filter", otelmail.MessageFacts{}).End(otelmail.StageContinue, otelmail.CauseNone)
				p.End(fate, otelmail.CauseNone)
			}
			tel.Mail.Dropped(ctx)
			tel.Mail.Bounced(ctx)

		}, moves{"mail_processed_total": 3, "mail_dropped_total": 2, "mail_bounced_total": 1,
			"message_processing_latency_seconds": 3, "stage_duration_seconds/spam-filter": 3}},
		{"queue", func(tel *otelmail.Telemetry) {
			tel.Queue.Size.Set(5)
			enqueue(ctx, tel, otelmail.MessageFacts{}, otelmail.CauseNone)
			enqueue(ctx, tel, otelmail.MessageFacts{}, otelmail.CauseStorage)
			tel.Queue.Dequeue(ctx, otelmail.Message{Enqueued: time.Now().Add(-(time.Second))}, otelmail.MessageFacts{}).End(otelmail.CauseNone)
			accepted := otelmail.Message{Enqueued: time.Now().Add(-time.Hour)}
			tel.Queue.Remove(ctx, accepted, otelmail.RemovedDelivered)
			tel.Queue.Remove(ctx, otelmail.Message{}, otelmail.RemovedExpired)
		}, moves{"queue_size": 4, "delivery_total_seconds/delivered": 1, "queue_expired_total": 1}},
		{"deliveries", func(tel *otelmail.Telemetry) {
			tel.Delivery.Attempt(ctx, otelmail.Attempt{Transport: otelmail.TransportSMTP}).End(ok)
			tel.Delivery.Attempt(ctx, otelmail.Attempt{Transport: otelmail.TransportLMTP, Number: 2}).End(ok)
			tel.Delivery.Attempt(ctx, otelmail.Attempt{Transport: otelmail.TransportLocal, Number: 1}).End(ok)
			tel.Delivery.Attempt(ctx, otelmail.Attempt{Number: 3}).End(refused)
			tel.Delivery.Attempt(ctx, otelmail.Attempt{Number: 4}).End(otelmail.Reply{Cause: otelmail.CauseDNS})
		}, moves{"mail_delivered_total": 3, "smtp_messages_sent_total": 2, "queue_retries_total": 3,
			"delivery_attempts_total/smtp/delivered/none": 1, "delivery_attempts_total/lmtp/delivered/none": 1,
			"delivery_attempts_total/local/delivered/none": 1, "delivery_attempts_total/smtp/failed/unknown_user": 1,
			"delivery_attempts_total/smtp/deferred/dns": 1, "delivery_attempt_duration_seconds/smtp/delivered": 1,
			"delivery_attempt_duration_seconds/lmtp/delivered": 1, "delivery_attempt_duration_seconds/local/delivered": 1,
			"delivery_attempt_duration_seconds/smtp/failed": 1, "delivery_attempt_duration_seconds/smtp/deferred": 1,
			"outbound_tls_total/other/plaintext": 1}},
		{"storage", func(tel *otelmail.Telemetry) {
			tel.Storage.Mailboxes.Set(3)
			tel.Storage.Mailboxes.Add(-1)
			tel.Storage.Messages.Set(9)
			tel.Storage.Messages.Add(1)
			tel.Storage.Bytes.Set(100)
			tel.Storage.Bytes.Add(-40)
		}, moves{"mailboxes_total": 2, "messages_total": 10, "storage_bytes": 60}},
		{"round trip", func(tel *otelmail.Telemetry) {
			tel.Mail.RoundTrip(ctx, 3*time.Second)
		}, moves{"round_trip_duration_seconds": 1}},
		{"push", func(tel *otelmail.Telemetry) {
			tel.WebPush.GaveUp()
			tel.WebPush.GaveUp()
			tel.WebPush.Attempt(ctx, "push.example").End(otelmail.WebPushReply{Status: 201})
			tel.WebPush.Attempt(ctx, "push.example").End(otelmail.WebPushReply{Status: 503})
			tel.WebPush.Attempt(ctx, "push.example").End(otelmail.WebPushReply{Status: 404})
			tel.WebPush.Attempt(ctx, "push.example").End(otelmail.WebPushReply{Cause: otelmail.CauseTimeout})
			tel.WebPush.Attempt(ctx, "push.example").EndAs(otelmail.OutcomeFailed, otelmail.WebPushReply{Cause: otelmail.CauseTimeout})
		}, moves{"push_deliveries_total": 1, "push_delivery_failures_total": 4}},
	}...)
}

// TestEachEventMovesExactlyItsSeries compares all series with what each event has to
// change: nothing less, nothing more.
func TestEachEventMovesExactlyItsSeries(t *testing.T) {
	for _, tc := range events() {
		t.Run(tc.name, func(t *testing.T) {
			tel, reader := start(t)
			tc.do(tel)
			if got := values(t, reader); !maps.Equal(got, tc.want) {
				t.Errorf("moved\n%v, want\n%v", got, tc.want)
			}
			for name, want := range tc.want {
				if name, labels := cut(name); catalogued(name).Kind != catalog.Histogram {
					checkValue(t, tel, want, name, labels...)
				}
			}
		})
	}
}

// cut takes the name of a move apart.
func cut(s string) (name string, labels []string) {
	parts := strings.Split(s, "/")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], ":", "/")
	}
	return parts[0], parts[1:]
}

// catalogued finds a series in the Catalog.
func catalogued(name string) catalog.Metric {
	for _, m := range otelmail.Catalog() {
		if m.Name == name {
			return m
		}
	}
	return catalog.Metric{}
}

func checkValue(t *testing.T, tel *otelmail.Telemetry, want int64, name string, labels ...string) {
	t.Helper()
	if got, err := tel.Value(name, labels...); err != nil || got != want {
		t.Errorf("Value(%q, %q) = %d, %v; want %d", name, labels, got, err, want)
	}
}

// values returns what is not zero, as "name" or "name/value of each label"; histograms
// by their count.
func values(t *testing.T, r sdkmetric.Reader) moves {
	t.Helper()
	return valuesOf(collect(t, r))
}

// promisedValues are those of the series that are promised: what the others show of the same
// events, TestEachEventMovesExactlyItsSeries looks at.
func promisedValues(t *testing.T, r sdkmetric.Reader) moves {
	t.Helper()
	got := values(t, r)
	for _, m := range further {
		maps.DeleteFunc(got, func(name string, _ int64) bool {
			family, _ := cut(name)
			return "rusmes_"+family == m.name
		})
	}
	return got
}

func valuesOf(all map[string]metricdata.Metrics) moves {
	got := moves{}
	for name, m := range all {
		name, ours := strings.CutPrefix(name, "rusmes_")
		if !ours || name == "build_info" {
			continue // OpenTelemetry's own names; and what is always 1, whatever happens
		}
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			addPoints(got, name, data.DataPoints)
		case metricdata.Gauge[int64]:
			addPoints(got, name, data.DataPoints)
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				addMove(got, name, p.Attributes, int64(p.Count))
			}
		case metricdata.ExponentialHistogram[float64]:
			for _, p := range data.DataPoints {
				addMove(got, name, p.Attributes, int64(p.Count))
			}
		}
	}
	return got
}

func addPoints(got moves, name string, points []metricdata.DataPoint[int64]) {
	for _, p := range points {
		addMove(got, name, p.Attributes, p.Value)
	}
}

func addMove(got moves, name string, attrs attribute.Set, value int64) {
	if value == 0 {
		return
	}
	key := name
	for _, l := range catalogued(name).Labels {
		v, _ := attrs.Value(attribute.Key(l.Key))
		key += "/" + strings.ReplaceAll(v.AsString(), "/", ":")
	}
	got[key] = value
}

// TestCountsAreExactUnderLoad counts in many goroutines at once.
func TestCountsAreExactUnderLoad(t *testing.T) {
	tel, reader := start(t, otelmail.WithDomainLimit(3))
	const workers, each = 16, 1000
	domains := []string{"a@d0.example", "a@d1.example", "a@d2.example", "a@d3.example", "a@d4.example"}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range each {
				s := tel.SMTP.Session(context.Background(), otelmail.RoleMX, otelmail.Conn{})
				s.Command(mailconv.SMTPData).EndMessage(otelmail.Reply{Code: 250}, domains[i%len(domains)])
				s.End(otelmail.CauseNone)
				if i%100 == 0 {
					collect(t, reader)
				}
			}
		})
	}
	wg.Wait()
	got := values(t, reader)
	if got["smtp_connections_total"] != workers*each || got["smtp_session_duration_seconds"] != workers*each {
		t.Errorf("counted %v, want %d sessions", got, workers*each)
	}
	if _, open := got["active_connections/smtp"]; open {
		t.Errorf("%d connections still open", got["active_connections/smtp"])
	}
	var sum int64
	var shown []string
	for name, n := range got {
		if name, labels := cut(name); name == "messages_per_domain_total" {
			sum += n
			shown = append(shown, labels...)
		}
	}
	if sum != workers*each {
		t.Errorf("the domains add up to %d, want %d", sum, workers*each)
	}
	if len(shown) != 4 || !slices.Contains(shown, "_other") {
		t.Errorf("shown are %v, want three domains and _other", shown)
	}
}

func TestDomainLimitZeroKeepsNoSeries(t *testing.T) {
	tel, reader := start(t, otelmail.WithDomainLimit(0))
	otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPData).EndMessage(otelmail.Reply{Code: 250}, "a@one.example", "a@two.example")
	if _, there := collect(t, reader)["rusmes_messages_per_domain_total"]; there {
		t.Error("the series is there although it is switched off")
	}
}

// TestObservedValues reads gauges from functions that work, fail, panic and hang.
func TestObservedValues(t *testing.T) {
	var mu sync.Mutex
	var reported []string
	tel, reader := start(t, otelmail.WithErrorHandler(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		reported = append(reported, err.Error())
	}))
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	tel.Storage.Messages.Set(7)
	tel.Storage.Bytes.Set(8)
	tel.Queue.Size.Set(9)
	tel.Storage.Mailboxes.Observe(func(context.Context) (int64, error) { return 3, nil })
	tel.Storage.Messages.Observe(func(context.Context) (int64, error) { return 0, errors.New("user bob@example.org") })
	tel.Storage.Bytes.Observe(func(context.Context) (int64, error) { panic("bob@example.org") })
	tel.Queue.Size.Observe(func(context.Context) (int64, error) { <-release; return 1, nil })
	checkValue(t, tel, 3, "mailboxes_total")
	for range 3 {
		got := values(t, reader)
		want := moves{"mailboxes_total": 3, "messages_total": 7, "storage_bytes": 8, "queue_size": 9}
		if !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(reported) != 7 {
		t.Errorf("reported %d errors, want 3 failures, 3 panics and 1 that hangs: %q", len(reported), reported)
	}
}

func TestValueOfWhatIsNotThere(t *testing.T) {
	tel := otelmail.Noop()
	for _, tc := range []struct {
		name   string
		labels []string
	}{
		{"smtp_conections_total", nil},
		{"message_processing_latency_seconds", nil},
		{"active_connections", nil},
		{"active_connections", []string{"nntp"}},
		{"smtp_connections_total", []string{"smtp"}},
		{"messages_per_domain_total", []string{"never.example"}},
	} {
		if _, err := tel.Value(tc.name, tc.labels...); err == nil {
			t.Errorf("Value(%q, %q): no error", tc.name, tc.labels)
		}
	}
}
