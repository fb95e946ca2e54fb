package sampling

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// What OpenTelemetry's member of a tracestate says of sampling: "ot=th:fd70a;rv:6e6d1a75832a2f".
const (
	member       = "ot"
	thresholdKey = "th" // of the randomness below which traces are dropped
	randomKey    = "rv" // the randomness, where that is not the trace id's

	bits   = 56 // of both
	digits = bits / 4
)

// randomness returns what decisions about a trace are made with: what was set explicitly,
// else the last 56 bits of the trace id, which count as random (W3C Trace Context level 2).
func randomness(state trace.TraceState, id trace.TraceID) uint64 {
	if rv := subKey(state, randomKey); len(rv) == digits {
		if n, ok := number(rv); ok {
			return n
		}
	}
	return binary.BigEndian.Uint64(id[8:]) & (1<<bits - 1)
}

// threshold returns what sc's trace was decided by; nothing where that is not known, and
// where it cannot have been, because sc would have been decided otherwise.
func threshold(sc trace.SpanContext) string {
	th := subKey(sc.TraceState(), thresholdKey)
	if n, ok := number(th); !ok || sc.IsSampled() != (randomness(sc.TraceState(), sc.TraceID()) >= n) {
		return ""
	}
	return th
}

// number reads 1 to 14 digits; trailing zeros may have been left out.
func number(text string) (n uint64, ok bool) {
	if len(text) < 1 || len(text) > digits {
		return 0, false
	}
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') { // upper case is not allowed
			return 0, false
		}
	}
	n, err := strconv.ParseUint(text, 16, 64)
	return n << (4 * (digits - len(text))), err == nil
}

// text writes a number with all its digits.
func text(n uint64) string { return fmt.Sprintf("%0*x", digits, n) }

// subKey returns a value of OpenTelemetry's member, "" for none.
func subKey(state trace.TraceState, key string) string {
	for pair := range strings.SplitSeq(state.Get(member), ";") {
		if k, value, ok := strings.Cut(pair, ":"); ok && k == key {
			return value
		}
	}
	return ""
}

// withThreshold returns state with th, or without a threshold for "". All else stays.
func withThreshold(state trace.TraceState, th string) trace.TraceState {
	var pairs []string
	if th != "" {
		pairs = append(pairs, thresholdKey+":"+th)
	}
	for pair := range strings.SplitSeq(state.Get(member), ";") {
		if k, _, _ := strings.Cut(pair, ":"); k != thresholdKey && pair != "" {
			pairs = append(pairs, pair)
		}
	}
	changed, err := state.Insert(member, strings.Join(pairs, ";"))
	if err != nil { // nothing is left, or more than a tracestate takes
		return state.Delete(member)
	}
	return changed
}
