package tracefield_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rusmes/otelmail/internal/tracefield"
)

func TestReader(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, tc := range []struct{ name, in, out, parent, state string }{
		{"none", "From: a\r\n\r\nTraceparent: body\r\n", "From: a\r\n\r\nTraceparent: body\r\n", "", ""},
		{"both, one folded, any case", "tRaCePaReNt :\r\n p\r\nA: b\r\nTracestate: v=1\r\n\r\nbody", "A: b\r\n\r\nbody", "p", "v=1"},
		{"folded line of another field", "A: b\r\n Traceparent: no\r\n\r\n", "A: b\r\n Traceparent: no\r\n\r\n", "", ""},
		{"two parents", "Traceparent: p\nTraceparent: q\n\n", "\n", "", ""},
		{"behind a long line", "A: " + long + "\nTraceparent: p\n\n" + long, "A: " + long + "\n\n" + long, "p", ""},
		{"header alone", "Traceparent: p", "", "p", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := tracefield.NewReader(iotest.OneByteReader(strings.NewReader(tc.in)))
			out, err := io.ReadAll(r)
			parent, state := r.Values()
			if err != nil || string(out) != tc.out || parent != tc.parent || state != tc.state {
				t.Errorf("read %.80q, %q, %q, %v; want %.80q, %q, %q", out, parent, state, err, tc.out, tc.parent, tc.state)
			}
		})
	}
}

// A field that is longer than any valid one is removed, and not kept whole.
func TestLongField(t *testing.T) {
	r := tracefield.NewReader(strings.NewReader("Traceparent: " + strings.Repeat("x", 1<<20) + "\n\n"))
	out, err := io.ReadAll(r)
	if parent, _ := r.Values(); err != nil || string(out) != "\n" || len(parent) > 2*tracefield.MaxState {
		t.Errorf("read %.80q, %v, with %d bytes kept", out, err, len(parent))
	}
}
