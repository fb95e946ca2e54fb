package clean

import (
	"strings"
	"testing"
)

func TestDomainOf(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"bob@example.org", "example.org"},
		{"<bob@Example.ORG.>", "example.org"},
		{"@relay.example:bob@example.org", "example.org"},
		{`"a@b"@example.org`, "example.org"},
		{"bob@bücher.example", "xn--bcher-kva.example"},
		{"bob@BÜCHER.example", "xn--bcher-kva.example"},
		{"bob@_dmarc.example", OtherDomain},
		{"bob@a_b.example", "a_b.example"},
		{"bob@localhost", "localhost"},
		{"bob@xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"bob@[192.0.2.1]", OtherDomain},
		{"bob", OtherDomain},
		{"bob@", OtherDomain},
		{"", OtherDomain},
		{"<>", OtherDomain},
		{"bob@-a.example", OtherDomain},
		{"bob@a-.example", OtherDomain},
		{"bob@a..example", OtherDomain},
		{"bob@.example", OtherDomain},
		{"bob@a b.example", OtherDomain},
		{"bob@exa\nmple.org", OtherDomain},
		{"bob@\xff\xfe.org", OtherDomain},
		{"bob@_other", OtherDomain},
		{"bob@" + strings.Repeat("a", 64) + ".example", OtherDomain},
		{"bob@" + strings.Repeat("a.", 200) + "example", OtherDomain},
		{"bob@" + strings.Repeat("a", 1<<20), OtherDomain},
	} {
		if got := DomainOf(tc.in); got != tc.want {
			t.Errorf("DomainOf(%.60q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

func FuzzDomainOf(f *testing.F) {
	for _, s := range []string{"a@b.example", "a@[1.2.3.4]", "a@ü.example", "a@\xff", "@a:b@c", "a@B.EXAMPLE."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := DomainOf(s)
		if got != OtherDomain && scanDomain(got) != domainReady {
			t.Fatalf("DomainOf(%q) = %q, which is no domain", s, got)
		}
	})
}
