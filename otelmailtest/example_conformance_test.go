package otelmailtest_test

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/otelmailtest"
)

// The page of docs/ shows this, and what it can be told beside.
func TestExampleConformance(t *testing.T) {
	t.Parallel()
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals(), otelmail.WithLogHandler(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	metrics, err := prometheus.NewHandler(tel.Reader())
	if err != nil {
		t.Fatal(err)
	}
	address := serveHandmade(t, recorded{Telemetry: tel}, none)

	// address is where your server listens, and metrics is its handler of /metrics.
	otelmailtest.Conformance(t, otelmailtest.Server{
		SMTP:    otelmailtest.DialTCP(address),
		Metrics: otelmailtest.MetricsOf(metrics),
	})

	url := httptest.NewServer(metrics)
	t.Cleanup(url.Close)
	server := otelmailtest.Server{SMTP: otelmailtest.DialTCP(address), Metrics: otelmailtest.MetricsAt(url.URL), Sessions: 5}
	server.User, server.Password = "alice", "correct horse"
	server.Recipients, server.Refused = []string{"alice@example.org"}, "nobody@example.org"
	server.Patience = 30 * time.Second // it delays its greeting
	server.Clients = 1                 // and takes one client at a time

	server.Pipelining = otelmailtest.PipeliningAlways // or PipeliningNever, or PipeliningAsOffered
	otelmailtest.Conformance(t, server)
	if why := otelmailtest.NotCompared()["queue_size"]; why == "" {
		t.Error("nobody says why the queue is left out")
	}
}
