package otelmail_test

import (
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"testing"

	"github.com/rusmes/otelmail"
)

func TestParseReply(t *testing.T) {
	for text, want := range map[string]otelmail.Reply{
		"250":                         {Code: 250},
		"250 OK\r\n":                  {Code: 250, Text: "OK"},
		"250 2.1.5 Fine":              {Code: 250, Enhanced: otelmail.EnhancedCode{2, 1, 5}, Text: "Fine"},
		"550 5.1.1":                   {Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}},
		"550 5.1.1x":                  {Code: 550, Text: "5.1.1x"},
		"550 5.1. 1":                  {Code: 550, Text: "5.1. 1"},
		"550 3.1.1 x":                 {Code: 550, Text: "3.1.1 x"},
		"250-a\r\n250-b\n250 2.0.0 c": {Code: 250, Enhanced: otelmail.EnhancedCode{2, 0, 0}, Text: "a\nb\nc"},
	} {
		if got, ok := otelmail.ParseReply(text); !ok || got != want {
			t.Errorf("%q is %+v, %v; want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "OK", "25 x", "2500 x", "250_x", "250-a", "250-a\n550 b", "250 a\n250 b", "199 x", "600 x", "-1"} {
		if got, ok := otelmail.ParseReply(text); ok {
			t.Errorf("%q is %+v, want no reply", text, got)
		}
	}
}

func TestReplyOf(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want otelmail.Reply
	}{
		{nil, otelmail.Reply{Code: 250}},
		{&textproto.Error{Code: 550, Msg: "5.1.1 No such user"},
			otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}, Text: "No such user"}},
		{fmt.Errorf("rcpt: %w", &textproto.Error{Code: 452, Msg: "Full"}), otelmail.Reply{Code: 452, Text: "Full"}},
		{(*textproto.Error)(nil), otelmail.Reply{Cause: otelmail.CauseOther}},
		{io.EOF, otelmail.Reply{Cause: otelmail.CauseEOF}},
		{errors.New("bob@example.org"), otelmail.Reply{Cause: otelmail.CauseOther}},
	} {
		if got := otelmail.ReplyOf(tt.err); got != tt.want {
			t.Errorf("%#v is %+v, want %+v", tt.err, got, tt.want)
		}
	}
}
