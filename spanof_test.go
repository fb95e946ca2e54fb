package otelmail_test

import (
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/otelmailtest"
)

// spansOf returns what do recorded, in the order that it ended.
func spansOf(t *testing.T, do func(*otelmail.Telemetry), opts ...otelmail.StartOption) []sdktrace.ReadOnlySpan {
	t.Helper()
	tel, rec := traced(t, opts...)
	do(tel)
	return rec.Ended()
}

// spanOf is spansOf for one span.
func spanOf(t *testing.T, do func(*otelmail.Telemetry), opts ...otelmail.StartOption) otelmailtest.Span {
	t.Helper()
	rec := recorded(t, opts...)
	do(rec.Tel)
	spans := rec.Spans("")
	if len(spans) != 1 {
		t.Fatalf("%d spans ended, want 1", len(spans))
	}
	return spans[0]
}

// known is an attribute's text, and no attribute where it is empty.
func known(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// checkFailure wants an error of this type, none for "", and never a description.
func checkFailure(t *testing.T, s sdktrace.ReadOnlySpan, errorType string) {
	t.Helper()
	got, there := attrs(s)["error.type"]
	if failed := s.Status().Code == codes.Error; got != errorType || there != failed || failed != (errorType != "") || s.Status().Description != "" {
		t.Errorf("%s: error.type %q with status %+v, want %q", s.Name(), got, s.Status(), errorType)
	}
}

func checkName(t *testing.T, s sdktrace.ReadOnlySpan, name string, kind trace.SpanKind) {
	t.Helper()
	if s.Name() != name || s.SpanKind() != kind {
		t.Errorf("span %q (%v), want %q (%v)", s.Name(), s.SpanKind(), name, kind)
	}
}

// policies are all there are.
var policies = []otelmail.Privacy{otelmail.PrivacyDomain, otelmail.PrivacyHash, otelmail.PrivacyFull, otelmail.PrivacyNone}
