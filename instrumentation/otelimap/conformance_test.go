package otelimap_test

import (
	"context"
	"crypto/tls"
	"net"
	"testing"

	"github.com/emersion/go-imap/v2/imapserver"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/otelmailtest"
)

// What a server of go-imap's counts is what is said on the wire, whoever the client is. Each
// session has a store of its own.
func TestConformance(t *testing.T) {
	for name, listen := range map[string]func(net.Listener) net.Listener{
		"IMAP":  nil,
		"IMAPS": func(l net.Listener) net.Listener { return tls.NewListener(l, certificate(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ended := tracetest.NewSpanRecorder()
			w := newWorld(t, setup{
				tel: []otelmail.StartOption{otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
					p.AddSpanProcessor(ended)
					return nil
				}))},
				listen: listen,
				session: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
					return quiet{asRev2(newStore(t).NewSession())}, nil, nil
				},
			})
			server := otelmailtest.Server{Metrics: otelmailtest.MetricsFrom(w.Tel.Reader()), Spans: ended.Ended, User: "bob@example.org", Sessions: 30}
			if dial := otelmailtest.DialTCP(w.addr); name == "IMAPS" {
				server.IMAPS = dial
			} else {
				server.IMAP = dial
			}
			otelmailtest.Conformance(t, server)
		})
	}
}

// quiet reports nothing in IDLE: imapserver goes on while Idle is still at work, if the client
// does not end it by DONE, and imapmemserver is not made for that.
type quiet struct{ imapserver.SessionIMAP4rev2 }

func (quiet) Idle(_ *imapserver.UpdateWriter, stop <-chan struct{}) error {
	<-stop
	return nil
}
