package otelmail

import (
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

func TestClean(t *testing.T) {
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
			if got := clean(tc.in, tc.most); got != tc.want {
				t.Errorf("clean(%q, %d) = %q, want %q", tc.in, tc.most, got, tc.want)
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a@b", "\xff", "\u202e", strings.Repeat("é", 300), "a\r\nb", "\xf0\x9f\x98"} {
		f.Add(s, 64)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 16 + int(uint(most)%4096)
		got := clean(s, most)
		if !utf8.ValidString(got) || len(got) > most {
			t.Fatalf("clean(%q, %d) = %q: %d bytes", s, most, got, len(got))
		}
		for _, r := range got {
			if !printable(r) {
				t.Fatalf("clean(%q, %d) = %q holds %U", s, most, got, r)
			}
		}
		if again := clean(got, most); again != got {
			t.Fatalf("cleaning twice changed %q to %q", got, again)
		}
	})
}

func TestDomainOf(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"bob@example.org", "example.org"},
		{"<bob@Example.ORG.>", "example.org"},
		{"@relay.example:bob@example.org", "example.org"},
		{`"a@b"@example.org`, "example.org"},
		{"bob@bücher.example", "xn--bcher-kva.example"},
		{"bob@BÜCHER.example", "xn--bcher-kva.example"},
		{"bob@_dmarc.example", otherDomain},
		{"bob@a_b.example", "a_b.example"},
		{"bob@localhost", "localhost"},
		{"bob@xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"bob@[192.0.2.1]", otherDomain},
		{"bob", otherDomain},
		{"bob@", otherDomain},
		{"", otherDomain},
		{"<>", otherDomain},
		{"bob@-a.example", otherDomain},
		{"bob@a-.example", otherDomain},
		{"bob@a..example", otherDomain},
		{"bob@.example", otherDomain},
		{"bob@a b.example", otherDomain},
		{"bob@exa\nmple.org", otherDomain},
		{"bob@\xff\xfe.org", otherDomain},
		{"bob@_other", otherDomain},
		{"bob@" + strings.Repeat("a", 64) + ".example", otherDomain},
		{"bob@" + strings.Repeat("a.", 200) + "example", otherDomain},
		{"bob@" + strings.Repeat("a", 1<<20), otherDomain},
	} {
		if got := domainOf(tc.in); got != tc.want {
			t.Errorf("domainOf(%.60q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

func FuzzDomainOf(f *testing.F) {
	for _, s := range []string{"a@b.example", "a@[1.2.3.4]", "a@ü.example", "a@\xff", "@a:b@c", "a@B.EXAMPLE."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := domainOf(s)
		if got != otherDomain && scanDomain(got) != domainReady {
			t.Fatalf("domainOf(%q) = %q, which is no domain", s, got)
		}
	})
}

func TestCleanAttributes(t *testing.T) {
	long := strings.Repeat("x", maxValue+1)
	bad := []attribute.KeyValue{
		attribute.String("ok", "fine"),
		attribute.String("bad\xff", "a\xff"),
		attribute.StringSlice("list", []string{"ok", "\xfe"}),
		attribute.String("long", long),
		attribute.Int("n", 1),
		{Key: "slice", Value: attribute.SliceValue(attribute.StringValue("\xff"))},
		{Key: "map", Value: attribute.MapValue(attribute.String("\xffk", "\xffv"))},
		{Key: "bytes", Value: attribute.ByteSliceValue([]byte(long))},
	}
	got := CleanAttributes(bad)
	for _, kv := range got {
		if !fitsAttribute(kv) {
			t.Errorf("%q still does not fit: %.60q", kv.Key, kv.Value.String())
		}
	}
	if got[0] != bad[0] || got[4] != bad[4] {
		t.Error("attributes that were fine have changed")
	}
	fine := bad[:1]
	if again := CleanAttributes(fine); &again[0] != &fine[0] {
		t.Error("a list that is fine was copied")
	}
	if bad[1].Value.AsString() != "a\xff" {
		t.Error("the caller's list was changed")
	}
}
