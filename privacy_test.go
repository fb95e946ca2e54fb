package otelmail_test

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/mailconv"
)

// TestPrivacyTable is the table of docs/spans.md: each kind of text under each policy, in
// that order: clear, hashed, only a part, or left out.
func TestPrivacyTable(t *testing.T) {
	bob := hashOf(t, "bob@example.org")
	order := []otelmail.Privacy{otelmail.PrivacyDomain, otelmail.PrivacyHash, otelmail.PrivacyFull, otelmail.PrivacyNone}
	type row struct {
		text string
		keys [4]map[string]string // what of it is on the spans
	}
	hashed := func(key, text string) map[string]string { return map[string]string{key: hashOfText(t, text)} }
	for name, r := range map[string]row{
		"sender": {"bob@example.org", [4]map[string]string{
			{"email.from.domain": "example.org", "email.from.hash": bob}, {"email.from.hash": bob},
			{"email.from.address": "bob@example.org", "email.from.domain": "example.org", "email.from.hash": bob}, {}}},
		"recipient": {"bob@example.org", [4]map[string]string{
			{"email.to.domain": "example.org", "email.to.hash": bob}, {"email.to.hash": bob},
			{"email.to.address": "bob@example.org", "email.to.domain": "example.org", "email.to.hash": bob}, {}}},
		"user":       {"bob@example.org", [4]map[string]string{{"user.hash": bob}, {"user.hash": bob}, {"user.hash": bob, "user.id": "bob@example.org"}, {}}},
		"client":     {"203.0.113.77:4711", [4]map[string]string{{"client.address": "203.0.113.0"}, {}, {"client.address": "203.0.113.77", "client.port": "4711"}, {}}},
		"message id": {"<1@x>", [4]map[string]string{hashed("email.message_id", "<1@x>"), hashed("email.message_id", "<1@x>"), {"email.message_id": "<1@x>"}, {}}},
		"mailbox":    {"Divorce", [4]map[string]string{hashed("imap.mailbox", "Divorce"), hashed("imap.mailbox", "Divorce"), {"imap.mailbox": "Divorce"}, {}}},
		"INBOX":      {"INBOX", [4]map[string]string{{"imap.mailbox": "INBOX"}, hashed("imap.mailbox", "INBOX"), {"imap.mailbox": "INBOX"}, {}}},
		"account":    {"bob", [4]map[string]string{hashed("jmap.account_id", "bob"), hashed("jmap.account_id", "bob"), {"jmap.account_id": "bob"}, {}}},
		"HELO":       {"laptop.example", [4]map[string]string{{}, {}, {"smtp.helo": "laptop.example"}, {}}},
		"reply":      {"no bob here", [4]map[string]string{{}, {}, {"smtp.response.text": "no bob here"}, {}}},
		"domain":     {"example.org", [4]map[string]string{{"email.recipient.domain": "example.org"}, {}, {"email.recipient.domain": "example.org"}, {}}},
	} {
		for i, policy := range order {
			got := map[string]string{}
			for _, s := range spansOf(t, func(tel *otelmail.Telemetry) { recordText(t, tel, name, r.text) }, otelmail.WithPrivacy(policy)) {
				for key, value := range attrs(s) {
					if !beside[key] {
						got[key] = value
					}
				}
			}
			if !maps.Equal(got, r.keys[i]) {
				t.Errorf("%s under %v: %v, want %v", name, policy, got, r.keys[i])
			}
		}
	}
}

// beside are the keys that the spans of TestPrivacyTable carry whatever the text is.
var beside = map[string]bool{"smtp.command": true, "smtp.response.status_code": true, "imap.command": true, "imap.response.status": true,
	"jmap.method": true, "smtp.role": true, "network.protocol.name": true, "network.transport": true, "network.peer.address": true,
	"network.peer.port": true, "email.delivery.transport": true, "email.delivery.attempt": true, "email.delivery.outcome": true}

// recordText gives a text to the method that takes one of its kind.
func recordText(t *testing.T, tel *otelmail.Telemetry, kind, text string) {
	t.Helper()
	ctx, ok := t.Context(), otelmail.Reply{Code: 250}
	c := func() otelmail.SMTPCommand { return otelmail.BeginSMTPCommand(ctx, tel, mailconv.SMTPMail) }
	switch kind {
	case "sender":
		enqueue(ctx, tel, otelmail.MessageFacts{Sender: text}, otelmail.CauseNone)
	case "recipient":
		c := c()
		c.Note(otelmail.SMTPFacts{To: text})
		c.End(ok)
	case "user":
		c := c()
		c.Note(otelmail.SMTPFacts{User: text})
		c.End(ok)
	case "client":
		tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{Remote: tcp(text)}).End(otelmail.CauseNone)
	case "message id":
		enqueue(ctx, tel, otelmail.MessageFacts{MessageID: text}, otelmail.CauseNone)
	case "mailbox", "INBOX":
		noted(otelmail.BeginIMAPCommand(ctx, tel, mailconv.IMAPSelect), otelmail.IMAPFacts{Mailbox: text}).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
	case "account":
		tel.JMAP.Request(ctx).Call(ctx, otelmail.JMAPFacts{Method: "Email/get", AccountID: text}).End("")
	case "HELO":
		c := c()
		c.Note(otelmail.SMTPFacts{Helo: text})
		c.End(ok)
	case "reply":
		c().End(otelmail.Reply{Code: 250, Text: text})
	case "domain":
		tel.Delivery.Attempt(ctx, otelmail.Attempt{Domain: text}).End(ok)
	}
}

// TestHashesAreShort: 16 hexadecimal digits, from the first byte of the text to the last.
func TestHashesAreShort(t *testing.T) {
	digits := regexp.MustCompile(`^[0-9a-f]{16}$`)
	seen := map[string]string{}
	for _, text := range []string{"a", "b", "ab", strings.Repeat("x", 1<<16), strings.Repeat("x", 1<<16) + "y", "\xff", "\x00"} {
		hash := hashOfText(t, text)
		if !digits.MatchString(hash) {
			t.Errorf("%.9q is hashed to %q", text, hash)
		}
		if other, twice := seen[hash]; twice {
			t.Errorf("%.9q and %.9q have one hash", text, other)
		}
		seen[hash] = text
	}
}

// TestRandomKeys: without a key of the operator's, no two processes' hashes correlate.
func TestRandomKeys(t *testing.T) {
	hashes := map[string]bool{}
	for range 3 {
		_, rec, tel := newTraced(t)
		c := otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPMail)
		c.Note(otelmail.SMTPFacts{User: "bob@example.org"})
		c.End(otelmail.Reply{Code: 250})
		hashes[attrs(rec.Ended()[0])["user.hash"]] = true
	}
	if len(hashes) != 3 {
		t.Errorf("three processes share hashes: %v", hashes)
	}
}

// The key is the caller's slice, who may wipe it at once.
func TestHashKeyIsCopied(t *testing.T) {
	hashWith := func(wipe, rotate bool) string {
		key := []byte("0123456789abcdef")
		_, rec, tel := newTraced(t, otelmail.WithHashKey(key))
		if rotate {
			key = []byte("fedcba9876543210")
			if err := tel.RotateHashKey(key); err != nil {
				t.Fatal(err)
			}
		}
		if wipe {
			clear(key)
		}
		tel.JMAP.Request(t.Context()).Call(t.Context(), otelmail.JMAPFacts{CallID: "c0"}).End("")
		return attrs(rec.Ended()[0])["jmap.call_id"]
	}
	for _, rotate := range []bool{false, true} {
		if hashWith(false, rotate) != hashWith(true, rotate) {
			t.Errorf("rotated %t: the caller's slice is kept", rotate)
		}
	}
	if hashWith(false, false) == hashWith(false, true) {
		t.Error("RotateHashKey has no effect")
	}
}

func TestPrivacyNames(t *testing.T) {
	for p, want := range map[otelmail.Privacy]string{otelmail.PrivacyDomain: "domain", otelmail.PrivacyHash: "hash",
		otelmail.PrivacyFull: "full", otelmail.PrivacyNone: "none", 99: "unknown"} {
		if got := p.String(); got != want {
			t.Errorf("policy %d is %q, want %q", uint8(p), got, want)
		}
	}
}

// TestForms: what an exporter is told that a text is in telemetry is what stands there, under
// each policy, before and after the key was changed.
func TestForms(t *testing.T) {
	const sender, id = "Bob@Example.ORG", "<1@x>"
	for policy, want := range map[otelmail.Privacy][]string{
		otelmail.PrivacyDomain: {"email.from.hash", "email.message_id"},
		otelmail.PrivacyHash:   {"email.from.hash", "email.message_id"},
		otelmail.PrivacyFull:   {"email.from.address", "email.from.hash", "email.message_id"},
		otelmail.PrivacyNone:   nil,
	} {
		var forms func(string) []string
		l := &listener{}
		tel := listened(t, l, otelmail.WithPrivacy(policy), otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
			forms = p.Forms
			return nil
		})))
		var last map[string]string
		for range 2 {
			enqueue(t.Context(), tel, otelmail.MessageFacts{Sender: sender, MessageID: id}, otelmail.CauseNone)
			events := l.heard()
			attrs := events[len(events)-1].attrs
			if maps.Equal(attrs, last) && want != nil {
				t.Errorf("%v: another key gives the same: %v", policy, attrs)
			}
			last = attrs
			var found []string
			for key, value := range attrs {
				if slices.Contains(forms("<bob@example.org>"), value) || slices.Contains(forms(sender), value) || slices.Contains(forms(id), value) {
					found = append(found, key)
				}
			}
			slices.Sort(found)
			if !slices.Equal(found, want) {
				t.Errorf("%v: of %v found %v, want %v", policy, attrs, found, want)
			}
			if err := tel.RotateHashKey([]byte("another key for the tests")); err != nil {
				t.Fatal(err)
			}
		}
		if got := forms(""); got != nil {
			t.Errorf("%v: nothing is %q", policy, got)
		}
	}
}
