package otelmail

import (
	"crypto/tls"
	"net"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
)

// protocol is a mail access or transfer protocol. LMTP and submission count as SMTP.
type protocol uint8

const (
	protocolSMTP protocol = iota
	protocolIMAP
	protocolJMAP
	protocolPOP3
)

var protocolNames = []string{"smtp", "imap", "jmap", "pop3"}

func (p protocol) String() string { return protocolNames[p] }

func (p protocol) component() Component {
	return [...]Component{ComponentSMTP, ComponentIMAP, ComponentJMAP, ComponentPOP3}[p]
}

// Conn describes the connection that a session runs over.
type Conn struct {
	// Remote is the client, Local the listener's side. Either may be nil.
	Remote, Local net.Addr
	// TLS is the state of a connection that began with TLS (implicit TLS), nil
	// for one that began in plaintext.
	TLS *tls.ConnectionState
}

// tlsMode is a value of the label tls.
type tlsMode uint8

const (
	tlsYes tlsMode = iota
	tlsNo
	tlsStartTLS
)

var (
	activeConnections = define(catalog.Metric{
		Name: "active_connections", Kind: catalog.Gauge, Unit: "{connection}", Fleet: catalog.Sum,
		Help: "Connections open now, by protocol",
		Rise: "More clients are connected, or they stay longer: compare with the rate of new connections. A level that only grows is a leak of sessions or clients that never quit.",
		Labels: []catalog.Label{{Key: "protocol", Values: protocolNames,
			Help: "The protocol; LMTP and submission count as smtp"}},
	})
	tlsSessions = define(catalog.Metric{
		Name: "tls_sessions_total", Kind: catalog.Counter, Unit: "{session}",
		Help: "Sessions that began with implicit TLS (yes) or in plaintext (no), and those upgraded later (starttls)",
		Rise: "`no` counts every session that began in plaintext; those not followed by `starttls` stayed so. A falling share of `starttls` points to an expired certificate or to clients that gave up on TLS.",
		Labels: []catalog.Label{{Key: "tls", Values: []string{"yes", "no", "starttls"},
			Help: "yes: implicit TLS; no: began in plaintext; starttls: upgraded (counts beside `no`)"}},
	})
)

// connections counts what the protocols have in common.
type connections struct {
	active     []*count.Counter // a gauge, kept like a counter: sessions only add to it and take from it
	tls        []*count.Counter
	unfollowed map[protocol]*count.Counter
	handshakes *handshakes // of clients
	commands   *commands
	open       *openSessions
}

func newConnections(b *binder, in *handshakes, open *openSessions) *connections {
	unfollowed := b.counters(selfUnfollowed)
	return &connections{active: b.counters(activeConnections), tls: b.counters(tlsSessions),
		unfollowed: map[protocol]*count.Counter{protocolSMTP: unfollowed[0], protocolIMAP: unfollowed[1], protocolPOP3: unfollowed[2]},
		handshakes: in, commands: newCommands(b), open: open}
}

func (c *connections) opened(p protocol, conn Conn) {
	if c == nil {
		return
	}
	c.active[p].Add(1)
	mode := tlsNo
	if conn.TLS != nil {
		mode = tlsYes
	}
	c.tls[mode].Add(1)
}

func (c *connections) upgraded()         { c.tls[tlsStartTLS].Add(1) }
func (c *connections) closed(p protocol) { c.active[p].Add(-1) }
