package otlp

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Prometheus takes no sample that is older than its newest one by more than an hour, and none
// that is older than the newest of its series, unless out_of_order_time_window allows for it.
// It then answers 400 with a line for each metric and stores nothing of the request (tsdb's
// Append, and ConsumeMetrics of its OTLP receiver). Each of our requests is of one collection,
// whose points have one time (setTime), and what is newer comes in another request.

// tooOldLines are these lines: storage.ErrOutOfBounds, ErrOutOfOrderSample and
// ErrTooOldSample. Of a sample that is too far in the future, which is out of bounds too, the
// line goes on.
var tooOldLines = []string{"out of bounds", "out of order sample", "too old sample"}

// tooOldError is that answer of Prometheus.
type tooOldError struct{ line string }

func (e *tooOldError) Error() string {
	return fmt.Sprintf("the receiver answered 400 Bad Request: %q. So says Prometheus of points that are too old for it: "+
		"in its configuration storage.tsdb.out_of_order_time_window has to be longer than outages last", e.line)
}

// readTooOld returns that error if an answer is one; nil for others.
func readTooOld(code int, body []byte) *tooOldError {
	if code != http.StatusBadRequest {
		return nil
	}
	for line := range strings.Lines(string(body)) {
		if line = strings.TrimSpace(line); slices.Contains(tooOldLines, line) {
			return &tooOldError{line}
		}
	}
	return nil
}

// kindOf is a kind of reports: that points are too old is said as soon as the receiver is
// back, though its absence has just been reported.
func kindOf(err error) string {
	var tooOld *tooOldError
	if errors.As(err, &tooOld) {
		return "too old"
	}
	return ""
}
