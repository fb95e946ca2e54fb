package sessions

import (
	"fmt"
	"strconv"
	"strings"
)

// What of a dialogue is shown.
const (
	maxShown = 160 // bytes of a line
	maxLines = 12  // lines of a turn
)

// String shows what was said, turn by turn: C is the client, S the server. Lines end in CRLF
// where nothing else is said; long ones and long turns are cut short.
func (s *said) String() string {
	if s == nil {
		return ""
	}
	var b strings.Builder
	if s.mode == Implicit && !s.lied {
		b.WriteString("  -- TLS begins\n")
	}
	part := 0
	for _, t := range s.turns {
		if t.part != part {
			part = t.part
			b.WriteString("  -- TLS begins\n")
		}
		t.show(&b)
	}
	switch {
	case s.lied:
		b.WriteString("  -- the client speaks plaintext where TLS must begin\n")
	case s.upgraded && part < len(s.parts)-1:
		b.WriteString("  -- TLS begins, and nothing is said inside\n")
	}
	if s.reset {
		b.WriteString("  -- the client resets the connection\n")
	} else {
		b.WriteString("  -- the connection is closed\n")
	}
	return b.String()
}

func (t turn) show(b *strings.Builder) {
	who := "S"
	if t.client {
		who = "C"
	}
	n := 0
	for line := range strings.SplitAfterSeq(string(t.text), "\n") {
		if line == "" {
			continue
		}
		if n++; n > maxLines {
			continue
		}
		text, whole := strings.CutSuffix(line, "\r\n")
		note := ""
		if !whole && !strings.HasSuffix(line, "\n") {
			note = " (no end of line)"
		}
		if len(text) > maxShown {
			note = fmt.Sprintf("… (%d bytes)%s", len(text), note)
			text = text[:maxShown]
		}
		quoted := strconv.Quote(text)
		fmt.Fprintf(b, "  %s: %s%s\n", who, strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`), note)
	}
	if n > maxLines {
		fmt.Fprintf(b, "  %s: … (%d more lines)\n", who, n-maxLines)
	}
}
