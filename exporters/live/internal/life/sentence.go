package life

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rusmes/otelmail/mailconv"
)

// words are a step in words, without its time.
func (s *Step) words() string {
	switch "email." + s.Event {
	case mailconv.EventAccepted:
		return "Accepted" + from(s.Client) + recipients(s.Recipients) + "."
	case mailconv.EventRejected:
		return "Refused" + after(" at ", s.stage()) + s.why(" with ") + "."
	case mailconv.EventQueued:
		return "Put into the queue."
	case mailconv.EventAttempt:
		return fmt.Sprintf("The %s attempt, to %s, has begun.", ordinal(s.Attempt), s.whither())
	case mailconv.EventDelivered:
		return fmt.Sprintf("Delivered to %s at the %s attempt.", s.whither(), ordinal(s.Attempt))
	case mailconv.EventDeferred:
		if s.Attempt == 0 {
			return "Put off" + after(" by ", s.Stage) + s.why(": ") + "."
		}
		return fmt.Sprintf("Deferred at the %s attempt: %s %s.", ordinal(s.Attempt), s.whither(), s.answered())
	case mailconv.EventFailed:
		return fmt.Sprintf("Failed for good at the %s attempt: %s %s.", ordinal(s.Attempt), s.whither(), s.answered())
	case mailconv.EventBounced:
		return "The sender was told by a bounce" + after(" of ", s.Stage) + "."
	case mailconv.EventExpired:
		return "Given up: it has been tried for as long as is allowed."
	case mailconv.EventDropped:
		return "Discarded on purpose" + after(" by ", s.Stage) + "."
	case mailconv.EventLoginFailed:
		return "Could not log in" + after(" with ", s.Mechanism) + after(" over ", s.Protocol) + s.why(": ") + "."
	}
	return s.Event + "."
}

// stage is how far a dialogue had come, by the command that was refused.
func (s *Step) stage() string {
	switch s.Stage {
	case "connect":
		return "the connection"
	case "helo", "mail", "rcpt", "data":
		return strings.ToUpper(s.Stage)
	}
	return s.Stage
}

// why is the reply, and why it was given.
func (s *Step) why(lead string) string {
	code, reason := s.reply(), s.Reason
	if reason == "" && code == "" {
		reason = s.ErrorType
	}
	reason = strings.ReplaceAll(reason, "_", " ")
	switch {
	case code == "" && reason == "":
		return ""
	case code == "":
		return ": " + reason
	case reason == "":
		return lead + code
	}
	return lead + code + " (" + reason + ")"
}

// reply is the code that was answered with: "451 4.7.1".
func (s *Step) reply() string {
	if s.Code == 0 {
		return s.Enhanced
	}
	return strings.TrimSpace(strconv.FormatInt(s.Code, 10) + " " + s.Enhanced)
}

// answered is what the other side has done: "answered 451 4.7.1", or why there was no answer.
func (s *Step) answered() string {
	if code := s.reply(); code != "" {
		return "answered " + code
	}
	if what := breaks[s.ErrorType]; what != "" {
		return what
	}
	return "gave no answer" + after(": ", strings.ReplaceAll(s.ErrorType, "_", " "))
}

// breaks are the words for the error types of an attempt that had no reply.
var breaks = map[string]string{
	"timeout":          "did not answer in time",
	"refused":          "refused the connection",
	"no_route":         "could not be reached",
	"connection_reset": "broke the connection",
	"eof":              "closed the connection",
	"tls_handshake":    "could not agree on TLS",
	"dns":              "was not found in the DNS",
	"canceled":         "was given up by us",
	"protocol":         "broke the protocol",
	"storage":          "could not be stored to",
}

func after(lead, what string) string {
	if what == "" {
		return ""
	}
	return lead + what
}

func from(client string) string { return after(" from ", client) }

func recipients(n int64) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" for %d recipients", n)
}

// ordinal is "1st", "2nd", "11th".
func ordinal(n int64) string {
	end := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			end = "st"
		case 2:
			end = "nd"
		case 3:
			end = "rd"
		}
	}
	return strconv.FormatInt(n, 10) + end
}

// ago is "ten minutes ago" in figures.
func ago(now, then time.Time) string { return span(now.Sub(then)) + " ago" }

// span is a time in its largest unit, as people say it.
func span(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		// 90 minutes are not an hour yet, and 90 seconds no minute.
		if n := int64((d + unit.of/2) / unit.of); d >= 2*unit.of || unit.of == time.Second {
			if n == 1 {
				return "1 " + unit.name
			}
			return fmt.Sprintf("%d %ss", max(n, 0), unit.name)
		}
	}
	return ""
}
