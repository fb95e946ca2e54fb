package otelmail

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/mailconv"
)

// oddAddresses are unusual ones that RFC 5321 or RFC 6531 allows, and ones that neither
// allows and strangers send: local part and domain.
var oddAddresses = [][2]string{
	{"joe", "example.org"},
	{"", ""},
	{`"joe \" bloggs"`, "example.org"},
	{`" "`, "example.org"},
	{`"a@b"`, "example.org"},
	{`joe+tag`, "EXAMPLE.ORG."},
	{"@relay.example,@other.example:joe", "example.org"},
	{"joe", "[192.0.2.1]"},
	{"joe", "[IPv6:2001:db8::1]"},
	{"joe", "[general-purpose:text]"},
	{"Pelé", "example.com"},
	{"δοκιμή", "παράδειγμα.δοκιμή"},
	{"用户", "例子.广告"},
	{"joe", "xn--bcher-kva.example"},
	{"joe", "xn--"},
	{"joe", "bücher\u200d.example"},
	{"postmaster", ""},
	{"joe", "a@b@c"},
	{"joe", "-a.example"},
	{"joe", strings.Repeat("a.", 130)},
	{strings.Repeat("x", 65), strings.Repeat("a", 64) + ".example"},
	{"joe\r\nRCPT TO:<x", "y>"},
	{"joe\x00", "example\x00.org"},
	{"\xff\xfe", "\xc0\xaf.example"},
	{"\u202ejoe", "\u2066example.org"},
	{"%n%s${jndi:x}", "example.org<script>"},
}

// FuzzPrivacy puts a stranger's text through every way in, under every policy. What
// comes out is text of bounded length; and except under PrivacyFull nothing of a name.
func FuzzPrivacy(f *testing.F) {
	for _, a := range oddAddresses {
		f.Add(a[0], a[1])
	}
	const name = "qxyzzyq" // is in everything that may identify a person
	counts := newSelf()
	policies := map[Privacy]*redactor{}
	for p := range privacyEnd {
		policies[p] = newRedactor(p, []byte("a key for the tests only"), counts)
	}
	f.Fuzz(func(t *testing.T, local, domain string) {
		if strings.Contains(strings.ToLower(domain), name) {
			return
		}
		person := name + local
		address := person + "@" + domain
		for policy, r := range policies {
			d := r.describe(nil)
			d.address(mailconv.From(), address)
			d.address(mailconv.To(), "<"+address+">")
			d.user(address)
			d.user(person)
			d.domain(mailconv.RecipientDomainKey, domain)
			d.mailbox(person)
			d.secretText(mailconv.MessageIDKey, "<"+address+">")
			d.openText(mailconv.SMTPHeloKey, person, clean.MaxDomain)
			d.openText(mailconv.SMTPResponseTextKey, "550 "+address+" is unknown", maxReply)
			d.text(mailconv.StageNameKey, domain)
			for _, kv := range d.list {
				v := kv.Value.AsString()
				if !utf8.ValidString(v) || len(v) > maxReply || slices.ContainsFunc([]rune(v), func(r rune) bool { return unicode.Is(unicode.C, r) }) {
					t.Fatalf("%v: %s of %q is %q", policy, kv.Key, address, v)
				}
				if policy != PrivacyFull && kv.Key != mailconv.StageNameKey && strings.Contains(strings.ToLower(v), name) {
					t.Fatalf("%v: %s of %q is %q, which holds the name", policy, kv.Key, address, v)
				}
			}
			if n := len(d.list); policy == PrivacyNone && n > 1 || policy == PrivacyHash && n > 8 {
				t.Fatalf("%v: %v", policy, d.list)
			}
		}
	})
}
