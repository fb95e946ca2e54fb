package integration

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/integration/internal/servers"
	"github.com/rusmes/otelmail/mailconv"
)

// neverMoves are the series that somethingOfEverything leaves at 0, and why.
var neverMoves = map[string]string{
	"telemetry_dropped_total":           "no receiver is away",
	"telemetry_deferred":                "no receiver refuses anything",
	"telemetry_local_log_dropped_total": "the local log is not stuck",
	"telemetry_waiting":                 "each push is done at once",
	"telemetry_negative_waits_total":    "no clock is set back",
	"telemetry_span_decisions_total":    "every span is passed on as it ends",
	"telemetry_early_decisions_total":   "every span is passed on as it ends",
}

// somethingOfEverything records what moves each series of the Catalog, histograms in several
// buckets, and what strangers send. Nothing goes on after it: the state is at rest.
func somethingOfEverything(t *testing.T, tel *otelmail.Telemetry) {
	t.Helper()
	ctx := t.Context()
	mxSessions(ctx, tel)
	submissions(ctx, tel)
	mailReaders(ctx, tel)
	pipelineAndStore(ctx, tel)
	queueAndDeliveries(ctx, tel)
	hostAndPolicy(t, tel)
	application(t, tel)
}

func mxSessions(ctx context.Context, tel *otelmail.Telemetry) {
	ok, refused := otelmail.Reply{Code: 250}, otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}}
	for i := range 7 {
		s := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
		s.TLS(tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS12})
		s.Command(mailconv.SMTPRcpt).End(refused)
		message := s.Command(mailconv.SMTPData)
		message.Note(otelmail.SMTPFacts{Size: int64(math.Pow(10, float64(i+2)))})
		message.EndMessage(ok, "a@one.example", "b@two.example", fmt.Sprintf("c@d%d.example", i))
		s.Command(mailconv.SMTPData).EndMessage(refused, "a@one.example")
		s.End(otelmail.CauseNone)
	}
	broken := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
	broken.TLSFailed(errors.New("remote error: tls: unknown certificate authority"))
	broken.End(otelmail.CauseReset)
	tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{}).Unfollowed() // it stays open
	tel.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedBlocked)
	tel.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedOverload)
}

func submissions(ctx context.Context, tel *otelmail.Telemetry) {
	for i := range 5 {
		remote := &net.TCPAddr{IP: net.IPv4(192, 0, byte(i), 1), Port: 1000}
		s := tel.SMTP.Session(ctx, otelmail.RoleSubmission, otelmail.Conn{Remote: remote,
			TLS: &tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13}})
		for _, code := range []int{535, 235} {
			auth := s.Command(mailconv.SMTPAuth)
			auth.Note(otelmail.SMTPFacts{User: fmt.Sprintf("user%d", i%2)})
			auth.End(otelmail.Reply{Code: code})
		}
		s.Command(mailconv.SMTPData).EndMessage(otelmail.Reply{Code: 250}, "a@one.example")
		s.End(otelmail.CauseNone)
	}
}

func mailReaders(ctx context.Context, tel *otelmail.Telemetry) {
	i := tel.IMAP.Session(ctx, otelmail.Conn{})
	i.Command(mailconv.IMAPFetch).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
	i.Command(mailconv.IMAPLogin).End(otelmail.IMAPReply{Result: otelmail.IMAPNo})
	i.End(otelmail.CauseNone)
	tel.JMAP.Connect(otelmail.Conn{})
	tel.JMAP.Request(ctx).Call(ctx, otelmail.JMAPFacts{Method: "Email/get"}).End("")
	tel.JMAP.Request(ctx).End(true)
	p := tel.POP3.Session(ctx, otelmail.Conn{})
	p.Command(mailconv.POP3Retr).End(otelmail.POP3Reply{OK: true})
	p.Command(mailconv.POP3Pass).End(otelmail.POP3Reply{})
	tel.WebPush.Attempt(ctx, "push.example").End(otelmail.WebPushReply{Status: 201})
	tel.WebPush.GaveUp()
}

func pipelineAndStore(ctx context.Context, tel *otelmail.Telemetry) {
	for n := range 6 {
		p := tel.Mail.Process(ctx, otelmail.MessageFacts{})
		stage := tel.Mail.Stage(p.Context(), "spam-filter", otelmail.MessageFacts{})
		time.Sleep(time.Duration(n*n) * time.Millisecond) // for another bucket
		stage.End(otelmail.StageContinue, otelmail.CauseNone)
		p.End(otelmail.FateQueued, otelmail.CauseNone)
	}
	tel.Mail.RoundTrip(ctx, time.Second)
	tel.Mail.Dropped(ctx)
	tel.Mail.Bounced(ctx)
	tel.Storage.Mailboxes.Set(3)
	tel.Storage.Messages.Set(1 << 53) // all whole numbers up to here are the same by each way
	tel.Storage.Bytes.Set(123_456_789_012)
	tel.Storage.IndexLag.Set(7)
	tel.Storage.Operation(ctx, otelmail.StoreSync).End(otelmail.CauseNone)
	tel.Storage.Operation(ctx, otelmail.StoreAppend).End(otelmail.CauseStorage)
}

func queueAndDeliveries(ctx context.Context, tel *otelmail.Telemetry) {
	begun := time.Now()
	tel.Queue.Observe(func(context.Context) (otelmail.QueueState, error) {
		return otelmail.QueueState{Ready: otelmail.QueueShare{Messages: 1, Bytes: 10, Oldest: begun},
			Deferred: otelmail.QueueShare{Messages: 3, Bytes: 30}}, nil
	})
	_, queueing := tel.Queue.Enqueue(ctx, otelmail.MessageFacts{QueueID: "not text\xff"})
	queueing.End(otelmail.CauseNone)
	for n := range 5 {
		tel.Queue.Remove(ctx, otelmail.Message{Enqueued: begun.Add(-time.Duration(n*n*n) * 10 * time.Second)}, otelmail.RemovedDelivered)
	}
	tel.Queue.Remove(ctx, otelmail.Message{Enqueued: begun}, otelmail.RemovedExpired)
	for _, reply := range []otelmail.Reply{{Code: 250}, {Code: 450}, {Code: 550}, {Cause: otelmail.CauseTimeout}} {
		a := tel.Delivery.Attempt(ctx, otelmail.Attempt{Number: 2, Due: time.Now().Add(-time.Second), TLSPolicy: mailconv.TLSOpportunistic})
		a.Phase(otelmail.PhaseDNS).End()
		a.TLSFailed(mailconv.StartTLSNotSupported, nil)
		a.End(reply)
	}
	a := tel.Delivery.Attempt(ctx, otelmail.Attempt{Transport: otelmail.TransportLMTP})
	here, there := net.Pipe()
	_ = there.Close()
	for _, err := range []error{nil, context.DeadlineExceeded} { // one connection stays open
		_, _ = a.Dial(ctx, func(context.Context, string, string) (net.Conn, error) { return here, err }, "tcp", "")
	}
	a.End(otelmail.Reply{Code: 250})
	tel.Delivery.Throttled(otelmail.ThrottledOther)
	tel.DNS.Lookup(ctx, "MX").End(nil)
	tel.DNS.Lookup(ctx, "TXT").End(&net.DNSError{IsTimeout: true})
}

// zones has one listed address.
type zones struct{}

func (zones) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil
}

func hostAndPolicy(t *testing.T, tel *otelmail.Telemetry) {
	t.Helper()
	certificate, _ := servers.SelfSigned(t, t.TempDir())
	if err := errors.Join(
		tel.Host.WatchCertificateFile("smtp", certificate),
		tel.Host.WatchDisk("spool", t.TempDir()),
		tel.Host.WatchBlockLists(otelmail.BlockLists{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
			Zones: []string{"list.example"}, Resolver: zones{}}),
	); err != nil {
		t.Fatal(err)
	}
	tel.Host.Panic(otelmail.ComponentQueue)
	tel.Host.ACMEError("dns")
	tel.Filter.Authentication("spf", "pass")
	tel.Filter.Verdict("greylist")
	tel.Filter.RateLimit(otelmail.LimiterAuth, otelmail.LimitReject)
	tel.Filter.Authentication("dkim", "fail")
	slog.New(tel.LogHandler(slog.NewTextHandler(io.Discard, nil))).Warn("the disk is slow", "user", string([]byte{0xff}))
}

// application is what an instrument of an application's own sends, which is cleaned, or
// refused where it is no number.
func application(t *testing.T, tel *otelmail.Telemetry) {
	t.Helper()
	meter := tel.MeterProvider().Meter("example.org/app")
	verdicts, err := meter.Int64Counter("rusmes_app_verdicts_total")
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"Grüße, \"quoted\" \\ back", "two\nlines", string(bytes.Repeat([]byte("x"), 5000)), "\xff"} {
		verdicts.Add(t.Context(), 3, metric.WithAttributes(attribute.String("verdict", value)))
	}
	load, err := meter.Float64Gauge("rusmes_app_load")
	if err != nil {
		t.Fatal(err)
	}
	load.Record(t.Context(), 0.1+0.2)
	load.Record(t.Context(), math.NaN())
}
