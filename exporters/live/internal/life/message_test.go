package life_test

import (
	"regexp"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/live/internal/life"
)

// ages are the times in a sentence, which a test does not know.
var ages = regexp.MustCompile(`\d+ seconds?( ago)?`)

// TestLives: what has happened to a message, its state, and the sentence that says it.
func TestLives(t *testing.T) {
	tel, store := listened(t, life.Config{})
	const there = "partner.example"
	for _, tt := range []struct {
		name        string
		do          func(*mail)
		to          []string
		state, text string
		steps       string
	}{
		{"queued", func(*mail) {}, []string{recipient}, "queued",
			"Waits in the queue for its 1st attempt since T.", "queued accepted"},
		{"trying", func(m *mail) { m.begun(there) }, []string{recipient}, "trying",
			"Is being delivered to partner.example: the 1st attempt began T ago.", "queued accepted attempt:1"},
		{"deferred", func(m *mail) {
			for range 3 {
				m.tried(there, reply(451, 4, 7, 1))
			}
		}, []string{recipient}, "deferred",
			"Waits for its 4th attempt to partner.example, which answered 451 4.7.1 T ago.", "queued accepted deferred:1 deferred:2 deferred:3"},
		{"deferred without an answer", func(m *mail) { m.tried(there, otelmail.Reply{Cause: otelmail.CauseTimeout}) }, []string{recipient}, "deferred",
			"Waits for its 2nd attempt to partner.example, which did not answer in time T ago.", "queued accepted deferred:1"},
		{"delivered", func(m *mail) { m.tried(there, reply(451, 4, 7, 1)); m.tried(there, reply(250, 2, 0, 0)) }, []string{recipient}, "delivered",
			"Was delivered to partner.example T ago, T after it was accepted.", "queued accepted deferred:1 delivered:2"},
		{"failed", func(m *mail) { m.tried(there, reply(550, 5, 1, 1)) }, []string{recipient}, "failed",
			"Failed for good: partner.example answered 550 5.1.1 T ago.", "queued accepted failed:1"},
		{"bounced", func(m *mail) { m.tried(there, reply(550, 5, 1, 1)); m.bounced("B-" + m.QueueID) }, []string{recipient}, "bounced",
			"Failed for good: partner.example answered 550 5.1.1 T ago; its sender was told.", "queued accepted failed:1 bounced"},
		{"expired", func(m *mail) {
			m.tried(there, reply(451, 4, 7, 1))
			m.triedLast(there, reply(451, 4, 7, 1))
			m.bounced("B-" + m.QueueID)
			m.tel.Queue.Remove(m.ctx, m.m, otelmail.RemovedExpired)
		}, []string{recipient}, "expired",
			"Was given up T ago, having been tried for as long as is allowed: partner.example answered 451 4.7.1 at the 2nd attempt; its sender was told.",
			"queued accepted deferred:1 failed:2 bounced expired"},
		{"dropped by a stage", func(m *mail) {
			p := m.tel.Mail.Process(m.ctx, m.MessageFacts)
			m.tel.Mail.Stage(p.Context(), "spam-filter", m.MessageFacts).End(otelmail.StageDrop, otelmail.CauseNone)
			p.End(otelmail.FateDropped, otelmail.CauseNone)
		}, []string{recipient}, "dropped", "Was discarded on purpose T ago by spam-filter.", "queued accepted dropped"},
		{"rejected by a stage", func(m *mail) {
			p := m.tel.Mail.Process(m.ctx, m.MessageFacts)
			m.tel.Mail.Stage(p.Context(), "spam-filter", m.MessageFacts).End(otelmail.StageReject, otelmail.CauseNone)
			p.End(otelmail.FateRejected, otelmail.CauseNone)
		}, []string{recipient}, "rejected", "Was refused T ago by spam-filter.", "queued accepted rejected"},
		{"put off by a stage", func(m *mail) {
			p := m.tel.Mail.Process(m.ctx, m.MessageFacts)
			m.tel.Mail.Stage(p.Context(), "rate-limit", m.MessageFacts).End(otelmail.StageError, otelmail.CauseTimeout)
			p.End(otelmail.FateDeferred, otelmail.CauseTimeout)
		}, []string{recipient}, "deferred", "Waits in the queue: put off by rate-limit T ago: timeout.", "queued accepted deferred"},
		{"two destinations, one waits", func(m *mail) {
			m.tried(there, reply(250, 2, 0, 0))
			m.tried("other.example", reply(421, 4, 3, 2))
		}, []string{recipient, "carol@other.example"}, "deferred",
			"Delivered to 1 of 2 destinations. Waits for its 2nd attempt to other.example, which answered 421 4.3.2 T ago.", "queued accepted delivered:1 deferred:1"},
		{"two destinations, both delivered", func(m *mail) {
			m.tried(there, reply(250, 2, 0, 0))
			m.tried("other.example", reply(250, 2, 0, 0))
		}, []string{recipient, "carol@other.example"}, "delivered",
			"Was delivered to all 2 destinations T ago, T after it was accepted.", "queued accepted delivered:1 delivered:1"},
		{"three destinations, one bounced, one waits", func(m *mail) {
			m.tried(there, reply(250, 2, 0, 0))
			m.tried("other.example", reply(421, 4, 3, 2))
			m.tried("third.example", reply(550, 5, 1, 1))
			m.bounced("B-" + m.QueueID)
		}, []string{recipient, "carol@other.example", "dave@third.example"}, "deferred",
			"Delivered to 1 of 3 destinations, failed for 1; its sender was told. Waits for its 2nd attempt to other.example, which answered 421 4.3.2 T ago.",
			"queued accepted delivered:1 deferred:1 failed:1 bounced"},
		{"two attempts at a time", func(m *mail) {
			one, other := m.begun(there), m.begun("other.example")
			one.End(reply(451, 4, 7, 1))
			other.End(reply(250, 2, 0, 0))
		}, []string{recipient, "carol@other.example"}, "deferred",
			"Delivered to 1 of 2 destinations. Waits for its 2nd attempt to partner.example, which answered 451 4.7.1 T ago.", "queued accepted deferred:1 delivered:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := "Q-" + regexp.MustCompile(`\W+`).ReplaceAllString(tt.name, "-")
			tt.do(accepted(t, tel, id, tt.to...))
			r := search(t, store, id)
			if found(r) != id || len(r.Events) != 0 {
				t.Fatalf("found %q and %d events", found(r), len(r.Events))
			}
			l := r.Messages[0]
			if got := ages.ReplaceAllString(l.Text, "T$1"); got != tt.text {
				t.Errorf("says %q, want %q", got, tt.text)
			}
			if l.State != tt.state || names(l.Steps) != tt.steps {
				t.Errorf("is %s by %s, want %s by %s", l.State, names(l.Steps), tt.state, tt.steps)
			}
			if l.Partial || l.Size != 1024 || l.Direction != "outbound" || l.From.Domain != "sender.example" || len(l.TraceID) != 32 {
				t.Errorf("is %+v", l)
			}
		})
	}
}
