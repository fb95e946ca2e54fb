package refusal

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// Rule is a row of the table.
type Rule struct {
	// When is what the row is about: an enhanced code without its class ("x.1.1"), or its
	// subject ("x.1"), a reply code ("452") or a cause ("timeout").
	When   string
	Reason Reason
	Theirs bool   // whose fault it is: the client's, the sender's or the recipient's, else ours
	Means  string // in the words of the RFC, or in ours for a cause
}

const (
	ours   = false
	theirs = true
)

// certain are the causes that no code can contradict: they are ours whatever the reply says.
var certain = []Rule{
	{"panic", System, ours, "a handler panicked"},
	{"storage", System, ours, "the disk or the file system"},
}

// enhanced are the enhanced codes (RFC 3463 section 3, RFC 4954, RFC 7372, RFC 7505), and
// then their subjects.
var enhanced = []Rule{
	{"x.1.1", UnknownUser, theirs, "bad destination mailbox address"},
	{"x.1.6", UnknownUser, theirs, "destination mailbox has moved"},
	{"x.2.2", MailboxFull, theirs, "mailbox full"},
	{"x.2.3", TooLarge, theirs, "message length exceeds administrative limit"},
	{"x.3.4", TooLarge, theirs, "message too big for system"},
	{"x.4.2", Timeout, theirs, "bad connection; also said to a client that was waited for too long"},
	{"x.4.3", DNS, ours, "directory server failure"},
	{"x.4.7", Timeout, theirs, "delivery time expired"},
	{"x.7.8", Authentication, theirs, "authentication credentials invalid"},
	{"x.7.9", Authentication, theirs, "authentication mechanism is too weak"},
	{"x.7.10", TLS, theirs, "encryption needed"},
	{"x.7.11", TLS, theirs, "encryption required for requested authentication mechanism"},
	{"x.7.12", Authentication, theirs, "a password transition is needed"},
	{"x.7.20", Authentication, theirs, "no passing DKIM signature found"},
	{"x.7.21", Authentication, theirs, "no acceptable DKIM signature found"},
	{"x.7.22", Authentication, theirs, "no valid author-matched DKIM signature found"},
	{"x.7.23", Authentication, theirs, "SPF validation failed"},
	{"x.7.24", DNS, ours, "SPF validation error"},
	{"x.7.25", Authentication, theirs, "reverse DNS validation failed"},
	{"x.7.26", Authentication, theirs, "multiple authentication checks failed"},
	{"x.7.27", Address, theirs, "sender address has null MX"},
	{"x.1", Address, theirs, "addressing"},
	{"x.2", Mailbox, theirs, "mailbox"},
	{"x.3", System, ours, "mail system"},
	{"x.4", Network, ours, "network and routing"},
	{"x.5", Protocol, theirs, "mail delivery protocol"},
	{"x.6", Content, theirs, "message content or media"},
	{"x.7", Policy, theirs, "security or policy"},
}

// behind are the other causes: what lies behind a refusal, or why there was no reply.
var behind = []Rule{
	{"timeout", Timeout, ours, "a check of our own took too long"},
	{"refused", Network, ours, "what we depend on, or deliver to, does not listen"},
	{"no_route", Network, ours, "it cannot be reached"},
	{"connection_reset", Network, theirs, "the other side broke the connection"},
	{"eof", Network, theirs, "the other side left"},
	{"tls_handshake", TLS, theirs, "no handshake"},
	{"dns", DNS, ours, "a lookup failed"},
	{"canceled", System, ours, "given up by us, in a shutdown for example"},
	{"protocol", Protocol, theirs, "the other side broke the protocol"},
	{"_OTHER", Other, ours, "another error of ours"},
}

// plain are the reply codes (RFC 5321 section 4.2.3, RFC 4954, RFC 7504).
var plain = []Rule{
	{"421", System, ours, "service not available"},
	{"450", Mailbox, theirs, "mailbox unavailable; greylisting"},
	{"451", System, ours, "local error in processing"},
	{"452", System, ours, "insufficient system storage"},
	{"454", System, ours, "temporary authentication failure, or TLS not available"},
	{"455", Protocol, theirs, "unable to accommodate parameters"},
	{"500", Protocol, theirs, "syntax error"},
	{"501", Protocol, theirs, "syntax error in parameters"},
	{"502", Protocol, theirs, "command not implemented"},
	{"503", Protocol, theirs, "bad sequence of commands"},
	{"504", Protocol, theirs, "parameter not implemented"},
	{"521", Policy, theirs, "host does not accept mail"},
	{"530", AuthRequired, theirs, "authentication required"},
	{"535", Authentication, theirs, "authentication credentials invalid"},
	{"550", Mailbox, theirs, "mailbox unavailable"},
	{"551", Mailbox, theirs, "user not local"},
	{"552", TooLarge, theirs, "exceeded storage allocation"},
	{"553", Address, theirs, "mailbox name not allowed"},
	{"554", Policy, theirs, "transaction failed"},
	{"555", Protocol, theirs, "parameters not recognised or not implemented"},
	{"556", Address, theirs, "domain does not accept mail"},
}

// rest is what nothing is known of.
var rest = Rule{"", Other, theirs, "everything else"}

// Rules returns the table in the order in which it is looked at: the first row that fits
// decides.
func Rules() []Rule { return slices.Concat(certain, enhanced, behind, plain, []Rule{rest}) }

// The rows by what they are about: refusals come in floods, and a lookup allocates nothing.
var (
	byCause, byDetail, bySubject, byCode = map[string]Rule{}, map[[2]int]Rule{}, map[int]Rule{}, map[int]Rule{}
)

func init() {
	for _, r := range slices.Concat(certain, behind) {
		byCause[r.When] = r
	}
	for _, r := range enhanced {
		var subject, detail int
		if n, _ := fmt.Sscanf(r.When, "x.%d.%d", &subject, &detail); n == 2 {
			byDetail[[2]int{subject, detail}] = r
		} else {
			bySubject[subject] = r
		}
	}
	for _, r := range plain {
		code, _ := strconv.Atoi(r.When)
		byCode[code] = r
	}
}

// Of returns the row for a reply: its code, 0 for none; its enhanced code, zero for none;
// and what lies behind it, as an error.type, "" for nothing.
func Of(code int, enhanced [3]int, cause string) Rule {
	behind, known := byCause[cause]
	if known && slices.Contains(certain, behind) {
		return behind
	}
	// 5.7.0 with 530 is what RFC 4954 section 6 has for a missing AUTH; alone it says
	// nothing more than its subject.
	if enhanced[0] != 0 && enhanced[0] != 2 && !(code == 530 && enhanced[1] == 7 && enhanced[2] == 0) {
		if row, ok := byDetail[[2]int{enhanced[1], enhanced[2]}]; ok {
			return row
		}
		if row, ok := bySubject[enhanced[1]]; ok {
			return row
		}
	}
	if known {
		return behind
	}
	return cmp.Or(byCode[code], rest)
}
