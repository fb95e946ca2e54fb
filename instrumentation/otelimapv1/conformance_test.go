package otelimapv1_test

import (
	"context"
	"testing"

	"github.com/emersion/go-imap"
	"github.com/emersion/go-imap/backend"
	"github.com/emersion/go-imap/backend/memory"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/otelmailtest"
)

// stores gives each login a store of its own: memory's is for one goroutine.
type stores struct{}

func (stores) Login(info *imap.ConnInfo, name, password string) (backend.User, error) {
	return memory.New().Login(info, name, password)
}

// What a server of go-imap's first version counts is what is said on the wire, whoever the
// client is.
func TestConformance(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		t.Run(map[bool]string{false: "IMAP", true: "IMAPS"}[implicit], func(t *testing.T) {
			t.Parallel()
			ended := tracetest.NewSpanRecorder()
			w := newWorldOn(t, stores{}, implicit, otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
				p.AddSpanProcessor(ended)
				return nil
			})))
			server := otelmailtest.Server{Metrics: otelmailtest.MetricsFrom(w.Tel.Reader()), Spans: ended.Ended, User: "username", Password: "password", Sessions: 30}
			if dial := otelmailtest.DialTCP(w.addr); implicit {
				server.IMAPS = dial
			} else {
				server.IMAP = dial
			}
			otelmailtest.Conformance(t, server)
		})
	}
}
