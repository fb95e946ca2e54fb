package demo

import (
	"strings"
	"time"
	"unicode"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// item is a message in the queue, all but its text. The spool keeps it as JSON.
type item struct {
	ID         string             `json:"id"`
	Sender     string             `json:"sender"`     // the reverse-path; empty for a bounce
	Recipients []string           `json:"recipients"` // those that are still to be served
	MessageID  string             `json:"message_id,omitempty"`
	Direction  mailconv.Direction `json:"direction"`
	Size       int64              `json:"size"` // bytes

	Processed bool             `json:"processed"`      // has passed the pipeline
	Rounds    int              `json:"rounds"`         // of deliveries that were tried
	Next      time.Time        `json:"next"`           // not to be touched before
	Held      bool             `json:"held,omitempty"` // kept back until Next, for somebody to look at
	Fate      otelmail.Removal `json:"fate,omitempty"` // the worst of what has become of recipients

	// Telemetry ties every delivery, hours later or after a restart, to the session that
	// accepted the message.
	Telemetry otelmail.Message `json:"telemetry"`
}

// bounce reports a message that must never be bounced itself (RFC 5321
// section 6.1).
func (it *item) bounce() bool { return it.Sender == "" }

// share adds the message to those of its state.
func (it *item) share(s *otelmail.QueueShare) {
	s.Messages++
	s.Bytes += it.Size
	if s.Oldest.IsZero() || it.Telemetry.Enqueued.Before(s.Oldest) {
		s.Oldest = it.Telemetry.Enqueued
	}
}

// facts are what telemetry may know of the message; the privacy policy decides
// what of it is shown.
func (it *item) facts() otelmail.MessageFacts {
	f := otelmail.MessageFacts{
		QueueID: it.ID, MessageID: it.MessageID, Sender: it.Sender,
		Direction: it.Direction, Size: it.Size,
	}
	if len(it.Recipients) == 1 {
		f.Recipient = it.Recipients[0]
	}
	return f
}

// domainOf returns what follows the last "@", in lower case. Logs name domains
// and never whole addresses.
func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// shown is a domain as the log has it. Strangers choose it: what cannot be one is shown as
// telemetry's series show it.
func shown(domain string) string {
	const longest = 253 // RFC 1035 section 3.1
	if len(domain) > longest || strings.ContainsFunc(domain, notInDomain) {
		return "_other"
	}
	return domain
}

// notInDomain allows for address literals and, by SMTPUTF8, for letters of any script. An
// invalid byte arrives as U+FFFD.
func notInDomain(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune(".-_[]:", r)
}

// localPartOf returns what stands before the last "@", in lower case.
func localPartOf(address string) string {
	local, _, _ := cutLast(address, "@")
	return strings.ToLower(local)
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}
