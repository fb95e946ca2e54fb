package demo

import (
	"encoding/base64"
	"slices"
	"testing"
)

func TestReplies(t *testing.T) {
	d := running(t, quick())
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	login := "AUTH PLAIN " + b64("\x00demo\x00demo")
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"the local user",
			[]string{"EHLO a", "MAIL FROM:<a@b.example>", "RCPT TO:<Demo@Example.ORG>"},
			[]string{"220", "250", "250", "250"}},
		{"nobody here",
			[]string{"EHLO a", "MAIL FROM:<a@b.example>", "RCPT TO:<other@example.org>"},
			[]string{"220", "250", "250", "550"}},
		{"no open relay",
			[]string{"EHLO a", "MAIL FROM:<a@b.example>", "RCPT TO:<other@b.example>"},
			[]string{"220", "250", "250", "550"}},
		{"relay for a user",
			[]string{"EHLO a", login, "MAIL FROM:<a@b.example>", "RCPT TO:<other@b.example>"},
			[]string{"220", "250", "235", "250", "250"}},
		{"even a user cannot write to nobody",
			[]string{"EHLO a", login, "MAIL FROM:<a@b.example>", "RCPT TO:<other@example.org>"},
			[]string{"220", "250", "235", "250", "550"}},
		{"LOGIN",
			[]string{"EHLO a", "AUTH LOGIN", b64("demo@example.org"), b64("demo")},
			[]string{"220", "250", "334", "334", "235"}},
		{"LOGIN with the name at once",
			[]string{"EHLO a", "AUTH LOGIN " + b64("demo"), b64("demo")},
			[]string{"220", "250", "334", "235"}},
		{"LOGIN, wrong password",
			[]string{"EHLO a", "AUTH LOGIN", b64("demo"), b64("Demo")},
			[]string{"220", "250", "334", "334", "535"}},
		{"PLAIN, wrong user",
			[]string{"EHLO a", "AUTH PLAIN " + b64("\x00root\x00demo")},
			[]string{"220", "250", "535"}},
		{"PLAIN, for somebody else",
			[]string{"EHLO a", "AUTH PLAIN " + b64("root\x00demo\x00demo")},
			[]string{"220", "250", "535"}},
		{"unknown mechanism",
			[]string{"EHLO a", "AUTH CRAM-MD5"},
			[]string{"220", "250", "504"}},
		{"announced to be too large",
			[]string{"EHLO a", "MAIL FROM:<a@b.example> SIZE=1048577"},
			[]string{"220", "250", "552"}},
	}
	for _, tt := range tests {
		if got := talk(t, d.ports.mx.Addr().String(), tt.lines...); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	idle(t, d)
	compare(t, d, counts{authSuccess: 4, authFailure: 4, received: 0, refused: 0})
}
