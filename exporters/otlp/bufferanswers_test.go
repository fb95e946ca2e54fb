package otlp_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/rusmes/otelmail/exporters/otlp"
)

// For every answer: is a stored request kept until there is a better answer, or dropped?
func TestAnswersToStoredRequests(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code int
		keep bool
	}{
		{http.StatusTooManyRequests, true},
		{http.StatusBadGateway, true},
		{http.StatusServiceUnavailable, true},
		{http.StatusGatewayTimeout, true},
		{http.StatusRequestTimeout, true},
		{http.StatusUnauthorized, true},
		{http.StatusForbidden, true},
		{http.StatusNotFound, true},
		{http.StatusMethodNotAllowed, true},
		{http.StatusUnsupportedMediaType, true},
		{http.StatusFound, true},
		{http.StatusBadRequest, false},
		{http.StatusUnprocessableEntity, false},
		{http.StatusRequestEntityTooLarge, false},
		{http.StatusInternalServerError, false},
	} {
		t.Run(fmt.Sprint("HTTP ", tt.code), func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, nil)
			r.setAnswer(func(w http.ResponseWriter) bool { w.WriteHeader(tt.code); return true })
			keptOrDropped(t, r, "HTTP", tt.keep, fmt.Sprint(tt.code), func() { r.setAnswer(nil) },
				tt.code == http.StatusRequestEntityTooLarge)
		})
	}
	t.Run("HTTP 200 with a web page", func(t *testing.T) {
		t.Parallel()
		r := newReceiver(t, nil)
		r.setAnswer(func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte("<!doctype html><title>Log in to this network</title>"))
			return true
		})
		keptOrDropped(t, r, "HTTP", true, "a web page answers", func() { r.setAnswer(nil) }, false)
	})
	busy, err := status.New(codes.ResourceExhausted, "busy").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		err  error
		keep bool
	}{
		{status.Error(codes.Unavailable, "away"), true},
		{status.Error(codes.DeadlineExceeded, "slow"), true},
		{status.Error(codes.Canceled, "restarting"), true},
		{busy.Err(), true},
		{status.Error(codes.Unauthenticated, "who?"), true},
		{status.Error(codes.PermissionDenied, "you?"), true},
		{status.Error(codes.Unimplemented, "what?"), true},
		{status.Error(codes.ResourceExhausted, "too large"), false},
		{status.Error(codes.InvalidArgument, "no"), false},
		{status.Error(codes.Internal, "broken"), false},
	} {
		code := status.Code(tt.err).String()
		t.Run(fmt.Sprint("gRPC ", tt.err), func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, nil)
			r.setCallAnswer(func() error { return tt.err })
			keptOrDropped(t, r, "gRPC", tt.keep, code, func() { r.setCallAnswer(nil) }, false)
		})
	}
}

// keptOrDropped emits spans to a receiver that first gives an answer, and later takes them.
func keptOrDropped(t *testing.T, r *receiver, protocol string, keep bool, report string, mend func(), tooLarge bool) {
	t.Helper()
	tel, c, b := buffered(t, t.TempDir(), append(only("traces"), protocols(r)[protocol]...)...)
	emitSpans(tel, "a", 3)
	eventually(t, "a report", func() bool { return len(b.all()) > 0 })
	if said := b.all()[0]; !strings.Contains(said, report) || !strings.Contains(said, "otlp traces: ") {
		t.Errorf("report: %s", said)
	}
	if keep {
		eventually(t, "all of them are on disk", func() bool { return statsOf(t, c, "traces").OnDisk == 3 })
		if s := statsOf(t, c, "traces"); s.Failed != 0 {
			t.Errorf("before it was mended: %+v", s)
		}
		mend()
		eventually(t, "they arrived", func() bool { n, _, _ := r.counts(); return n == 3 })
		if err := shutdown(tel, patience); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if s := statsOf(t, c, "traces"); s.Sent != 3 {
			t.Errorf("after it was mended: %+v", s)
		}
		return
	}
	eventually(t, "they are dropped", func() bool { return statsOf(t, c, "traces").Failed == 3 })
	mend()
	emitSpans(tel, "b", 2)
	want, reason := otlp.Dropped{Rejected: 3}, "3 rejected"
	if tooLarge {
		want, reason = otlp.Dropped{TooLarge: 3}, "3 too_large"
	}
	wantParts(t, shutdown(tel, patience), "otlp traces: 3 spans not delivered to ", reason, report)
	if s := statsOf(t, c, "traces"); s.Dropped != want || s.Sent != 2 {
		t.Errorf("at the end: %+v", s)
	}
}

func TestStoredRequestPartlyRejected(t *testing.T) {
	for _, protocol := range []string{"HTTP", "gRPC"} {
		t.Run(protocol, func(t *testing.T) {
			noLeak(t)
			r := newReceiver(t, nil)
			r.rejected = 2
			tel, c, _ := buffered(t, t.TempDir(), append(only("traces"), protocols(r)[protocol]...)...)
			emitSpans(tel, "a", 10)
			wantParts(t, shutdown(tel, patience), "2 spans not delivered", "2 rejected", "not these")
			if s := statsOf(t, c, "traces"); s.Sent != 8 || s.Dropped.Rejected != 2 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// An endpoint that begins with http where the port speaks TLS is a setting to be mended, as
// any other wrong port is: what is in the buffer waits for it, and the report says it.
func TestPlainTextToTLSWaitsForItsSetting(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"Go":     "Client sent an HTTP request to an HTTPS server.\n",
		"nginx":  "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n",
		"Apache": "<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
		"Tomcat": "Bad Request\r\nThis combination of host and port requires TLS.\r\n",
	} {
		t.Run("in the words of "+name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, nil)
			r.setAnswer(func(w http.ResponseWriter) bool { http.Error(w, says, http.StatusBadRequest); return true })
			keptOrDropped(t, r, "HTTP", true, "the endpoint must begin with https", func() { r.setAnswer(nil) }, false)
		})
	}
	t.Run("a port that does", func(t *testing.T) {
		t.Parallel()
		r, _, _ := secured(t)
		tel, c, b := buffered(t, t.TempDir(), append(only("traces"), otlp.Endpoint("http://"+r.httpAddr))...)
		emitSpans(tel, "a", 3)
		eventually(t, "a report", func() bool { return len(b.all()) > 0 })
		wantParts(t, errors.New(b.all()[0]), "the endpoint must begin with https")
		if err := shutdown(tel, patience); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if s := statsOf(t, c, "traces"); s.OnDisk != 3 || s.Failed != 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("a request that is bad", func(t *testing.T) {
		t.Parallel()
		r := newReceiver(t, nil)
		r.setAnswer(func(w http.ResponseWriter) bool {
			http.Error(w, "attribute tls.protocol of the request to https://host: not text", http.StatusBadRequest)
			return true
		})
		keptOrDropped(t, r, "HTTP", false, "400", func() { r.setAnswer(nil) }, false)
	})
}

// A receiver that asks for a pause gets it.
func TestRetryAfterIsHeeded(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	var mu sync.Mutex
	var asked []time.Time
	r.setAnswer(func(w http.ResponseWriter) bool {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, time.Now())
		if len(asked) > 1 {
			return false
		}
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	tel, c, _ := buffered(t, t.TempDir(), append(only("traces"), otlp.Endpoint(r.httpURL()))...)
	emitSpans(tel, "a", 3)
	eventually(t, "they arrived", func() bool { return statsOf(t, c, "traces").Sent == 3 })
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 2 || asked[1].Sub(asked[0]) < 2*time.Second {
		t.Errorf("asked at %v", asked)
	}
}

// While the receiver asks for a pause, a shutdown neither waits for it nor tries again.
func TestShutdownHeedsRetryAfter(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	var mu sync.Mutex
	asked := 0
	r.setAnswer(func(w http.ResponseWriter) bool {
		mu.Lock()
		defer mu.Unlock()
		asked++
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	tel, c, b := buffered(t, t.TempDir(), append(only("traces"), otlp.Endpoint(r.httpURL()))...)
	emitSpans(tel, "a", 3)
	eventually(t, "a report", func() bool { return len(b.all()) > 0 })
	begun := time.Now()
	if err := shutdown(tel, patience); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("Shutdown took %v", took)
	}
	mu.Lock()
	defer mu.Unlock()
	if s := statsOf(t, c, "traces"); asked != 1 || s.OnDisk != 3 {
		t.Errorf("asked %d times, %+v", asked, s)
	}
}
