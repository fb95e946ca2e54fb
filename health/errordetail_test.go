package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"
	"unicode/utf8"

	"github.com/rusmes/otelmail/health"
)

func TestErrorDetail(t *testing.T) {
	tests := []struct {
		name  string
		check func(context.Context) error
		want  string
	}{
		{"error", fails, "550 no such user: eve@example.org"},
		{"panic", panics, "mallory@example.org"},
		{"healthy", holds, ""},
		{"invalid UTF-8", gives("a\xffb\xc3"), "a?b?"},
		{"line breaks", gives("a\r\nb\x00c"), "a  b c"},
		{"long", gives(strings.Repeat("x", 1<<20)), strings.Repeat("x", 256)},
		{"cut inside a character", gives("x" + strings.Repeat("é", 200)), "x" + strings.Repeat("é", 127)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := shownError(t, tt.check); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// An error's Error method may panic too.
func TestErrorMethodThatPanicsIsContained(t *testing.T) {
	got := shownError(t, func(context.Context) error { return panickingError{} })
	if got == "" {
		t.Error("nothing is shown")
	}
}

type panickingError struct{}

func (panickingError) Error() string { panic("bug") }

func gives(text string) func(context.Context) error {
	return func(context.Context) error { return errors.New(text) }
}

// shownError returns what /health shows after one run of check.
func shownError(t *testing.T, check func(context.Context) error) string {
	t.Helper()
	var shown string
	in(t, func(t *testing.T) {
		r := health.New(health.WithErrorDetail(true))
		register(t, r, "a", check)
		start(t, r)
		synctest.Wait()
		var body struct {
			Details map[string]struct {
				Error string `json:"error"`
			} `json:"details"`
		}
		_, text := get(t, r.HealthHandler(), "/health")
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		shown = body.Details["a"].Error
		if snapshot := result(t, r, "a").Error; snapshot != shown {
			t.Errorf("the snapshot has %q, /health %q", snapshot, shown)
		}
	})
	return shown
}

// Errors repeat what strangers sent.
func FuzzErrorDetail(f *testing.F) {
	for _, seed := range []string{"", "plain", "a\xffb", "\u2028</script>\x1b[31m", strings.Repeat("\xffé", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := shownError(t, gives(text))
		if len(got) > 256 {
			t.Errorf("%d bytes", len(got))
		}
		if !utf8.ValidString(got) {
			t.Errorf("invalid UTF-8: %q", got)
		}
		if strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("control character: %q", got)
		}
	})
}
