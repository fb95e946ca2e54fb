package otelmailtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/otelmailtest"
)

// TestLeaksByPrivacy: of all policies, the one that shows addresses shows them.
func TestLeaksByPrivacy(t *testing.T) {
	for policy, leaks := range map[otelmail.Privacy]bool{
		otelmail.PrivacyDomain: false, otelmail.PrivacyHash: false, otelmail.PrivacyNone: false, otelmail.PrivacyFull: true,
	} {
		synctest.Test(t, func(t *testing.T) {
			said := fails(t, func(t testing.TB) {
				rec := otelmailtest.New(t, otelmail.WithPrivacy(policy))
				session(rec.Tel)
				rec.Leaks("someone@example.org", "canary@example.org")
			})
			if !leaks && said != "" {
				t.Errorf("under %v: %s", policy, said)
			}
			for _, place := range []string{
				"\"canary@example.org\" leaves the process:\n",
				`span "SMTP RCPT", attribute "email.to.address": "canary@example.org"`,
				`email.rejected, attribute "email.to.address": "canary@example.org"`,
			} {
				if leaks && !strings.Contains(said, place) {
					t.Errorf("under %v Leaks does not say %s, but\n%s", policy, place, said)
				}
			}
		})
	}
}

// TestLeaksEverywhere puts an address wherever it could leave from.
func TestLeaksEverywhere(t *testing.T) {
	t.Parallel()
	const canary = "canary@example.org"
	attr := attribute.String("own", canary)
	state, err := trace.ParseTraceState("own=" + "canary")
	if err != nil {
		t.Fatal(err)
	}
	linked := trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceState: state})}
	span := func(rec *otelmailtest.Recorder, name string, opts ...trace.SpanStartOption) trace.Span {
		_, span := rec.Tel.TracerProvider().Tracer("own").Start(context.Background(), name, opts...)
		return span
	}
	counter := func(rec *otelmailtest.Recorder, name string, opts ...metric.Int64CounterOption) metric.Int64Counter {
		c, err := rec.Tel.MeterProvider().Meter("own").Int64Counter(name, opts...)
		if err != nil {
			t.Error(err)
		}
		return c
	}
	for place, leak := range map[string]func(*otelmailtest.Recorder){
		"name of a span: ":           func(rec *otelmailtest.Recorder) { span(rec, "for "+canary).End() },
		`span "x", attribute "own"`:  func(rec *otelmailtest.Recorder) { span(rec, "x", trace.WithAttributes(attr)) },
		`span "x", status`:           func(rec *otelmailtest.Recorder) { span(rec, "x").SetStatus(codes.Error, canary) },
		`span "x", event`:            func(rec *otelmailtest.Recorder) { span(rec, "x").AddEvent(canary) },
		`span "x", event "e", attri`: func(rec *otelmailtest.Recorder) { span(rec, "x").AddEvent("e", trace.WithAttributes(attr)) },
		`span "x", event "exception`: func(rec *otelmailtest.Recorder) { span(rec, "x").RecordError(errors.New(canary)) },
		`span "x", tracestate of a`:  func(rec *otelmailtest.Recorder) { span(rec, "x", trace.WithLinks(linked)) },
		`span "x", link, attribute`: func(rec *otelmailtest.Recorder) {
			l := linked
			l.Attributes = []attribute.KeyValue{attr}
			span(rec, "x", trace.WithLinks(l))
		},
		"INFO canary@example.org, body": func(rec *otelmailtest.Recorder) { rec.Tel.Logger().Info(canary) },
		`INFO x, attribute "to"`:        func(rec *otelmailtest.Recorder) { rec.Tel.Logger().Info("x", "to", canary) },
		`INFO x, name of an attribute`:  func(rec *otelmailtest.Recorder) { rec.Tel.Logger().Info("x", canary, 1) },
		`INFO x, attribute "in"`:        func(rec *otelmailtest.Recorder) { rec.Tel.Logger().Info("x", "in", []string{canary}) },
		`own, attribute "own"`: func(rec *otelmailtest.Recorder) {
			counter(rec, "own").Add(context.Background(), 1, metric.WithAttributes(attr))
		},
		`/metrics: "own_total{own=\"can`: func(rec *otelmailtest.Recorder) {
			counter(rec, "own").Add(context.Background(), 1, metric.WithAttributes(attr))
		},
		`own, help`: func(rec *otelmailtest.Recorder) {
			counter(rec, "own", metric.WithDescription(canary)).Add(context.Background(), 1)
		},
		`own, unit`: func(rec *otelmailtest.Recorder) {
			counter(rec, "own", metric.WithUnit("{canary}")).Add(context.Background(), 1)
		},
		`name of a series: "own_canary"`:  func(rec *otelmailtest.Recorder) { counter(rec, "own_canary").Add(context.Background(), 1) },
		`/metrics: "rusmes_messages_per_`: func(rec *otelmailtest.Recorder) { receive(rec.Tel, "x@canary.example") },
	} {
		t.Run(place, func(t *testing.T) {
			said := fails(t, func(t testing.TB) {
				rec := otelmailtest.New(t)
				leak(rec)
				rec.Mark()
				rec.Leaks(canary)
			})
			if !strings.Contains(said, place) {
				t.Errorf("said %q, want that it has %q", said, place)
			}
		})
	}
	said := fails(t, func(t testing.TB) {
		otelmailtest.New(t, otelmail.WithResourceAttributes(attr)).Leaks(canary)
	})
	if !strings.Contains(said, `resource, attribute "own"`) {
		t.Errorf("of the resource: %q", said)
	}
	said = fails(t, func(t testing.TB) {
		rec := otelmailtest.New(t)
		rec.Tel.Queue.Observe(func(context.Context) (otelmail.QueueState, error) { return otelmail.QueueState{}, errors.New(canary) })
		rec.Mark()
		rec.Errors("canary")
		rec.Leaks(canary)
	})
	if !strings.Contains(said, "error handler: ") {
		t.Errorf("of the error handler: %q", said)
	}
}

// TestLeaksInAnySpelling writes an address as it can be written, and others beside it.
func TestLeaksInAnySpelling(t *testing.T) {
	spellings := []string{
		"canary.bird@example.org", "Canary.BIRD@Example.Org", "canary%2Ebird%40example.org", "%63anary%2ebird", "canary%252Ebird",
		`"canary.bird"@example.org`, `"can\ary.bird"@example.org`, `\"canary.bird\"@example.org`, `canary\u002ebird\u0040example.org`,
		`canary\x2ebird`, "canary&#46;bird&#64;example.org", "<canary.bird>", "mailto:canary.bird%40example.org?subject=x",
		"Y2FuYXJ5LmJpcmQ=", "AGNhbmFyeS5iaXJkAHNlY3JldA==", "eGNhbmFyeS5iaXJkQGV4YW1wbGUub3Jn", "eHhjYW5hcnkuYmlyZA",
	}
	others := []string{"canary@example.org", "bird", "example.org", "100%", `\`, `%u`, `\u00`, "", "Y2FuYXJ5"}
	said := fails(t, func(t testing.TB) {
		rec := otelmailtest.New(t)
		for i, text := range append(spellings, others...) {
			rec.Tel.Logger().Info("spelling", fmt.Sprint("number", i), text)
		}
		rec.Leaks(`"Canary.Bird"@example.org`)
	})
	for i, text := range append(spellings, others...) {
		found := strings.Contains(said, fmt.Sprintf(`attribute "number%d": `, i))
		if found != (i < len(spellings)) {
			t.Errorf("%s is found: %t", text, found)
		}
	}
}

func TestLeaksWantsAName(t *testing.T) {
	said := fails(t, func(t testing.TB) { otelmailtest.New(t).Leaks("bob@example.org") })
	if !strings.Contains(said, `Leaks: "bob@example.org": its local part may stand in a hash or in another word by chance: want one of 5 characters or more`) {
		t.Errorf("a short name: %q", said)
	}
	said = fails(t, func(t testing.TB) { otelmailtest.New(t).Leaks("Recipient@example.org") })
	if !strings.Contains(said, `Leaks: "Recipient@example.org": its local part is a word of `) {
		t.Errorf("a word of our own: %q", said)
	}
}
