package otelimap

import (
	"fmt"
	"strings"
	"testing"
)

// read has a wire read replies in pieces of a size; it returns what it made of
// the tagged ones.
func read(replies string, size int) (w *wire, found []string) {
	w = &wire{visible: true}
	for len(replies) > 0 && w.visible {
		n := min(size, len(replies))
		for b := []byte(replies[:n]); len(b) > 0; {
			line, ok, left := w.next(b)
			if ok {
				found = append(found, strings.TrimSpace(fmt.Sprintf("%v %s %v", line.result, line.code, line.verb)))
			}
			b = left
		}
		replies = replies[n:]
	}
	return w, found
}

func TestWire(t *testing.T) {
	long := strings.Repeat("x", 9000)
	tests := map[string]struct {
		replies string
		want    string
	}{
		"ok":                  {"a OK FETCH completed\r\n", "[ok  FETCH]"},
		"uid":                 {"a OK UID FETCH completed\r\n", "[ok  FETCH]"},
		"no":                  {"a NO [OVERQUOTA] full\r\n", "[no OVERQUOTA _OTHER]"},
		"bad":                 {"a BAD what\r\n", "[bad  _OTHER]"},
		"bye with a tag":      {"a BYE what\r\n", "[no  _OTHER]"},
		"no text":             {"a OK\r\n", "[ok  _OTHER]"},
		"untagged":            {"* OK ready\r\n* 1 FETCH (UID 1)\r\n* NO careful\r\n", "[]"},
		"continuation":        {"+ idling\r\n+ \r\n+ T0s=\r\n", "[]"},
		"the tag +":           {"+ OK NOOP completed\r\n+ NO no\r\n", "[ok  NOOP no  _OTHER]"},
		"a tag with +":        {"+a OK NOOP completed\r\n", "[ok  NOOP]"},
		"a long tag":          {long + " NO [LIMIT] no\r\n", "[no LIMIT _OTHER]"},
		"a long code":         {"a OK [CAPABILITY " + long + "] PLAIN authentication successful\r\n", "[ok  AUTHENTICATE]"},
		"a long code of COPY": {"a OK [COPYUID 1 " + long + "] COPY completed\r\n", "[ok  COPY]"},
		"a literal":           {"* 1 FETCH (BODY[] {11}\r\na NO x\r\nb B)\r\na OK FETCH completed\r\n", "[ok  FETCH]"},
		"a long literal":      {"* 1 FETCH (BODY[] {9000}\r\n" + long + " FLAGS ())\r\na OK FETCH completed\r\n", "[ok  FETCH]"},
		"two literals":        {"* LIST () {1}\r\n/ {6}\r\na NO b\r\na BAD no\r\n", "[bad  _OTHER]"},
		"an empty literal":    {"* 1 FETCH (BODY[] {0}\r\n)\r\na OK FETCH completed\r\n", "[ok  FETCH]"},
		"no literal":          {"* LIST () \"/\" \"{5}\"\r\na OK LIST completed\r\n", "[ok  LIST]"},
		"STARTTLS":            {"a OK Begin TLS negotiation now\r\n\x16\x03\x01\r\na NO x\r\n", "[ok  STARTTLS]"},
	}
	for name, test := range tests {
		for _, size := range []int{1, 2, 3, 7, 4096, 1 << 20} {
			if _, got := read(test.replies, size); fmt.Sprint(got) != test.want {
				t.Errorf("%s, in pieces of %d: %v, want %s", name, size, got, test.want)
			}
		}
	}
}

// However replies are cut into pieces, the wire reads the same.
func FuzzWire(f *testing.F) {
	f.Add("* 1 FETCH (BODY[] {11}\r\na NO x\r\nb B)\r\na OK FETCH completed\r\n", uint8(3))
	f.Add("+ OK x\r\n* BYE \r\na NO [X] \r\n\x16", uint8(1))
	f.Fuzz(func(t *testing.T, replies string, size uint8) {
		whole, want := read(replies, max(1, len(replies)))
		pieces, got := read(replies, int(size)+1)
		if fmt.Sprint(got) != fmt.Sprint(want) || whole.farewell != pieces.farewell || whole.visible != pieces.visible {
			t.Errorf("in pieces of %d: %q, whole: %q", int(size)+1, got, want)
		}
	})
}

// LSUB is told from LIST by a field of go-imap's, which must be there.
func TestLsubField(t *testing.T) {
	if lsubField < 0 {
		t.Error("imapserver.ListWriter has no field lsub any more")
	}
	if isLsub(nil) {
		t.Error("a nil writer is none of LSUB")
	}
}
