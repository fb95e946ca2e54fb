package otelimapv1_test

import (
	"testing"

	"github.com/emersion/go-imap"
	"github.com/emersion/go-imap/backend"
	"github.com/emersion/go-imap/backend/memory"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
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
			reader := sdkmetric.NewManualReader()
			w := newWorldOn(t, stores{}, implicit, otelmail.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
			server := otelmailtest.Server{Metrics: otelmailtest.MetricsFrom(reader), Spans: w.spans.Ended, User: "username", Password: "password", Sessions: 30}
			if dial := otelmailtest.DialTCP(w.addr); implicit {
				server.IMAPS = dial
			} else {
				server.IMAP = dial
			}
			otelmailtest.Conformance(t, server)
		})
	}
}
