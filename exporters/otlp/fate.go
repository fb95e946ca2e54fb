package otlp

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp/internal/call"
	"github.com/rusmes/otelmail/exporters/otlp/internal/encode"
	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// fate is what becomes of a request after an attempt to send it. An answer about
// the request itself ends it; an answer about who sends it, or where to, is for
// an operator to put right: with a buffer the request waits for that, without one it
// is given up.
type fate uint8

const (
	taken         fate = iota // the receiver has it
	later                     // the receiver is away or busy
	misconfigured             // a setting is wrong, here or at the receiver: try seldom
	refused                   // it will never be taken
	tooOld                    // it will never be taken, because of its age
	tooLarge                  // it will never be taken, because of its size
	unencodable               // there is no request: the items cannot be put into one
)

// reason is why the items of the request are dropped, if they are.
func (f fate) reason() ledger.Reason {
	switch f {
	case later, tooOld:
		return ledger.TooOld
	case tooLarge:
		return ledger.TooLarge
	case unencodable:
		return ledger.Damaged
	}
	return ledger.Rejected
}

// outcome is how an attempt ended.
type outcome struct {
	fate     fate
	rejected int64         // of the items of a request that was taken
	err      error         // never nil if the request was not taken
	pause    time.Duration // for which the receiver asked
	reached  bool          // there was a connection; of gRPC only a sender tells it
}

// stays reports whether a request in the buffer stays there.
func (o outcome) stays() bool { return o.fate == later || o.fate == misconfigured }

// statusFate judges an HTTP status that is not 2xx. The OTLP specification lists
// what to try again ("Failures", OTLP/HTTP) and forbids it for the rest. 408 and the
// statuses that are misconfigured here depart from it, the latter because a wrong
// token would otherwise cost all telemetry until somebody notices.
func statusFate(code int) fate {
	switch code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		http.StatusRequestTimeout:
		return later
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, // who
		http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusMisdirectedRequest, // where
		http.StatusUnsupportedMediaType, http.StatusUpgradeRequired: // how
		return misconfigured
	case http.StatusRequestEntityTooLarge:
		return tooLarge
	}
	if code < http.StatusBadRequest {
		return misconfigured // a redirect: this is not the receiver
	}
	return refused
}

// callOutcome judges the end of a gRPC call in the same way ("Failures",
// OTLP/gRPC).
func callOutcome(r call.Result) outcome {
	o := outcome{reached: r.Reached}
	if r.Status == nil {
		taken, err := takenWith(r.Reply)
		if err != nil {
			taken.err = fmt.Errorf("read the reply: %w", err)
		}
		taken.reached = r.Reached
		return taken
	}
	o.fate, o.err, o.pause = refused, r.Status, r.Status.Pause
	if brokenOff(r.Status) {
		o.fate = later
		return o
	}
	switch r.Status.Code {
	case call.Canceled, call.DeadlineExceeded, call.Aborted, call.OutOfRange, call.Unavailable, call.DataLoss:
		o.fate = later
	case call.ResourceExhausted:
		if r.Status.Asked {
			o.fate = later
		}
	case call.Unauthenticated, call.PermissionDenied, call.Unimplemented:
		o.fate = misconfigured
	}
	return o
}

// takenWith is the outcome of a request that was taken, except for the items that the
// reply counts as rejected. The reply's text may also be a warning about what was taken.
func takenWith(reply []byte) (outcome, error) {
	rejected, text, err := encode.ReadReply(reply)
	o := outcome{rejected: max(rejected, 0)}
	if text != "" {
		o.err = fmt.Errorf("the receiver says: %q", excerpt(text))
	} else if rejected > 0 {
		o.err = errors.New("the receiver rejected them without a reason")
	}
	return o, err
}
