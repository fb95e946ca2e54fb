package life

import (
	"cmp"
	"fmt"
	"time"

	"github.com/rusmes/otelmail/mailconv"
)

// Life is what has happened to a message.
type Life struct {
	QueueID   string `json:"queue_id"`
	MessageID string `json:"message_id,omitempty"` // as the privacy policy shows it
	TraceID   string `json:"trace_id,omitempty"`
	Direction string `json:"direction,omitempty"` // "inbound", "outbound" or "internal"
	From      Party  `json:"from,omitzero"`
	To        Party  `json:"to,omitzero"` // where there is one recipient alone
	Size      int64  `json:"size,omitempty"`
	// State is "accepted", "queued", "trying", "deferred", "delivered", "failed", "bounced",
	// "expired", "dropped", "rejected" or "unknown". Of several destinations it is that of
	// the one for which there is most to do: trying, deferred, failed, delivered.
	State string `json:"state"`
	// Text is the state in a sentence.
	Text string `json:"text"`
	// Destinations are what it is delivered to, in the order of their first attempts.
	Destinations []Destination `json:"destinations"`
	// Bounce is the queue id of the bounce that told its sender, BounceOf of the message that
	// this bounce is about.
	Bounce   string `json:"bounce,omitempty"`
	BounceOf string `json:"bounce_of,omitempty"`
	// Partial says that its beginning is not kept any more.
	Partial bool `json:"partial,omitempty"`
	// Steps are what has happened, in order.
	Steps []Step `json:"steps"`
}

// Destination is a domain or mailbox that a message is delivered to.
type Destination struct {
	Name     string `json:"name"` // of the domain, or of the server
	Hash     string `json:"hash,omitempty"`
	State    string `json:"state"` // "trying", "deferred", "delivered" or "failed"
	Attempts int64  `json:"attempts"`

	key  string
	last int // step
}

// The states that a message is in, beside those that have the name of an event.
const (
	trying  = "trying"
	unknown = "unknown"
)

// lifeOf makes a life of the events of a message, in order.
func lifeOf(events []event, now time.Time) Life {
	l := Life{Destinations: []Destination{}, Partial: true}
	var begun time.Time
	for i := range events {
		e := &events[i]
		s := stepOf(e)
		l.QueueID, l.MessageID = cmp.Or(l.QueueID, s.QueueID), cmp.Or(l.MessageID, s.MessageID)
		l.TraceID = cmp.Or(l.TraceID, s.TraceID)
		l.Direction = cmp.Or(l.Direction, e.text(mailconv.DirectionKey))
		l.From, l.Size = l.From.orElse(s.From), cmp.Or(l.Size, s.Size)
		switch e.name {
		case mailconv.EventQueued, mailconv.EventAccepted:
			l.Partial = false
			l.To = l.To.orElse(s.To)
			if begun.IsZero() {
				begun = s.Time
			}
		}
		// What the life says once, its steps need not repeat.
		s.QueueID, s.MessageID, s.From, s.Size = "", "", Party{}, 0
		if s.Attempt > 0 {
			l.attempt(&s, begun)
			continue
		}
		if n := len(l.Steps); n > 0 {
			s.Waited = since(s.Time, l.Steps[n-1].end())
		}
		l.Steps = append(l.Steps, s)
	}
	l.sum(now)
	return l
}

// end is when a step was over.
func (s *Step) end() time.Time { return s.Time.Add(time.Duration(s.Took * float64(time.Second))) }

func since(later, earlier time.Time) float64 {
	if earlier.IsZero() {
		return 0
	}
	return max(later.Sub(earlier), 0).Seconds()
}

// between is the time from the last event of a step to the first of another. How long the
// message was in the queue at both tells it better than their times do: within one process
// that is not by a clock that may be set.
func between(earlier, later *Step) float64 {
	if earlier.InQueue > 0 && later.InQueue > 0 {
		return max(later.InQueue-earlier.InQueue, 0)
	}
	return since(later.Time, earlier.end())
}

// attempt takes an event of an attempt. Its end takes the place of its beginning.
func (l *Life) attempt(s *Step, begun time.Time) {
	d := l.to(s)
	s.Waited = since(s.Time, begun)
	if d.last >= 0 {
		before := &l.Steps[d.last]
		if before.Event == "attempt" && s.Event != "attempt" && before.Attempt == s.Attempt {
			s.Took = between(before, s)
			s.Time, s.Waited = before.Time, before.Waited
			*before = *s
			d.note(s, d.last)
			return
		}
		s.Waited = between(before, s)
	}
	l.Steps = append(l.Steps, *s)
	d.note(s, len(l.Steps)-1)
}

// to is the destination of an attempt.
func (l *Life) to(s *Step) *Destination {
	key := s.destination()
	for i := range l.Destinations {
		if l.Destinations[i].key == key {
			return &l.Destinations[i]
		}
	}
	l.Destinations = append(l.Destinations, Destination{Name: cmp.Or(s.Domain, s.Host), key: key, last: -1})
	d := &l.Destinations[len(l.Destinations)-1]
	if s.Protocol == "local" || s.Protocol == "lmtp" {
		d.Hash = s.To.Hash
	}
	return d
}

func (d *Destination) note(s *Step, step int) {
	d.last, d.Attempts = step, max(d.Attempts, s.Attempt)
	d.State = s.Event
	if s.Event == "attempt" {
		d.State = trying
	}
}

// urgency is the order in which the states of destinations decide that of the message.
var urgency = map[string]int{trying: 4, "deferred": 3, "failed": 2, "delivered": 1}

// sum says what the state of the message is.
func (l *Life) sum(now time.Time) {
	var decides *Destination
	for i := range l.Destinations {
		d := &l.Destinations[i]
		if decides == nil || urgency[d.State] > urgency[decides.State] {
			decides = d
		}
	}
	// The last event about the whole message, if one ends it.
	end := ""
	for i := range l.Steps {
		switch s := &l.Steps[i]; s.Event {
		case "bounced", "expired", "dropped", "rejected":
			if end == "" || s.Event != "bounced" { // an expired message that bounces has expired
				end = s.Event
			}
		}
	}
	waits := decides != nil && urgency[decides.State] >= urgency["deferred"]
	switch {
	case end == "bounced" && waits: // for one destination, while others are tried again
		l.State = decides.State
	case end != "":
		l.State = end
	case decides != nil:
		l.State = decides.State
	default:
		l.State = l.withoutAttempt()
	}
	l.Text = l.sentence(decides, now)
}

// several is how it has ended for some of several destinations, where others decide the state.
func (l *Life) several(told string) string {
	count := map[string]int{}
	for i := range l.Destinations {
		count[l.Destinations[i].State]++
	}
	n := len(l.Destinations)
	if n == 1 || count["delivered"] == n || count["failed"] == n || count["delivered"]+count["failed"] == 0 {
		return ""
	}
	text := fmt.Sprintf("Delivered to %d of %d destinations", count["delivered"], n)
	if failed := count["failed"]; failed > 0 && count["delivered"]+failed < n {
		text += fmt.Sprintf(", failed for %d%s", failed, told)
	}
	return text + ". "
}

// withoutAttempt is the state of a message that nobody has tried to deliver yet.
func (l *Life) withoutAttempt() string {
	state := unknown
	for i := range l.Steps {
		switch s := &l.Steps[i]; s.Event {
		case "accepted":
			if state != "queued" { // which may be said before it is accepted
				state = s.Event
			}
		case "queued", "deferred":
			state = s.Event
		}
	}
	return state
}

// sentence says what the state is.
func (l *Life) sentence(decides *Destination, now time.Time) string {
	last := &l.Steps[len(l.Steps)-1]
	at := last // the step that the sentence is about
	if decides != nil {
		at = &l.Steps[decides.last]
	}
	told := ""
	if l.has("bounced") {
		told = "; its sender was told"
	}
	several := l.several(told)
	switch l.State {
	case trying:
		return several + fmt.Sprintf("Is being delivered to %s: the %s attempt began %s.", at.whither(), ordinal(at.Attempt), ago(now, at.Time))
	case "deferred":
		if decides == nil {
			return fmt.Sprintf("Waits in the queue: put off%s %s%s.", after(" by ", at.Stage), ago(now, at.Time), at.why(": "))
		}
		return several + fmt.Sprintf("Waits for its %s attempt to %s, which %s %s.", ordinal(at.Attempt+1), at.whither(), at.answered(), ago(now, at.end()))
	case "delivered":
		where := at.whither()
		if n := len(l.Destinations); n > 1 {
			where = fmt.Sprintf("all %d destinations", n)
		}
		text := fmt.Sprintf("Was delivered to %s %s", where, ago(now, l.lastEnd()))
		if !l.Partial {
			text += fmt.Sprintf(", %s after it was accepted", span(l.lastEnd().Sub(l.Steps[0].Time)))
		}
		return text + "."
	case "failed", "bounced":
		if decides == nil {
			return fmt.Sprintf("Bounced %s%s.", ago(now, last.Time), told)
		}
		return several + fmt.Sprintf("Failed for good: %s %s %s%s.", at.whither(), at.answered(), ago(now, at.end()), told)
	case "expired":
		text := fmt.Sprintf("Was given up %s, having been tried for as long as is allowed", ago(now, l.timeOf("expired")))
		if decides != nil {
			text += fmt.Sprintf(": %s %s at the %s attempt", at.whither(), at.answered(), ordinal(at.Attempt))
		}
		return several + text + told + "."
	case "dropped":
		text := fmt.Sprintf("Was discarded on purpose %s%s", ago(now, l.timeOf("dropped")), after(" by ", l.stageOf("dropped")))
		if decides != nil && decides.State == "failed" { // a bounce, most likely
			text += fmt.Sprintf(": %s %s at the %s attempt", at.whither(), at.answered(), ordinal(at.Attempt))
		}
		return several + text + "."
	case "rejected":
		return several + fmt.Sprintf("Was refused %s%s.", ago(now, l.timeOf("rejected")), after(" by ", l.stageOf("rejected")))
	case "queued":
		return fmt.Sprintf("Waits in the queue for its 1st attempt since %s.", span(now.Sub(last.Time)))
	case "accepted":
		return fmt.Sprintf("Was accepted %s; more is not known.", ago(now, last.Time))
	}
	return fmt.Sprintf("What is known of it ends %s.", ago(now, last.end()))
}

func (l *Life) step(event string) *Step {
	for i := len(l.Steps) - 1; i >= 0; i-- {
		if l.Steps[i].Event == event {
			return &l.Steps[i]
		}
	}
	return nil
}

func (l *Life) has(event string) bool { return l.step(event) != nil }

func (l *Life) timeOf(event string) time.Time { return l.step(event).Time }

func (l *Life) stageOf(event string) string { return l.step(event).Stage }

// lastEnd is when the last delivery was over.
func (l *Life) lastEnd() (end time.Time) {
	for i := range l.Steps {
		if s := &l.Steps[i]; s.Event == "delivered" && s.end().After(end) {
			end = s.end()
		}
	}
	return end
}
