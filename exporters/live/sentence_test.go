package live

import (
	"testing"
	"time"
)

func TestSentence(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	flowing := rates{In: 41, Out: 38}
	partner := &waiting{Seconds: 250, Domain: "partner.example", Answer: "451"}
	down := check{Name: "storage", State: "unhealthy", Since: known(now.Add(-2 * time.Minute))}
	for name, tc := range map[string]struct {
		facts              facts
		state, level, text string
	}{
		"flows": {facts{rates: flowing, queueBefore: -1}, "flowing", "ok",
			"Mail flows: 41 messages a minute in, 38 out; nothing waits."},
		"flows, one waits": {facts{rates: flowing, queue: 2, oldest: partner}, "flowing", "ok",
			"Mail flows: 41 messages a minute in, 38 out; the oldest waits 4 minutes for partner.example, which answers 451."},
		"flows, one waits for what does not answer": {facts{rates: flowing, queue: 2, oldest: &waiting{65, "partner.example", "timeout"}}, "flowing", "ok",
			"Mail flows: 41 messages a minute in, 38 out; the oldest waits 1 minute for partner.example (timeout)."},
		"flows, nobody knows for what one waits": {facts{rates: flowing, queue: 2, oldest: &waiting{Seconds: 1}}, "flowing", "ok",
			"Mail flows: 41 messages a minute in, 38 out; the oldest waits 1 second."},
		"flows, the age is not known": {facts{rates: flowing, queue: 2}, "flowing", "ok",
			"Mail flows: 41 messages a minute in, 38 out; 2 messages are in the queue."},
		"flows, hardly": {facts{rates: rates{In: 0.2, Out: 1}}, "flowing", "ok",
			"Mail flows: less than 1 message a minute in, 1 out; nothing waits."},
		"flows fast": {facts{rates: rates{In: 1234567, Out: 999.6}}, "flowing", "ok",
			"Mail flows: 1,234,567 messages a minute in, 1,000 out; nothing waits."},
		"some refused, theirs": {facts{rates: rates{In: 41, Out: 38, RefusedTheirs: 500}}, "flowing", "ok",
			"Mail flows: 41 messages a minute in, 38 out, 500 refused by the clients' fault; nothing waits."},
		"some refused, ours": {facts{rates: rates{In: 41, Out: 38, RefusedOurs: 4}}, "flowing", "ok",
			"Mail flows: 41 messages a minute in, 38 out, 4 refused by our own fault; nothing waits."},
		"some refused, by both": {facts{rates: rates{In: 41, Out: 38, RefusedOurs: 4, RefusedTheirs: 2}}, "flowing", "ok",
			"Mail flows: 41 messages a minute in, 38 out, 2 refused by the clients' fault and 4 by ours; nothing waits."},
		"refused, ours": {facts{rates: rates{In: 3, RefusedOurs: 41}}, "refused", "bad",
			"Mail is refused by our own fault, 41 times a minute: 3 messages a minute in, 0 out."},
		"deliveries fail": {facts{rates: rates{In: 41, Out: 10, Deferred: 25, Failed: 5, RefusedTheirs: 1}, queue: 30, oldest: partner}, "failing", "bad",
			"Most deliveries fail, 30 of 40 attempts a minute: 41 messages a minute in, 10 out; the oldest waits 4 minutes for partner.example, which answers 451."},
		"one delivery fails": {facts{rates: rates{In: 1, Deferred: 2}}, "flowing", "ok",
			"Mail flows: 1 message a minute in, 0 out; nothing waits."},
		"late": {facts{rates: flowing, queue: 9, oldest: &waiting{7300, "partner.example", "451"}}, "late", "warn",
			"Mail is late: the oldest waits 2 hours for partner.example, which answers 451; 41 messages a minute in, 38 out."},
		"late for days": {facts{rates: flowing, queue: 9, oldest: &waiting{Seconds: 3.5 * 86400}}, "late", "warn",
			"Mail is late: the oldest waits 3 days; 41 messages a minute in, 38 out."},
		"grows": {facts{rates: flowing, queue: 420, queueBefore: 120}, "growing", "warn",
			"The queue grows: 420 messages are in it, 120 ten minutes ago; 41 messages a minute in, 38 out."},
		"is just long": {facts{rates: flowing, queue: 420, queueBefore: 300, oldest: partner}, "flowing", "ok",
			"Mail flows: 41 messages a minute in, 38 out; the oldest waits 4 minutes for partner.example, which answers 451."},
		"nothing yet": {facts{since: now.Add(-3 * time.Minute)}, "quiet", "ok",
			"No mail yet: the server has been up for 3 minutes; nothing waits."},
		"nothing for a while": {facts{lastIn: now.Add(-12 * time.Minute), lastOut: now.Add(-26 * time.Hour)}, "quiet", "ok",
			"No mail in this minute: the last went in 12 minutes ago, the last went out 26 hours ago; nothing waits."},
		"nothing out yet": {facts{lastIn: now.Add(-72 * time.Second), queue: 1}, "quiet", "ok",
			"No mail in this minute: the last went in 1 minute ago, none went out since the start; 1 message is in the queue."},
		"starting": {facts{notReady: "starting"}, "starting", "warn",
			"The server is starting: its checks have not all answered yet."},
		"draining": {facts{notReady: "draining", down: []check{down}, queue: 12}, "draining", "warn",
			"The server is draining: it asks for no new work, and 12 messages are in the queue."},
		"a check is down": {facts{notReady: "check", down: []check{down}, rates: flowing}, "down", "bad",
			"The check storage fails, for 2 minutes now: 41 messages a minute in, 38 out."},
		"checks hang": {facts{down: []check{{Name: "queue", State: "timeout", Since: known(now.Add(-9 * time.Second))}, down, down}, rates: flowing}, "down", "bad",
			"The check queue fails (timeout), for 9 seconds now, and 2 others: 41 messages a minute in, 38 out."},
		"a check is down while others start": {facts{notReady: "starting", down: []check{down}, rates: flowing}, "down", "bad",
			"The check storage fails, for 2 minutes now: 41 messages a minute in, 38 out."},
		"telemetry is lost": {facts{rates: flowing, lost: 1200}, "lost", "warn",
			"Mail flows, but telemetry is lost: 1,200 items were dropped within ten minutes; 41 messages a minute in, 38 out."},
	} {
		tc.facts.now = now
		state, level, text := tc.facts.sentence()
		if state != tc.state || level != tc.level || text != tc.text {
			t.Errorf("%s:\n%s %s %s, want\n%s %s %s", name, state, level, text, tc.state, tc.level, tc.text)
		}
	}
}
