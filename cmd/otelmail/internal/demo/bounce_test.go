package demo

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
)

// parts reads a multipart/report, by the type of its parts.
func parts(t *testing.T, text string) map[string]string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["report-type"] != "delivery-status" {
		t.Fatalf("a %s of %v: %v", kind, params, err)
	}
	if got := m.Header.Get("Auto-Submitted"); got != "auto-replied" {
		t.Errorf("Auto-Submitted: %q", got)
	}
	all := map[string]string{}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(part.Header.Get("Content-Type"), ";")
		all[kind] = string(body)
	}
}

// What another server says must not become lines of ours.
func TestADiagnosisIsOneLine(t *testing.T) {
	for _, tt := range []struct {
		reply otelmail.Reply
		want  string
	}{
		{otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}, Text: "no\r\nStatus: 2.0.0\x00é"}, "550 5.1.1 no  Status: 2.0.0"},
		{otelmail.Reply{Code: 554}, "554"},
		{otelmail.Reply{Cause: otelmail.CauseRefused}, "no answer: refused"},
	} {
		if got := diagnosis(tt.reply); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(tt.want), " ") || strings.ContainsAny(got, "\r\n\x00") {
			t.Errorf("%+v: %q, want %q", tt.reply, got, tt.want)
		}
	}
}

func TestStatus(t *testing.T) {
	for want, reply := range map[string]otelmail.Reply{
		"5.1.1": {Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}},
		"5.0.0": {Code: 554},
		"4.0.0": {Cause: otelmail.CauseTimeout},
	} {
		if got := status(reply); got != want {
			t.Errorf("%+v: %s, want %s", reply, got, want)
		}
	}
}
