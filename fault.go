package otelmail

import "github.com/rusmes/otelmail/internal/refusal"

// Fault is whose fault a refusal is. Only what is ours counts against a service level.
type Fault uint8

// The faults. The zero value leaves the decision to the table in docs/fault.md.
const (
	FaultByReply Fault = iota // as the reply's codes and cause say
	FaultOurs                 // the server's, its operator's or that of what it depends on
	FaultTheirs               // the client's, the sender's or the recipient's
)

var faults = []string{"", refusal.Ours, refusal.Theirs}

// String returns "ours" or "theirs", and "" for [FaultByReply].
func (f Fault) String() string {
	if int(f) >= len(faults) {
		f = FaultByReply
	}
	return faults[f]
}

// rule is the row of the table that decides why a reply refuses.
func (r *Reply) rule() refusal.Rule {
	enhanced := r.Enhanced
	if !r.refused() || enhanced[0] != 4 && enhanced[0] != 5 {
		enhanced = EnhancedCode{}
	}
	return refusal.Of(r.Code, enhanced, r.Cause.String())
}

// reason is why a reply refuses, or why there was none.
func (r *Reply) reason() refusal.Reason { return r.rule().Reason }

// fault is whose it is: what the application says, else what the table does.
func (r *Reply) fault() Fault {
	if r.rule().Theirs {
		return r.Fault.or(FaultTheirs)
	}
	return r.Fault.or(FaultOurs)
}

// ourFailure reports whether a reply refuses by our own fault, or we broke down without one.
func (r *Reply) ourFailure() bool {
	return r.fault() == FaultOurs && (r.refused() || r.Cause == CausePanic || r.Cause == CauseStorage)
}

// or is f where the application has said whose fault it is, else what we take it for.
func (f Fault) or(taken Fault) Fault {
	if f == FaultOurs || f == FaultTheirs {
		return f
	}
	return taken
}
