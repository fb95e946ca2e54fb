package otlp

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

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
func callOutcome(err error, reply any) outcome {
	if err == nil {
		return takenWith(reply)
	}
	s := status.Convert(err)
	pause, asked := retryInfo(s)
	o := outcome{fate: refused, err: err, pause: pause}
	if brokenOff(s) {
		o.fate = later
		return o
	}
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		o.fate = later
	case codes.ResourceExhausted:
		if asked {
			o.fate = later
		}
	case codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented:
		o.fate = misconfigured
	}
	return o
}

func retryInfo(s *status.Status) (pause time.Duration, asked bool) {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return max(info.GetRetryDelay().AsDuration(), 0), true
		}
	}
	return 0, false
}

// takenWith is the outcome of a request that was taken, except for the items that the
// reply counts as rejected. The reply's text may also be a warning about what was taken.
func takenWith(reply any) outcome {
	var rejected int64
	var text string
	switch r := reply.(type) {
	case *coltraces.ExportTraceServiceResponse:
		rejected, text = r.GetPartialSuccess().GetRejectedSpans(), r.GetPartialSuccess().GetErrorMessage()
	case *colmetrics.ExportMetricsServiceResponse:
		rejected, text = r.GetPartialSuccess().GetRejectedDataPoints(), r.GetPartialSuccess().GetErrorMessage()
	case *collogs.ExportLogsServiceResponse:
		rejected, text = r.GetPartialSuccess().GetRejectedLogRecords(), r.GetPartialSuccess().GetErrorMessage()
	}
	o := outcome{rejected: max(rejected, 0)}
	if text != "" {
		o.err = fmt.Errorf("the receiver says: %q", excerpt(text))
	} else if rejected > 0 {
		o.err = errors.New("the receiver rejected them without a reason")
	}
	return o
}

// newReply returns an empty reply to a request of s.
func (s signal) newReply() proto.Message {
	switch s.name {
	case traces.name:
		return new(coltraces.ExportTraceServiceResponse)
	case metrics.name:
		return new(colmetrics.ExportMetricsServiceResponse)
	}
	return new(collogs.ExportLogsServiceResponse)
}
