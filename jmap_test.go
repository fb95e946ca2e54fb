package otelmail_test

import (
	"crypto/tls"
	"maps"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/otelmailtest"
)

// TestJMAPMethods: the methods of the RFCs have spans of their own names. They are
// case-sensitive, and whatever else a client names is _OTHER.
func TestJMAPMethods(t *testing.T) {
	rec := recorded(t)
	check := func(method, want string) {
		t.Helper()
		rec.Mark()
		rec.Tel.JMAP.Request(t.Context()).Call(t.Context(), otelmail.JMAPFacts{Method: method}).End("")
		rec.Tree("JMAP " + want + " [server]")
		rec.Spans("")[0].HasOnly(otelmailtest.Attributes{"jmap.method": want})
	}
	for object, methods := range map[string]string{
		"Core": "echo", "Blob": "copy upload get lookup", "PushSubscription": "get set", "Mailbox": "get changes query queryChanges set",
		"Thread": "get changes", "Email": "get changes query queryChanges set copy import parse", "SearchSnippet": "get",
		"Identity": "get changes set", "EmailSubmission": "get changes query queryChanges set", "VacationResponse": "get set",
		"MDN": "send parse", "Quota": "get changes query queryChanges", "SieveScript": "get query set validate",
		"AddressBook": "get changes set", "ContactCard": "get changes query queryChanges set copy",
	} {
		for method := range strings.FieldsSeq(methods) {
			name := object + "/" + method
			check(name, name)
			for _, wrong := range []string{strings.ToLower(name), name + " ", object, "/" + method, name + "\x00"} {
				check(wrong, "_OTHER")
			}
		}
	}
	for _, unknown := range []string{"", "_OTHER", "Email/explode", "bob@example.org", strings.Repeat("x", 1<<16), "\xff"} {
		check(unknown, "_OTHER")
	}
}

// TestJMAPErrors: the method-level errors of RFC 8620 section 3.6.2 and its extensions
// are error types; any other text may be a person's.
func TestJMAPErrors(t *testing.T) {
	tel, rec := traced(t)
	count := int64(0)
	check := func(errorType, want string) {
		t.Helper()
		tel.JMAP.Request(t.Context()).Call(t.Context(), otelmail.JMAPFacts{Method: "Email/set"}).End(errorType)
		checkFailure(t, rec.Ended()[0], want)
		rec.Reset()
		if want != "" {
			count++
		}
		checkValue(t, tel, count, "jmap_errors_total")
	}
	for known := range strings.FieldsSeq(`serverUnavailable serverFail serverPartialFail unknownMethod invalidArguments
		invalidResultReference forbidden accountNotFound accountNotSupportedByMethod accountReadOnly requestTooLarge
		cannotCalculateChanges stateMismatch anchorNotFound unsupportedSort unsupportedFilter tooManyChanges
		fromAccountNotFound fromAccountNotSupportedByMethod unknownDataType`) {
		check(known, known)
		check(strings.ToUpper(known), "_OTHER")
	}
	check("no such user: bob@example.org", "_OTHER")
	check("", "")
	checkValue(t, tel, 0, "jmap_requests_total") // calls are no requests
}

func TestJMAPFactsUnderEachPolicy(t *testing.T) {
	hashed := otelmailtest.Attributes{"jmap.account_id": hashOfText(t, "bob"), "jmap.call_id": hashOfText(t, "c0")}
	for policy, more := range map[otelmail.Privacy]otelmailtest.Attributes{
		otelmail.PrivacyDomain: hashed,
		otelmail.PrivacyHash:   hashed,
		otelmail.PrivacyFull:   {"jmap.account_id": "bob", "jmap.call_id": "c0"},
		otelmail.PrivacyNone:   {},
	} {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			tel.JMAP.Request(t.Context()).Call(t.Context(), otelmail.JMAPFacts{Method: "Email/get", AccountID: "bob", CallID: "c0", RequestID: "r1"}).End("")
		}, otelmail.WithPrivacy(policy))
		want := otelmailtest.Attributes{"jmap.method": "Email/get", "jmap.request_id": "r1"}
		maps.Copy(want, more)
		s.HasOnly(want)
	}
}

// TestJMAPCallReportedAfterwards: a span begins when the call did.
func TestJMAPCallReportedAfterwards(t *testing.T) {
	begun := time.Now().Add(-time.Hour).Round(0)
	spans := spansOf(t, func(tel *otelmail.Telemetry) {
		tel.JMAP.Request(t.Context()).Call(t.Context(), otelmail.JMAPFacts{Method: "Email/get", Begun: begun}).End("")
		tel.JMAP.Request(t.Context()).Call(t.Context(), otelmail.JMAPFacts{Method: "Email/get"}).End("")
	})
	if !spans[0].StartTime().Equal(begun) {
		t.Errorf("the span began at %v, want %v", spans[0].StartTime(), begun)
	}
	if age := time.Since(spans[1].StartTime()); age > time.Minute {
		t.Errorf("a call without a time began %v ago", age)
	}
	checkName(t, spans[0], "JMAP Email/get", trace.SpanKindServer)
}

// TestJMAPConnections: open from Connect to the first Close, and without a span.
func TestJMAPConnections(t *testing.T) {
	tel, rec := traced(t)
	one, two := tel.JMAP.Connect(otelmail.Conn{TLS: &tls.ConnectionState{}}), tel.JMAP.Connect(otelmail.Conn{})
	checkValue(t, tel, 2, "active_connections", "jmap")
	one.Close()
	one.Close()
	checkValue(t, tel, 1, "active_connections", "jmap")
	two.Close()
	checkValue(t, tel, 0, "active_connections", "jmap")
	checkValue(t, tel, 1, "tls_sessions_total", "yes")
	checkValue(t, tel, 1, "tls_sessions_total", "no")
	if n := len(rec.Ended()) + len(rec.Started()); n != 0 {
		t.Errorf("%d spans of connections", n)
	}
}

func TestJMAPRequests(t *testing.T) {
	tel, reader := start(t)
	tel.JMAP.Request(t.Context()).End(false)
	tel.JMAP.Request(t.Context()).End(true)
	tel.JMAP.Request(t.Context()).CallError()
	if got, want := promisedValues(t, reader), (moves{"jmap_requests_total": 2, "jmap_errors_total": 2}); !maps.Equal(got, want) {
		t.Errorf("moved %v, want %v", got, want)
	}
}

// TestJMAPDescribe adds the connection to the HTTP span that somebody else began.
func TestJMAPDescribe(t *testing.T) {
	c := otelmail.Conn{Remote: tcp("203.0.113.77:4711"), Local: tcp("192.0.2.1:443"), TLS: &tls.ConnectionState{Version: tls.VersionTLS13}}
	near := otelmailtest.Attributes{"server.address": "192.0.2.1", "server.port": 443,
		"tls.established": false, "tls.resumed": false, "tls.protocol.version": "1.3"}
	for policy, client := range map[otelmail.Privacy]otelmailtest.Attributes{
		otelmail.PrivacyDomain: {"client.address": "203.0.113.0", "network.peer.address": "203.0.113.0"},
		otelmail.PrivacyHash:   {}, otelmail.PrivacyNone: {},
		otelmail.PrivacyFull: {"client.address": "203.0.113.77", "client.port": 4711, "network.peer.address": "203.0.113.77", "network.peer.port": 4711},
	} {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			_, request := tel.TracerProvider().Tracer("http").Start(t.Context(), "POST /jmap")
			tel.JMAP.Describe(request, c)
			request.End()
			tel.JMAP.Describe(nil, c)
			tel.JMAP.Describe(trace.SpanFromContext(t.Context()), c)
		}, otelmail.WithPrivacy(policy))
		want := maps.Clone(near)
		maps.Copy(want, client)
		s.HasOnly(want)
	}
}
