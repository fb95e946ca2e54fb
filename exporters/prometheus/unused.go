package prometheus

import (
	"net"
	"net/http"
	"sync"
)

// unused holds the connections on which no request has begun. http.Server's
// Shutdown waits up to 5 s for such a one, which browsers open in advance and
// scanners leave open; at shutdown there is nothing in them to wait for.
type unused struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// track is a http.Server's ConnState.
func (u *unused) track(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if state != http.StateNew {
		delete(u.conns, c)
		return
	}
	if u.conns == nil {
		u.conns = make(map[net.Conn]struct{})
	}
	u.conns[c] = struct{}{}
}

func (u *unused) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		_ = c.Close()
	}
}
