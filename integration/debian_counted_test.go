//go:build debian

package integration

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/integration/internal/servers"
	"github.com/rusmes/otelmail/internal/sessions"
)

// counted is one use of a real client through a proxy that counts on its own.
type counted struct {
	protocol sessions.Protocol
	mode     sessions.Mode
	server   func(*demo) string
	run      func(*testing.T, at)
	besides  page // what changes behind the protocol
	// said are some of the spans that the proxy must have seen: the client has done what
	// it was told to.
	said []string
}

// at is where a client works.
type at struct {
	host, port  string // of the proxy
	dir         string // a folder for it
	certificate string // the proxy's
}

// eachCounted wants every series on the page, and every command's span in the Collector,
// to be what the proxy has counted.
func eachCounted(t *testing.T, uses map[string]counted) {
	for name, u := range uses {
		t.Run(name, func(t *testing.T) {
			collector := peer.StartCollector(t)
			d := startDemo(t, launch{env: append(pushTo(collector, "http/protobuf"), // all at the end: what was sent is on the page too
				"OTEL_BSP_SCHEDULE_DELAY=600000", "OTEL_BLRP_SCHEDULE_DELAY=600000", "OTEL_METRIC_EXPORT_INTERVAL=600000")})
			protocol := map[string]string{d.smtp: "smtp", d.submissions: "smtp", d.imap: "imap", d.pop3: "pop3"}[u.server(d)]
			first := d.page()
			moves := page{}
			if protocol != "smtp" {
				for range letters { // to read, by the way that other tests count
					if err := d.bringLetter(own); err != nil {
						t.Fatal(err)
					}
				}
				moves = page{connections: letters, plaintext: letters, received: letters, forLocal: letters,
					processed: letters, delivered: letters, stored: letters}
				d.settled()
			}
			where := at{host: "localhost", dir: t.TempDir()}
			var key string
			where.certificate, key = servers.SelfSigned(t, where.dir)
			certificate, err := tls.LoadX509KeyPair(where.certificate, key)
			if err != nil {
				t.Fatal(err)
			}
			proxy, err := sessions.StartProxy(u.protocol, u.mode, u.server(d), certificate, func(p *sessions.Proxy) { d.wantOpen(protocol, p) })
			if err != nil {
				t.Fatal(err)
			}
			_, where.port, _ = net.SplitHostPort(proxy.Address())
			u.run(t, where)
			counts, dialogue, err := proxy.Close()
			if err != nil {
				t.Error(err)
			}
			spans := sessions.Counts{}
			for series, n := range counts {
				switch {
				case strings.HasPrefix(series, "span "):
					spans[strings.TrimPrefix(series, "span ")] = n
				case series == "smtp_session_duration_seconds_count": // wantMoved knows
				default:
					if name, _, _ := strings.Cut(series, "{"); countedElsewhere[strings.TrimSuffix(strings.TrimSuffix(name, "_count"), "_sum")] == "" {
						moves[namespace+"_"+series] += float64(n)
					}
				}
			}
			moves.add(u.besides)
			moves[pushed] = 1
			d.wantMoved(first, moves)
			d.stop()
			d.wantEmptyLog()
			for _, want := range u.said {
				if spans[want] == 0 {
					t.Errorf("the client has not said %s", want)
				}
			}
			wantSpans(t, collector, strings.ToUpper(protocol), spans)
			if t.Failed() {
				t.Logf("counted: %v\n%s", counts, dialogue)
			}
		})
	}
}

// letters are in the mailbox before a client reads it.
const letters = 3

// wantOpen wants the gauge of connections to be what the proxy holds open.
func (d *demo) wantOpen(protocol string, p *sessions.Proxy) {
	var text, want string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		want = fmt.Sprintf("\nrusmes_active_connections{protocol=%q} %d\n", protocol, p.Open())
		if _, text = d.get("/metrics"); strings.Contains(text, want) {
			return
		}
	}
	d.t.Errorf("no %q on\n%s", want, text)
}

// wantSpans wants the spans that a server has made of a protocol to be these.
func wantSpans(t *testing.T, c *peer.Collector, protocol string, want sessions.Counts) {
	t.Helper()
	got := sessions.Counts{}
	for _, s := range c.Traces() {
		kind := "server"
		if s.Name == protocol+" session" {
			kind = "internal"
		}
		if s.Kind != kind || !strings.HasPrefix(s.Name, protocol+" ") {
			continue
		}
		got[spanName(s)]++
	}
	if !maps.Equal(got, want) {
		t.Errorf("the spans are\n%v, want\n%v", got, want)
	}
}
