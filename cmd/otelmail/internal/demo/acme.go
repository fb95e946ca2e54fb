package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/rusmes/otelmail"
)

// renewal tries to renew the certificate by ACME (RFC 8555), of an authority that stands in
// for a real one and refuses: the certificate comes nearer to its end.
type renewal struct {
	tel       *otelmail.Telemetry
	log       *slog.Logger
	authority *http.Server
	directory string
	end       context.CancelFunc
	running   sync.WaitGroup
}

const renewEvery = time.Minute

func startRenewal(tel *otelmail.Telemetry, log *slog.Logger) (*renewal, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the certificate authority: %w", err)
	}
	r := &renewal{tel: tel, log: log, directory: "http://" + l.Addr().String() + "/directory"}
	r.authority = &http.Server{Handler: http.HandlerFunc(refuseOrder), ReadHeaderTimeout: 10 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	r.end = cancel
	r.running.Go(func() { _ = r.authority.Serve(l) }) // ends when it is closed
	r.running.Go(func() { r.run(ctx) })
	return r, nil
}

func refuseOrder(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprint(w, `{"type":"urn:ietf:params:acme:error:unauthorized","detail":"this authority knows nobody"}`)
}

func (r *renewal) run(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		_, err := (&acme.Client{DirectoryURL: r.directory}).Discover(ctx)
		if err != nil && ctx.Err() == nil {
			r.tel.Host.ACMEError(problemOf(err))
			r.log.Debug("the certificate was not renewed", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// problemOf is the type of the problem document, "" for an error without one.
func problemOf(err error) string {
	if problem, ok := errors.AsType[*acme.Error](err); ok {
		return problem.ProblemType
	}
	return ""
}

// stop implements [server].
func (r *renewal) stop(context.Context) {
	r.end()
	_ = r.authority.Close()
	r.running.Wait()
}
