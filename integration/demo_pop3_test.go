package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/integration/internal/servers"
	"github.com/rusmes/otelmail/otelmailtest"
)

// TestDemosPOP3: the same of a server that is written on observe.POP3, the demo's. Its
// series are those on the page, its spans those that reach a Collector.
func TestDemosPOP3(t *testing.T) {
	for name, listener := range map[string]func(*demo, *otelmailtest.Server){
		"POP3":  func(d *demo, s *otelmailtest.Server) { s.POP3 = otelmailtest.DialTCP(d.pop3) },
		"POP3S": func(d *demo, s *otelmailtest.Server) { s.POP3S = otelmailtest.DialTCP(d.pop3s) },
	} {
		t.Run(name, func(t *testing.T) {
			collector := peer.StartCollector(t)
			d := startDemo(t, launch{env: append(pushTo(collector, "http/protobuf"), "OTEL_BSP_SCHEDULE_DELAY=5")})
			for range 2 + *sessionCount/20 { // sessions delete messages, now and then
				deliver(t, otelmailtest.DialTCP(d.smtp), false, user, password, user+"@example.org")
			}
			d.settled()
			pushed := &pushedSpans{demo: d, collector: collector}
			server := otelmailtest.Server{
				User: user, Password: password, TLS: unverified, Pipelining: otelmailtest.PipeliningAlways,
				Metrics: pushed.page, Spans: func() []sdktrace.ReadOnlySpan { return pushed.spans },
			}
			listener(d, &server)
			conform(t, server)
			d.stop()
		})
	}
}

// pushedSpans are those that have reached a Collector.
type pushedSpans struct {
	demo      *demo
	collector *peer.Collector
	spans     []sdktrace.ReadOnlySpan
	ended     float64 // sessions
}

// page reads the page. When no session is open it waits for the spans of all, which come by
// another way.
func (p *pushedSpans) page(context.Context) (string, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		text := p.demo.classicPage()
		shown := readPage(p.demo.t, text)
		for _, s := range p.collector.NewTraces() {
			if !strings.HasPrefix(s.Name, "POP3 ") {
				continue
			}
			if s.Name == "POP3 session" {
				p.ended++
			} else if why := s.Attributes["error.type"]; why != nil && why != "err" {
				continue // no reply
			}
			p.spans = append(p.spans, servers.SpanOf(spanName(s)))
		}
		begun := shown[`rusmes_tls_sessions_total{tls="no"}`] + shown[`rusmes_tls_sessions_total{tls="yes"}`] - shown[`rusmes_smtp_connections_total`]
		switch {
		case shown[`rusmes_active_connections{protocol="pop3"}`] > 0 || p.ended == begun:
			return text, nil
		case time.Now().After(deadline):
			return "", fmt.Errorf("%v sessions have begun, and %v spans of them have come", begun, p.ended)
		}
	}
}
