package mailconv

import "go.opentelemetry.io/otel/attribute"

// IMAP (RFC 9051) and POP3 (RFC 1939).
const (
	// IMAPCommandKey is the command in upper case, or "_OTHER". Example: "FETCH".
	IMAPCommandKey = attribute.Key("imap.command")
	// IMAPStatusKey is the result in the reply: "ok", "no" or "bad" (RFC 9051 section
	// 7.1), or "broken" for a command that got no reply, or "_OTHER".
	IMAPStatusKey = attribute.Key("imap.response.status")
	// IMAPStateKey is the session's state (RFC 9051 section 3):
	// "not_authenticated", "authenticated", "selected" or "logout".
	IMAPStateKey = attribute.Key("imap.state")
	// IMAPMailboxKey is the mailbox name: with PrivacyFull as it is, else a keyed
	// hash, except that PrivacyDomain shows common names (INBOX, Sent …) too. Example:
	// "INBOX".
	IMAPMailboxKey = attribute.Key("imap.mailbox")
	// POP3CommandKey is the command in upper case, or "_OTHER". Example: "RETR".
	POP3CommandKey = attribute.Key("pop3.command")
	// POP3StatusKey is the first word of the reply: "ok" or "err" (RFC 1939 section 3).
	POP3StatusKey = attribute.Key("pop3.response.status")
)

// IMAPMailbox returns the imap.mailbox attribute.
func IMAPMailbox(name string) attribute.KeyValue { return IMAPMailboxKey.String(name) }

// IMAPState is the state of an IMAP session, as [IMAPStateKey] has it.
type IMAPState uint8

// The states (RFC 9051 section 3). The zero value is a state that is not known: no
// attribute.
const (
	IMAPNotAuthenticated IMAPState = iota + 1
	IMAPAuthenticated
	IMAPSelected
	IMAPLoggedOut
)

// String returns "not_authenticated", "authenticated", "selected" or "logout", and ""
// for all else.
func (s IMAPState) String() string {
	return known(s, "not_authenticated", "authenticated", "selected", "logout")
}
