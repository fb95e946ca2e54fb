package live

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rusmes/otelmail/health"
)

// facts are what the sentence is made of.
type facts struct {
	now, since      time.Time // since is when the process began
	notReady        string    // why /ready says no; "" where it says yes
	down            []check
	rates           rates
	lastIn, lastOut time.Time // zero: not since the start
	queue           int64
	queueBefore     int64 // ten minutes ago; -1: not known
	oldest          *waiting
	lost            float64 // items of telemetry within ten minutes
}

const (
	late   = time.Hour // what a message may wait before that is said
	crowd  = 20        // messages in a queue that may be said to grow
	failed = 3         // attempts a minute from which on it is said that most fail
)

// sentence says in one sentence how the mail does: the gravest that is known. state is
// draining, starting, down, refused, failing, late, growing, quiet, lost or flowing; level
// is how much of an operator's time that wants: ok, warn or bad.
func (f facts) sentence() (state, level, text string) {
	attempts := f.rates.Out + f.rates.Deferred + f.rates.Failed
	switch {
	case f.notReady == "draining":
		return "draining", "warn", "The server is draining: it asks for no new work, and " + there(f.queue) + " in the queue."
	case len(f.down) > 0:
		return "down", "bad", f.checks() + f.flow() + "."
	case f.notReady == "starting":
		return "starting", "warn", "The server is starting: its checks have not all answered yet."
	case f.rates.RefusedOurs >= 1 && f.rates.RefusedOurs*10 >= f.rates.In+f.rates.RefusedOurs:
		return "refused", "bad", fmt.Sprintf("Mail is refused by our own fault, %s times a minute: %s.", count(f.rates.RefusedOurs), f.flow())
	case attempts >= failed && f.rates.Deferred+f.rates.Failed > attempts/2:
		return "failing", "bad", fmt.Sprintf("Most deliveries fail, %s of %s attempts a minute: %s%s.",
			count(f.rates.Deferred+f.rates.Failed), count(attempts), f.flow(), f.waits())
	case f.oldest != nil && f.oldest.age() >= late:
		return "late", "warn", "Mail is late: " + strings.TrimPrefix(f.waits(), "; ") + "; " + f.flow() + "."
	case f.queueBefore >= 0 && f.queue > crowd && f.queue > 2*f.queueBefore:
		return "growing", "warn", fmt.Sprintf("The queue grows: %s in it, %d ten minutes ago; %s.", there(f.queue), f.queueBefore, f.flow())
	case f.lost > 0:
		return "lost", "warn", fmt.Sprintf("Mail flows, but telemetry is lost: %s items were dropped within ten minutes; %s.", count(f.lost), f.flow())
	case f.rates.In == 0 && f.rates.Out == 0:
		return "quiet", "ok", f.quiet()
	}
	return "flowing", "ok", "Mail flows: " + f.flow() + f.refusals() + f.waits() + "."
}

func (f facts) refusals() string {
	ours, theirs := f.rates.RefusedOurs, f.rates.RefusedTheirs
	switch {
	case ours >= 1 && theirs >= 1:
		return fmt.Sprintf(", %s refused by the clients' fault and %s by ours", count(theirs), count(ours))
	case ours >= 1:
		return ", " + count(ours) + " refused by our own fault"
	case theirs >= 1:
		return ", " + count(theirs) + " refused by the clients' fault"
	}
	return ""
}

func (f facts) flow() string {
	return count(f.rates.In) + plural(f.rates.In, " message", " messages") + " a minute in, " + count(f.rates.Out) + " out"
}

// waits says what the oldest message waits for.
func (f facts) waits() string {
	switch {
	case f.oldest == nil && f.queue > 0:
		return "; " + there(f.queue) + " in the queue"
	case f.oldest == nil:
		return "; nothing waits"
	case f.oldest.Domain == "":
		return "; the oldest waits " + duration(f.oldest.age())
	}
	text := "; the oldest waits " + duration(f.oldest.age()) + " for " + f.oldest.Domain
	if f.oldest.Answer == "" {
		return text
	}
	if code, err := strconv.Atoi(f.oldest.Answer); err == nil && code > 0 {
		return text + ", which answers " + f.oldest.Answer
	}
	return text + " (" + f.oldest.Answer + ")"
}

func (f facts) checks() string {
	first := f.down[0]
	how := ""
	if first.State != string(health.StateUnhealthy) {
		how = " (" + first.State + ")"
	}
	text := fmt.Sprintf("The check %s fails%s", first.Name, how)
	if first.Since != nil {
		text += fmt.Sprintf(", for %s now", duration(f.now.Sub(*first.Since)))
	}
	if n := len(f.down) - 1; n > 0 {
		text += fmt.Sprintf(", and %d %s", n, plural(float64(n), "other", "others"))
	}
	return text + ": "
}

func (f facts) quiet() string {
	if f.lastIn.IsZero() && f.lastOut.IsZero() {
		return "No mail yet: the server has been up for " + duration(f.now.Sub(f.since)) + f.waits() + "."
	}
	last := func(direction string, at time.Time) string {
		if at.IsZero() {
			return "none went " + direction + " since the start"
		}
		return "the last went " + direction + " " + duration(f.now.Sub(at)) + " ago"
	}
	return "No mail in this minute: " + last("in", f.lastIn) + ", " + last("out", f.lastOut) + f.waits() + "."
}

func (w *waiting) age() time.Duration { return time.Duration(w.Seconds * float64(time.Second)) }

// count is a number for people: whole, with a comma at each thousand.
func count(v float64) string {
	text := strconv.FormatInt(int64(math.Round(v)), 10)
	if v > 0 && v < 0.5 {
		return "less than 1"
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func plural(n float64, one, many string) string {
	if n > 0 && math.Round(n) <= 1 {
		return one
	}
	return many
}

func there(n int64) string {
	return count(float64(n)) + plural(float64(n), " message is", " messages are")
}

// duration is a time for people, in its largest unit.
func duration(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= unit.of*2 || d >= unit.of && unit.of < 24*time.Hour {
			n := float64(d / unit.of)
			return count(n) + " " + plural(n, unit.name, unit.name+"s")
		}
	}
	n := math.Floor(max(0, d.Seconds()))
	return count(n) + " " + plural(n, "second", "seconds")
}
