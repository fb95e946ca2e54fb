package otelmail

import (
	"strings"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/refusal"
)

// keepRule finds what a span says by itself. What the reply to an SMTP command, an attempt or
// the queue knows better is told by [tracer.keep].
type keepRule struct{ slow time.Duration }

func (r keepRule) wants(s sdktrace.ReadOnlySpan) bool {
	ours := s.InstrumentationScope().Name == ScopeName
	if s.EndTime().Sub(s.StartTime()) >= r.slow && !(ours && lasting[s.Name()]) {
		return true
	}
	switch {
	case s.Status().Code != codes.Error:
		return false
	case !ours: // the application's own, and those of HTTP
		return true
	case s.SpanKind() == trace.SpanKindClient, s.Name() == "POP3 session", strings.HasPrefix(s.Name(), "SMTP "):
		return false
	}
	for _, kv := range s.Attributes() {
		if kv.Key == semconv.ErrorTypeKey {
			return byUs(kv.Value.AsString(), s.SpanKind())
		}
	}
	return false
}

// lasting are the spans of ours that last as the client pleases.
var lasting = map[string]bool{
	"SMTP session": true, "POP3 session": true,
	"SMTP DATA": true, "SMTP BDAT": true, "SMTP AUTH": true,
	"IMAP APPEND": true, "IMAP AUTHENTICATE": true, "POP3 AUTH": true,
}

// byUs reports whether an error.type other than a reply code of SMTP is our own fault.
func byUs(errorType string, kind trace.SpanKind) bool {
	switch errorType {
	case "UNAVAILABLE", "SERVERBUG", // RFC 5530
		"serverFail", "serverUnavailable", "serverPartialFail": // RFC 8620 section 3.6.2
		return true
	case CauseTimeout.String():
		return kind != trace.SpanKindServer // else it is the client that was waited for
	}
	return !refusal.Of(0, [3]int{}, errorType).Theirs
}
