package clean

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		most     int
		want     string
	}{
		{"ASCII", "queue-4711", 20, "queue-4711"},
		{"UTF-8", "Grüße, 世界", 20, "Grüße, 世界"},
		{"empty", "", 20, ""},
		{"invalid bytes", "a\xffb\xc3", 20, "a\uFFFDb\uFFFD"},
		{"a real U+FFFD", "a\uFFFDb", 20, "a\uFFFDb"},
		{"control characters", "a\r\nb\x00c\x1b[31m", 40, "a\uFFFD\uFFFDb\uFFFDc\uFFFD[31m"},
		{"right-to-left override", "a\u202eb", 20, "a\uFFFDb"},
		{"just fits", "0123456789", 10, "0123456789"},
		{"too long", "0123456789A", 10, "0123456…"},
		{"cut before a rune", "01234世界世界", 10, "01234…"},
		{"much too long", strings.Repeat("x", 1<<20), 10, "xxxxxxx…"},
		{"replacements make it too long", "\x00\x00\x00\x00", 10, "\uFFFD\uFFFD…"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Text(tc.in, tc.most); got != tc.want {
				t.Errorf("Text(%q, %d) = %q, want %q", tc.in, tc.most, got, tc.want)
			}
		})
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a@b", "\xff", "\u202e", strings.Repeat("é", 300), "a\r\nb", "\xf0\x9f\x98"} {
		f.Add(s, 64)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 16 + int(uint(most)%4096)
		got := Text(s, most)
		if !utf8.ValidString(got) || len(got) > most {
			t.Fatalf("Text(%q, %d) = %q: %d bytes", s, most, got, len(got))
		}
		for _, r := range got {
			if !printable(r) {
				t.Fatalf("Text(%q, %d) = %q holds %U", s, most, got, r)
			}
		}
		if again := Text(got, most); again != got {
			t.Fatalf("cleaning twice changed %q to %q", got, again)
		}
	})
}
