package stack_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/internal/schema"
	"github.com/rusmes/otelmail/mailconv"
)

// TestResourceSpoilsNothing: the resource is in every request of every signal.
func TestResourceSpoilsNothing(t *testing.T) {
	program := os.Args[0]
	os.Args[0] = "/usr/bin/mail" + noText
	t.Cleanup(func() { os.Args[0] = program })
	w := bothWays(t, nil, otelmail.WithResourceAttributes(append(badPairs, attribute.String("huge", huge))...),
		otelmail.WithService("mx", noText))
	w.WebPush.GaveUp()
	w.span(func(trace.Span) {})
	w.record(func(*log.Record) {})
	w.checkPage(t, "", 0)
	if err := w.Shutdown(context.Background()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	w.received.check(t, otlp.Cumulative, 1, 1)
}

// TestMoreDomainsThanTheSDKShows: the SDK joins what is beyond 2,000 label sets of one
// instrument into otel_metric_overflow.
func TestMoreDomainsThanTheSDKShows(t *testing.T) {
	const domains = 2500
	for _, preference := range []otlp.Preference{otlp.Cumulative, otlp.Delta} {
		w := bothWays(t, []otlp.Option{otlp.Temporality(preference), otlp.Traces(otlp.Off()), otlp.Logs(otlp.Off())}, otelmail.WithDomainLimit(domains))
		session := w.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
		for i := range domains {
			session.Command(mailconv.SMTPData).EndMessage(otelmail.Reply{Code: 250}, fmt.Sprintf("u@d%d.example", i))
		}
		w.WebPush.GaveUp()
		page, _ := w.scrape(t, classicText)
		if n := strings.Count(page, "\nrusmes_messages_per_domain_total{domain=\"d"); n != domains || strings.Contains(page, "overflow") {
			t.Errorf("%d domains are on the page, want %d and no overflow", n, domains)
		}
		if err := w.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		w.received.check(t, preference, 0, 0)
		if points, overflow := w.received.points("rusmes_messages_per_domain_total"); points < domains || overflow {
			t.Errorf("%v: %d domains arrived, overflow %v; want %d", preference, points, overflow, domains)
		}
	}
}

// unansweringReceiver accepts connections and never answers.
func unansweringReceiver(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "http://" + l.Addr().String()
}

// TestOneDeadReceiverCostsTheOthersNothing: one signal's receiver is gone, and
// the other two deliver their last values to a slow one within the same time. Without a
// deadline the default of 5 s holds.
func TestOneDeadReceiverCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		signal   func(...otlp.SignalOption) otlp.Option
		lost     string
		deadline time.Duration // 0 for none
	}{
		{otlp.Traces, "1 of 1 spans", 4 * time.Second},
		{otlp.Metrics, "data points", 4 * time.Second},
		{otlp.Logs, "1 of 1 log records", 4 * time.Second},
		{otlp.Traces, "1 of 1 spans", 0},
	} {
		t.Run(fmt.Sprintf("%s, %v", tc.lost, tc.deadline), func(t *testing.T) {
			t.Parallel()
			w := bothWays(t, []otlp.Option{tc.signal(otlp.Endpoint(unansweringReceiver(t)))})
			w.received.delay = 500 * time.Millisecond
			w.WebPush.GaveUp()
			w.span(func(trace.Span) {})
			w.record(func(*log.Record) {})
			ctx, most := context.Background(), 30*time.Second
			if tc.deadline > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tc.deadline)
				defer cancel()
				most = tc.deadline + 30*time.Second
			}
			begun := time.Now()
			err := w.Shutdown(ctx)
			if took := time.Since(begun); took > most {
				t.Errorf("took %v", took)
			}
			if err == nil || strings.Count(err.Error(), "not delivered") != 1 || !strings.Contains(err.Error(), tc.lost) {
				t.Errorf("shutdown: %v, want %s not delivered and no more", err, tc.lost)
			}
			spans, records, counted := w.received.counts()
			for lost, n := range map[string]int{"1 of 1 spans": spans, "1 of 1 log records": records, "data points": counted} {
				if want := 1; lost != tc.lost && n != want || lost == tc.lost && n != 0 {
					t.Errorf("of %s there arrived %d", lost, n)
				}
			}
		})
	}
}

// TestScopeNamesTheConventions: what leaves says by which version of our conventions its
// attributes are to be read, and its resource by which of OpenTelemetry's.
func TestScopeNamesTheConventions(t *testing.T) {
	w := bothWays(t, nil)
	w.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{}).End(otelmail.CauseNone)
	w.Logger().Info("accepted")
	if err := w.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.received.mu.Lock()
	defer w.received.mu.Unlock()
	schemas, resources := map[string]string{}, map[string]string{}
	for _, in := range w.received.traces {
		for _, ss := range in.GetResourceSpans()[0].GetScopeSpans() {
			schemas["traces"], resources["traces"] = ss.GetSchemaUrl(), in.GetResourceSpans()[0].GetSchemaUrl()
		}
	}
	for _, in := range w.received.metrics {
		for _, sm := range in.GetResourceMetrics()[0].GetScopeMetrics() {
			schemas["metrics"], resources["metrics"] = sm.GetSchemaUrl(), in.GetResourceMetrics()[0].GetSchemaUrl()
		}
	}
	for _, in := range w.received.logs {
		for _, sl := range in.GetResourceLogs()[0].GetScopeLogs() {
			schemas["logs"], resources["logs"] = sl.GetSchemaUrl(), in.GetResourceLogs()[0].GetSchemaUrl()
		}
	}
	for _, signal := range []string{"traces", "metrics", "logs"} {
		if schemas[signal] != schema.URL {
			t.Errorf("%s have the schema %q, want %q", signal, schemas[signal], schema.URL)
		}
		if resources[signal] != semconv.SchemaURL {
			t.Errorf("the resource of %s has the schema %q, want %q", signal, resources[signal], semconv.SchemaURL)
		}
	}
}
