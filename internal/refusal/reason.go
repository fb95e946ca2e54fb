// Package refusal decides why a mail server refused, or could not deliver, and whose fault
// that is: by the enhanced status code, the reply code and what lies behind them.
package refusal

// Reason is why, as a position in [Reasons].
type Reason int

// The reasons.
const (
	UnknownUser Reason = iota
	Address
	Mailbox
	MailboxFull
	TooLarge
	Content
	Policy
	AuthRequired
	Authentication
	Protocol
	Network
	TLS
	DNS
	Timeout
	System
	Other
)

var reasons = [...]string{"unknown_user", "address", "mailbox", "mailbox_full", "too_large", "content", "policy",
	"auth_required", "authentication", "protocol", "network", "tls", "dns", "timeout", "system", "other"}

// Reasons returns the names of all reasons.
func Reasons() []string { return reasons[:] }

// String returns the name, in lower case with underscores.
func (r Reason) String() string { return reasons[r] }

// Ours and Theirs are the names of the faults.
const (
	Ours   = "ours"
	Theirs = "theirs"
)
