package integration

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/integration/internal/sessions"
)

// TestDemosPOP3: the same of a server that is written on observe.POP3, the demo's. Its
// series are those on the page, its spans those that reach a Collector.
func TestDemosPOP3(t *testing.T) {
	for _, mode := range []sessions.Mode{sessions.Plaintext, sessions.StartTLS, sessions.Implicit} {
		t.Run(mode.String(), func(t *testing.T) {
			collector := peer.StartCollector(t)
			d := startDemo(t, launch{env: append(pushTo(collector, "http/protobuf"), "OTEL_BSP_SCHEDULE_DELAY=5")})
			address := d.pop3
			if mode == sessions.Implicit {
				address = d.pop3s
			}
			mailbox := &sessions.Server{User: user, Password: password, Domains: []string{"example.org"}, Dial: dialer(d.smtp)}
			for range 2 + *sessionCount/40 { // sessions delete messages, now and then
				deliver(t, mailbox)
			}
			d.settled()
			checkServer(t, &sessions.Server{
				Protocol: sessions.POP3, Mode: mode, User: user, Password: password,
				TLS: unverified, Dial: dialer(address), Counts: d.pop3Counts(collector),
			})
			d.stop()
		})
	}
}

func dialer(address string) func() (net.Conn, error) {
	return func() (net.Conn, error) { return net.Dial("tcp", address) }
}

// pop3Counts reads every counter that no deleted message changes, and the spans. When
// no session is open it waits for their spans, which come by another way than the page.
func (d *demo) pop3Counts(c *peer.Collector) func() (sessions.Counts, error) {
	spans, ended := sessions.Counts{}, int64(0)
	return func() (sessions.Counts, error) {
		for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			counts := sessions.Counts{}
			for series, value := range d.page() {
				if name, moves := pop3Series(series); moves {
					counts[name] = int64(value)
				}
			}
			for _, s := range c.NewTraces() {
				if strings.HasSuffix(s.Name, " session") {
					ended++
				}
				if s.Attributes["error.type"] == nil || s.Attributes["error.type"] == "err" || s.Name == "POP3 session" {
					spans[spanName(s)]++
				}
			}
			for name, n := range spans {
				counts["span "+name] = n
			}
			begun := counts["tls_sessions_total/no"] + counts["tls_sessions_total/yes"]
			switch {
			case counts["active_connections/pop3"] > 0 || ended == begun:
				return counts, nil
			case time.Now().After(deadline):
				return nil, fmt.Errorf("%d sessions have begun, and %d spans of them have come", begun, ended)
			}
		}
	}
}

// pop3Series is the name of a series as a client counts it, for those that move by what
// clients do.
func pop3Series(series string) (name string, moves bool) {
	name = strings.TrimPrefix(series, namespace+"_")
	name, labels, _ := strings.Cut(name, "{")
	moves = strings.HasSuffix(name, "_total") && name != "messages_total" && name != "telemetry_sent_total" || name == "active_connections"
	for i, part := range strings.Split(labels, `"`) {
		if i%2 == 1 {
			name += "/" + part // the labels are sorted by their names
		}
	}
	return name, moves
}
