package otelmail_test

import (
	"maps"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/otelmailtest"
)

// TestWebPushAttempts: 2xx is delivered; a failure is given up when the caller says so, and
// always when it is final, as for a subscription that is gone (RFC 8030 section 7.3).
func TestWebPushAttempts(t *testing.T) {
	for _, tc := range []struct {
		status            int
		cause             otelmail.Cause
		final             bool
		delivered, gaveUp float64
		shown, gone       any
		errorType         string
	}{
		{status: 200, delivered: 1, shown: 200},
		{status: 299, delivered: 1, shown: 299},
		{status: 201, cause: otelmail.CauseReset, shown: 201, gone: false, errorType: "connection_reset"},
		{status: 302, shown: 302, gone: false, errorType: "302"},
		{status: 400, gaveUp: 1, shown: 400, gone: true, errorType: "400"},
		{status: 408, shown: 408, gone: false, errorType: "408"},
		{status: 413, gaveUp: 1, shown: 413, gone: true, errorType: "413"},
		{status: 404, gaveUp: 1, shown: 404, gone: true, errorType: "404"},
		{status: 410, gaveUp: 1, shown: 410, gone: true, errorType: "410"},
		{status: 429, shown: 429, gone: false, errorType: "429"},
		{status: 500, final: true, gaveUp: 1, shown: 500, gone: true, errorType: "500"},
		{status: 599, shown: 599, gone: false, errorType: "599"},
		{status: 0, cause: otelmail.CauseDNS, gone: false, errorType: "dns"},
		{status: 0, cause: otelmail.CauseTimeout, final: true, gaveUp: 1, gone: true, errorType: "timeout"},
		{status: 0, gone: false, errorType: "_OTHER"},
		{status: 100, shown: 100, gone: false, errorType: "_OTHER"},
		{status: -1, gone: false, errorType: "_OTHER"},
		{status: 1 << 30, gone: false, errorType: "_OTHER"},
	} {
		rec := recorded(t)
		o := rec.Tel.WebPush.Attempt(t.Context(), "push.example")
		reply := otelmail.WebPushReply{Status: tc.status, Cause: tc.cause}
		if tc.final {
			o.EndAs(otelmail.OutcomeFailed, reply)
		} else if outcome := o.End(reply); (outcome == otelmail.OutcomeDelivered) != (tc.delivered == 1) || reply.Temporary() != (outcome == otelmail.OutcomeDeferred) {
			t.Errorf("%+v: %v, temporary %t", reply, outcome, reply.Temporary())
		}
		s := rec.Span("push")
		checkName(t, s, "push", trace.SpanKindClient)
		s.HasOnly(otelmailtest.Attributes{"server.address": "push.example", "http.response.status_code": tc.shown,
			"email.push.final": tc.gone, "error.type": known(tc.errorType)})
		checkFailure(t, s, tc.errorType)
		rec.Moved(otelmailtest.Series{"rusmes_push_deliveries_total": tc.delivered, "rusmes_push_delivery_failures_total": tc.gaveUp})
	}
}

// TestWebPushWithoutSpans counts the same where nothing is traced, or not this trace.
func TestWebPushWithoutSpans(t *testing.T) {
	for _, opts := range [][]otelmail.StartOption{nil, {otelmail.WithSampleRatio(0)}} {
		tel, reader := start(t, opts...)
		tel.WebPush.Attempt(t.Context(), "push.example").End(otelmail.WebPushReply{Status: 201})
		tel.WebPush.Attempt(t.Context(), "push.example").End(otelmail.WebPushReply{Status: 410})
		tel.WebPush.Attempt(t.Context(), "push.example").End(otelmail.WebPushReply{Status: 503})
		tel.WebPush.GaveUp()
		want := moves{"push_deliveries_total": 1, "push_delivery_failures_total": 2}
		if got := values(t, reader); !maps.Equal(got, want) {
			t.Errorf("moved %v, want %v", got, want)
		}
	}
}

// TestWebPushHost: the host alone is shown, and only if it is one: the rest of a
// subscription's URL is a secret.
func TestWebPushHost(t *testing.T) {
	for host, want := range map[string]string{
		"PUSH.example.": "push.example", "https://push.example/secret": "_other", "push.example/secret": "_other", "push.example:443": "_other", "\xff": "_other",
	} {
		spanOf(t, func(tel *otelmail.Telemetry) {
			tel.WebPush.Attempt(t.Context(), host).End(otelmail.WebPushReply{Status: 201})
		}).Has(otelmailtest.Attributes{"server.address": want})
	}
}
