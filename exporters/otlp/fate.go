package otlp

import (
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fate is what becomes of a stored request after an attempt to send it. An
// answer about the request itself ends it; an answer about who is asking, or
// where, is an operator's to mend, and the request waits for that.
type fate uint8

const (
	taken   fate = iota // the receiver has it
	later               // the receiver is away or busy
	mending             // a setting is wrong, here or there: try seldom
	refused             // it will never be taken
	toolong             // it will never be taken, because of its size
)

// outcome is how an attempt ended.
type outcome struct {
	fate     fate
	rejected int64 // of the items of a request that was taken
	err      error
	pause    time.Duration // what the receiver asked for
}

// statusFate judges an HTTP status that is not 2xx. The OTLP specification lists
// what to try again ("Failures", OTLP/HTTP) and forbids it for the rest; the
// statuses under mending depart from it, because a wrong token would otherwise
// cost all telemetry until somebody notices.
func statusFate(code int) fate {
	switch code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		http.StatusRequestTimeout:
		return later
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, // who
		http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusMisdirectedRequest, // where
		http.StatusUnsupportedMediaType, http.StatusUpgradeRequired: // how
		return mending
	case http.StatusRequestEntityTooLarge:
		return toolong
	}
	if code < http.StatusBadRequest {
		return mending // a redirect: this is not the receiver
	}
	return refused
}

// callFate judges the end of a gRPC call in the same way ("Failures",
// OTLP/gRPC).
func callFate(err error) outcome {
	if err == nil {
		return outcome{}
	}
	s := status.Convert(err)
	pause, asked := retryInfo(s)
	o := outcome{fate: refused, err: err, pause: pause}
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		o.fate = later
	case codes.ResourceExhausted:
		if asked {
			o.fate = later
		}
	case codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented:
		o.fate = mending
	}
	return o
}
