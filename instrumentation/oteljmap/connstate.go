package oteljmap

import (
	"crypto/tls"
	"net"
	"net/http"
	"reflect"
	"sync"

	"github.com/rusmes/otelmail"
)

// ConnState returns a hook for [http.Server.ConnState] that counts connections
// to the JMAP server in active_connections and tls_sessions_total: from when
// they are accepted until they are closed, or until a handler takes them over
// (WebSocket), when net/http no longer knows of them. A server that has a hook
// of its own calls this one in it, with every state. One hook may serve several
// servers. A nil tel records nothing.
func ConnState(tel *otelmail.Telemetry) func(net.Conn, http.ConnState) {
	if tel == nil {
		tel = otelmail.Noop()
	}
	c := &connections{tel: tel, open: make(map[net.Conn]otelmail.JMAPConnection)}
	return c.changed
}

type connections struct {
	tel *otelmail.Telemetry

	mu   sync.Mutex
	open map[net.Conn]otelmail.JMAPConnection
}

func (c *connections) changed(nc net.Conn, state http.ConnState) {
	if nc == nil || !reflect.ValueOf(nc).Comparable() { // no key of a map
		return
	}
	switch state {
	case http.StateNew:
		c.opened(nc)
	case http.StateHijacked, http.StateClosed:
		c.closed(nc)
	}
}

func (c *connections) opened(nc net.Conn) {
	// Its addresses are not asked for: net/http calls the hook in its accept loop,
	// where RemoteAddr behind the PROXY protocol would wait for the client.
	var about otelmail.Conn
	if _, ok := nc.(interface{ ConnectionState() tls.ConnectionState }); ok {
		about.TLS = &tls.ConnectionState{} // the handshake is still to come
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, again := c.open[nc]; !again {
		c.open[nc] = c.tel.JMAP.Connect(about)
	}
}

func (c *connections) closed(nc net.Conn) {
	c.mu.Lock()
	connection, ok := c.open[nc]
	delete(c.open, nc)
	c.mu.Unlock()
	if ok {
		connection.Close()
	}
}
