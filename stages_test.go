package otelmail_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/rusmes/otelmail"
)

// TestStagesAreBounded: the first 20 names have a series each, all others share one.
func TestStagesAreBounded(t *testing.T) {
	tel, reader := start(t)
	want := moves{"stage_duration_seconds/_OTHER": 2 * 101}
	for range 2 {
		for i := range 120 {
			name := fmt.Sprintf("stage%d", i)
			tel.Mail.Stage(t.Context(), name, otelmail.MessageFacts{}).End(otelmail.StageContinue, otelmail.CauseNone)
			if i < 20 {
				want["stage_duration_seconds/"+name] = 2
			}
		}
		tel.Mail.Stage(t.Context(), "", otelmail.MessageFacts{}).End(otelmail.StageDrop, otelmail.CauseNone)
	}
	if got := values(t, reader); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	tel, reader = start(t)
	tel.Mail.Stage(t.Context(), "bad\xff\n", otelmail.MessageFacts{}).End(otelmail.StageContinue, otelmail.CauseNone)
	if got := values(t, reader); got["stage_duration_seconds/bad\ufffd\ufffd"] != 1 {
		t.Errorf("got %v, want the name as text", got)
	}
}
