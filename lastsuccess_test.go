package otelmail_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// TestLastSuccess: only what went through moves the time of its direction.
func TestLastSuccess(t *testing.T) {
	ok, refused := otelmail.Reply{Code: 250}, otelmail.Reply{Code: 550}
	attempt := func(transport otelmail.Transport, r otelmail.Reply) func(*testing.T, *otelmail.Telemetry) {
		return func(t *testing.T, tel *otelmail.Telemetry) {
			tel.Delivery.Attempt(t.Context(), otelmail.Attempt{Transport: transport}).End(r)
		}
	}
	command := func(verb mailconv.SMTPVerb, end func(otelmail.SMTPCommand)) func(*testing.T, *otelmail.Telemetry) {
		return func(t *testing.T, tel *otelmail.Telemetry) { end(otelmail.BeginSMTPCommand(t.Context(), tel, verb)) }
	}
	for name, tc := range map[string]struct {
		do   func(*testing.T, *otelmail.Telemetry)
		want string
	}{
		"accepted":      {command(mailconv.SMTPData, func(c otelmail.SMTPCommand) { c.EndMessage(ok, "a@one.example") }), "in"},
		"by BDAT":       {command(mailconv.SMTPBdat, func(c otelmail.SMTPCommand) { c.End(ok) }), "in"},
		"over LMTP":     {command(mailconv.SMTPData, func(c otelmail.SMTPCommand) { c.EndEach(otelmail.RecipientReply{Reply: ok}) }), "in"},
		"refused":       {command(mailconv.SMTPData, func(c otelmail.SMTPCommand) { c.End(refused) }), ""},
		"no message":    {command(mailconv.SMTPRcpt, func(c otelmail.SMTPCommand) { c.End(ok) }), ""},
		"sent":          {attempt(otelmail.TransportSMTP, ok), "out"},
		"not sent":      {attempt(otelmail.TransportSMTP, refused), ""},
		"stored":        {attempt(otelmail.TransportLMTP, ok), "local"},
		"stored here":   {attempt(otelmail.TransportLocal, ok), "local"},
		"not delivered": {attempt(otelmail.TransportLocal, refused), ""},
	} {
		t.Run(name, func(t *testing.T) {
			tel, reader := start(t)
			before := float64(time.Now().UnixNano()) / 1e9
			tc.do(t, tel)
			got := fractions(t, reader, "last_success_timestamp_seconds")
			if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, []string{"in", "local", "out"}) {
				t.Fatalf("directions %v", names)
			}
			for direction, at := range got {
				if direction != tc.want && at != 0 {
					t.Errorf("%s: %v, want 0", direction, at)
				}
				if direction == tc.want && (at < before-0.001 || at > before+60) {
					t.Errorf("%s: %v, want %v or a little more", direction, at, before)
				}
			}
		})
	}
}
