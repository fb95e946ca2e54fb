package life_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"crypto/tls"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/live/internal/life"
	"github.com/rusmes/otelmail/mailconv"
)

// TestSearch: by what a message is found, under each policy.
func TestSearch(t *testing.T) {
	every := []otelmail.Privacy{otelmail.PrivacyDomain, otelmail.PrivacyHash, otelmail.PrivacyFull, otelmail.PrivacyNone}
	for _, policy := range every {
		t.Run(policy.String(), func(t *testing.T) {
			tel, store := listened(t, life.Config{}, otelmail.WithPrivacy(policy))
			m := accepted(t, tel, "Q1", recipient)
			m.tried("partner.example", reply(550, 5, 1, 1))
			m.bounced("Q2").tried("sender.example", reply(250, 2, 0, 0))
			accepted(t, tel, "Q3", "carol@third.example").tried("third.example", reply(250, 2, 0, 0))
			one := search(t, store, "Q1").Messages[0]
			for _, tt := range []struct {
				text, want string
				hashed     bool // is found only where there are hashes
			}{
				{"Q1", "Q1", false}, {" Q1\n", "Q1", false}, {"q1", "", false}, {"Q", "", false}, {"", "", false},
				{one.TraceID, "Q2 Q1", false}, {strings.ToUpper(one.TraceID), "Q2 Q1", false},
				{recipient, "Q1", true}, {"<" + strings.ToUpper(recipient) + ">", "Q1", true},
				{sender, "Q3 Q2 Q1", true}, {strings.ToLower(sender), "Q3 Q2 Q1", true},
				{"<Q1.canary@sender.example>", "Q1", true}, {"Q1.canary@sender.example", "Q1", true},
				{one.MessageID, "Q1", true}, {one.From.Hash, "Q3 Q2 Q1", true},
				{"eve@partner.example", "", true}, {strings.Repeat("x", life.MaxText+1), "", false},
			} {
				if tt.text == "" && tt.hashed {
					continue // what stands in telemetry, and does not
				}
				want := tt.want
				if tt.hashed && policy == otelmail.PrivacyNone {
					want = ""
				}
				r := search(t, store, tt.text)
				if found(r) != want {
					t.Errorf("%.40q finds %q, want %q", tt.text, found(r), want)
				}
				valid := strings.TrimSpace(tt.text) != "" && len(tt.text) <= life.MaxText
				if says := strings.Contains(r.Note, "Only queue ids"); says != (policy == otelmail.PrivacyNone && valid) {
					t.Errorf("%.40q: the note is %q", tt.text, r.Note)
				}
			}
			r := search(t, store, "Q2").Messages[0]
			wantBounce, wantOf := "Q2", "Q1"
			if policy == otelmail.PrivacyNone {
				wantBounce, wantOf = "", ""
			}
			if one.Bounce != wantBounce || r.BounceOf != wantOf || strings.HasPrefix(r.Text, "A bounce, about Q1. Was delivered") != (wantOf != "") {
				t.Errorf("Q1 has the bounce %q; Q2 is of %q: %s", one.Bounce, r.BounceOf, r.Text)
			}
		})
	}
}

// TestNothingTyped: what is searched for is in no answer, unless telemetry holds it.
func TestNothingTyped(t *testing.T) {
	tel, store := listened(t, life.Config{})
	accepted(t, tel, "Q1", recipient).tried("partner.example", reply(550, 5, 1, 1))
	for _, text := range []string{recipient, sender, "nobody.canary@partner.example", "<Q1.canary@sender.example>"} {
		r := search(t, store, text)
		answer, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(string(answer)), "canary") {
			t.Errorf("the answer holds what was typed: %s", answer)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := store.Search(ctx, life.Query{Text: recipient}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("the error of a search that is given up: %v", err)
	}
}

// TestStep: an attempt is one step, with all that is known of it.
func TestStep(t *testing.T) {
	tel, store := listened(t, life.Config{}, otelmail.WithPrivacy(otelmail.PrivacyFull))
	m := accepted(t, tel, "Q1", recipient)
	d := m.begun(recipient)
	peer, err := net.ResolveTCPAddr("tcp", "198.51.100.9:25")
	if err != nil {
		t.Fatal(err)
	}
	d.Peer(peer)
	d.TLS(tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256})
	d.End(reply(451, 4, 7, 1))
	steps := search(t, store, "Q1").Messages[0].Steps
	got := steps[len(steps)-1]
	if got.Time.IsZero() || got.Waited < 0 || got.Took <= 0 || got.InQueue < got.Took || len(got.TraceID) != 32 {
		t.Errorf("times and trace: %+v", got)
	}
	got.Time, got.Waited, got.Took, got.InQueue, got.TraceID, got.To.Hash = steps[0].Time, 0, 0, 0, "", ""
	want := life.Step{Time: steps[0].Time, Event: "deferred", Text: "Deferred at the 1st attempt: partner.example answered 451 4.7.1.",
		To: life.Party{Domain: "partner.example", Address: recipient}, Protocol: "smtp", Attempt: 1, Domain: "partner.example",
		Host: "mx.partner.example", Peer: "198.51.100.9:25", TLSPolicy: "opportunistic", TLS: "1.3 TLS_AES_128_GCM_SHA256",
		Code: 451, Enhanced: "4.7.1", Reply: "for " + recipient, Reason: "policy", ErrorType: "4.7.1"}
	if got != want {
		t.Errorf("is   %+v\nwant %+v", got, want)
	}
}

// TestEventsOfNoMessage: refusals and logins of somebody are found, too, and no message is
// made of them.
func TestEventsOfNoMessage(t *testing.T) {
	tel, store := listened(t, life.Config{})
	s := tel.SMTP.Session(context.Background(), otelmail.RoleMX, otelmail.Conn{})
	from := s.Command(mailconv.SMTPMail)
	from.Note(otelmail.SMTPFacts{From: sender})
	from.End(reply(250, 2, 1, 0))
	to := s.Command(mailconv.SMTPRcpt)
	to.Note(otelmail.SMTPFacts{To: recipient})
	to.End(reply(550, 5, 1, 1))
	auth := s.Command(mailconv.SMTPAuth)
	auth.Note(otelmail.SMTPFacts{Mechanism: "PLAIN", User: sender})
	auth.End(reply(535, 5, 7, 8))
	for text, want := range map[string]string{
		recipient: "Refused at RCPT with 550 5.1.1 (unknown user).",
		sender:    "Could not log in with PLAIN over smtp: 535 5.7.8. Refused at RCPT with 550 5.1.1 (unknown user).",
	} {
		r := search(t, store, text)
		var says []string
		for _, e := range r.Events {
			says = append(says, e.Text)
		}
		if got := strings.Join(says, " "); got != want || len(r.Messages) > 0 {
			t.Errorf("%s and %d messages, want %s", got, len(r.Messages), want)
		}
	}
}

// TestIDsUsedAgain: a server may use a queue id again once the message is gone.
func TestIDsUsedAgain(t *testing.T) {
	tel, store := listened(t, life.Config{})
	accepted(t, tel, "Q1", recipient).tried("partner.example", reply(250, 2, 0, 0))
	accepted(t, tel, "Q1", "carol@third.example").tried("third.example", reply(550, 5, 1, 1))
	r := search(t, store, "Q1")
	if len(r.Messages) != 2 || r.Messages[0].State != "failed" || r.Messages[1].State != "delivered" {
		t.Fatalf("found %+v", r.Messages)
	}
	if r = search(t, store, recipient); len(r.Messages) != 1 || r.Messages[0].State != "delivered" {
		t.Errorf("by address found %+v", r.Messages)
	}
}

// TestLimit: the newest are returned, and that there are more.
func TestLimit(t *testing.T) {
	tel, store := listened(t, life.Config{})
	for i := range 30 {
		accepted(t, tel, fmt.Sprintf("Q%d", i), recipient)
	}
	for limit, want := range map[int]int{0: life.DefaultLimit, 3: 3, 30: 30, 1000: 30} {
		r, err := store.Search(context.Background(), life.Query{Text: recipient, Limit: limit})
		if err != nil || len(r.Messages) != want || r.More != (want < 30) || r.Messages[0].QueueID != "Q29" {
			t.Errorf("%d: %d messages, more %t, first %q, %v", limit, len(r.Messages), r.More, r.Messages[0].QueueID, err)
		}
	}
}

// TestAnswersAreBounded: messages that have been tried for days are not all answered at once.
func TestAnswersAreBounded(t *testing.T) {
	s := open(t, life.Config{Forms: func(text string) []string { return []string{text} }})
	emit := emitter(s)
	const tries = 900
	for id := range 4 {
		for range tries {
			emit(mailconv.EventDeferred, attribute.String("messaging.message.id", fmt.Sprint("Q", id)), attribute.String("email.from.hash", "sender"))
		}
	}
	r := search(t, s, "sender")
	steps := 0
	for _, m := range r.Messages {
		steps += len(m.Steps)
	}
	if len(r.Messages) != 3 || steps != 3*tries || !r.More {
		t.Errorf("%d messages, %d steps, more: %v", len(r.Messages), steps, r.More)
	}
	if r := search(t, s, "Q0"); len(r.Messages) != 1 || r.More {
		t.Errorf("%d messages, more: %v", len(r.Messages), r.More)
	}
}

// TestKeyThatChanges: what was hashed with another key cannot be found, and that is said.
func TestKeyThatChanges(t *testing.T) {
	t.Parallel()
	tel, store := listened(t, life.Config{})
	accepted(t, tel, "Q1", recipient)
	if r := search(t, store, recipient); found(r) != "Q1" || r.Note != "" || r.Reach.HashedFrom != nil {
		t.Fatalf("found %q, note %q", found(r), r.Note)
	}
	if err := tel.RotateHashKey([]byte("another key for the tests")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key is known to have changed", func() bool {
		accepted(t, tel, "Q2", recipient)
		return store.Reach().HashedFrom != nil
	})
	r := search(t, store, recipient)
	if !strings.HasPrefix(found(r), "Q2") || strings.Contains(found(r), "Q1") || !strings.HasPrefix(r.Note, "Addresses and message ids are found from 20") {
		t.Errorf("found %q, note %q", found(r), r.Note)
	}
	if r := search(t, store, "Q1"); found(r) != "Q1" {
		t.Errorf("by queue id found %q", found(r))
	}
}
