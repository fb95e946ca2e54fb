package integration

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// gate stands in front of a Collector and passes requests on, OTLP over HTTP as well as
// over gRPC, which is HTTP/2 in plaintext with trailers. It can delay answers, or refuse
// requests itself.
type gate struct {
	t       *testing.T
	address string

	mu      sync.Mutex
	delay   time.Duration
	refusal *refusal       // nil passes requests on
	refused map[string]int // requests, by signal
	late    map[string]int // answers that nobody waited for any more, by signal
}

// refusal is an answer in either protocol.
type refusal struct {
	status int
	code   codes.Code
	pause  time.Duration // whole seconds that the sender is asked to wait; 0 for none
}

// newGate opens a gate to a Collector's address.
func newGate(t *testing.T, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, address: l.Addr().String(), refused: map[string]int{}, late: map[string]int{}}
	transport := &http.Transport{Protocols: new(http.Protocols)}
	forward := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: to}) },
		Transport:      oneProtocol{http1: &http.Transport{}, http2: transport},
		ModifyResponse: g.hold,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.WriteHeader(http.StatusBadGateway) // nobody waits for it, or the Collector is away, which no scene with a gate has
		},
	}
	transport.Protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Protocols: new(http.Protocols), ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !g.refuse(w, r) {
				defer g.noteLate(r)
				forward.ServeHTTP(w, r)
			}
		}),
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // until it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return g
}

// oneProtocol sends a request on over the protocol that it came with.
type oneProtocol struct{ http1, http2 *http.Transport }

func (o oneProtocol) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		return o.http2.RoundTrip(r)
	}
	return o.http1.RoundTrip(r)
}

// slow delays every answer from now on.
func (g *gate) slow(delay time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.delay = delay
}

// hold delays an answer of the Collector, which has taken the request by now.
func (g *gate) hold(answer *http.Response) error {
	g.mu.Lock()
	delay := g.delay
	g.mu.Unlock()
	select {
	case <-time.After(delay):
		return nil
	case <-answer.Request.Context().Done():
		return context.Cause(answer.Request.Context())
	}
}

// noteLate counts an answer, once it is written, that nobody waited for.
func (g *gate) noteLate(r *http.Request) {
	if r.Context().Err() == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late[signalOf(r)]++
}

// shut refuses everything from now on; with nil it passes everything on again.
func (g *gate) shut(with *refusal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusal = with
}

// counted returns how many requests of a signal were refused, and how many
// answers came too late.
func (g *gate) counted(signal string) (refused, late int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused[signal], g.late[signal]
}

// waitAsked waits until a request of each signal was refused: on a busy machine one that was under way before
// may hold up the next.
func (g *gate) waitAsked() {
	g.t.Helper()
	peer.Eventually(g.t, patience, func() error {
		for _, signal := range []string{"traces", "logs", "metrics"} {
			if refused, _ := g.counted(signal); refused == 0 {
				return fmt.Errorf("no request with %s was refused", signal)
			}
		}
		return nil
	})
}

func (g *gate) refuse(w http.ResponseWriter, r *http.Request) bool {
	g.mu.Lock()
	with := g.refusal
	if with != nil {
		g.refused[signalOf(r)]++
	}
	g.mu.Unlock()
	if with == nil {
		return false
	}
	_, _ = io.Copy(io.Discard, r.Body) // a sender that went away does not matter
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		if with.pause > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(with.pause.Seconds())))
		}
		w.WriteHeader(with.status)
		return true
	}
	// An answer of headers only, as the gRPC protocol specifies for errors.
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Grpc-Status", strconv.Itoa(int(with.code)))
	w.Header().Set("Grpc-Message", "refused by the test")
	if with.pause > 0 {
		w.Header().Set("Grpc-Status-Details-Bin", base64.StdEncoding.EncodeToString(g.details(with)))
	}
	return true
}

// details is the whole status, with the RetryInfo that OTLP specifies.
func (g *gate) details(with *refusal) []byte {
	full, err := status.New(with.code, "refused by the test").WithDetails(
		&errdetails.RetryInfo{RetryDelay: durationpb.New(with.pause)})
	if err != nil {
		g.t.Error(err)
		return nil
	}
	encoded, err := proto.Marshal(full.Proto())
	if err != nil {
		g.t.Error(err)
	}
	return encoded
}

// signalOf reads a request's path: /v1/traces, or
// /opentelemetry.proto.collector.trace.v1.TraceService/Export.
func signalOf(r *http.Request) string {
	switch {
	case strings.Contains(r.URL.Path, "trace"):
		return "traces"
	case strings.Contains(r.URL.Path, "logs"):
		return "logs"
	}
	return "metrics"
}
