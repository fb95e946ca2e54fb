package otelmail

import (
	"strconv"
)

// EnhancedCode is an enhanced status code (RFC 3463): class, subject, detail.
// The zero value means that the reply has none.
type EnhancedCode [3]int

// String returns the code as "5.1.1", or "" for none and for one that RFC 3463
// does not allow (class 2, 4 or 5; subject and detail 0 to 999).
func (e EnhancedCode) String() string {
	if e[0] != 2 && e[0] != 4 && e[0] != 5 || e[1] < 0 || e[1] > 999 || e[2] < 0 || e[2] > 999 {
		return ""
	}
	if e[1] == 0 && e[2] == 0 { // the commonest by far
		return [...]string{2: "2.0.0", 4: "4.0.0", 5: "5.0.0"}[e[0]]
	}
	return strconv.Itoa(e[0]) + "." + strconv.Itoa(e[1]) + "." + strconv.Itoa(e[2])
}

// Reply is how an SMTP command or a delivery attempt ended.
type Reply struct {
	// Code is the reply code, 200 to 599 (RFC 5321 section 4.2); 0 when there
	// was no reply.
	Code int
	// Enhanced is the enhanced status code, if any.
	Enhanced EnhancedCode
	// Cause says why there was no reply, or what lies behind a refusal.
	Cause Cause
	// Text is the reply's text, which may have several lines. It is only shown under PrivacyFull.
	Text string
	// Fault is whose fault a refusal of ours is, where the codes and the cause do not say
	// it, see docs/fault.md.
	Fault Fault
}

// Accepted reports a 2xx reply. A Cause makes any reply a failure.
func (r Reply) Accepted() bool { return r.accepted() }

// Refused reports a 4xx or 5xx reply.
func (r Reply) Refused() bool { return r.refused() }

// Temporary reports a failure that may pass: any but a 5xx reply.
func (r Reply) Temporary() bool { return r.temporary() }

// Failed reports a 4xx or 5xx reply, an invalid code, no reply, or a Cause.
func (r Reply) Failed() bool { return r.failed() }

// Our own code calls these, by pointer: a Reply is seven words, and copying it for each
// question would cost more than the atomic add that the answer leads to.

func (r *Reply) accepted() bool  { return r.Code >= 200 && r.Code < 300 && r.Cause == CauseNone }
func (r *Reply) refused() bool   { return r.Code >= 400 && r.Code < 600 }
func (r *Reply) temporary() bool { return r.failed() && r.Code < 500 }
func (r *Reply) failed() bool    { return r.Cause != CauseNone || r.Code < 200 || r.Code >= 400 }

// errorType is the error.type of a failed reply: the enhanced code, else the
// reply code, else the cause. A panic comes first: it is our own fault, which
// the reply that hides it does not say.
func (r *Reply) errorType() string {
	if r.refused() && r.Cause != CausePanic {
		if e := r.Enhanced.String(); e != "" && r.Enhanced[0] != 2 {
			return e
		}
		return strconv.Itoa(r.Code)
	}
	if r.Cause != CauseNone {
		return r.Cause.String()
	}
	return CauseOther.String()
}
