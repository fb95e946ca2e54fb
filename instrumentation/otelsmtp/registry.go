package otelsmtp

import (
	"runtime"
	"sync"
	"weak"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
)

// registry finds the state of a *smtp.Conn, which has no room for it. It keeps
// no connection alive: an entry goes when the garbage collector takes the Conn.
// Not when the session ends, because go-smtp still obeys commands that came in
// one packet behind QUIT, and they belong to a connection already counted.
type registry struct {
	mu    sync.RWMutex
	conns map[weak.Pointer[smtp.Conn]]*connection
}

func (r *registry) find(c *smtp.Conn) *connection {
	key := weak.Make(c)
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.conns[key]
}

func (r *registry) add(c *smtp.Conn, conn *connection) {
	key := weak.Make(c)
	r.mu.Lock()
	if r.conns == nil {
		r.conns = make(map[weak.Pointer[smtp.Conn]]*connection)
	}
	r.conns[key] = conn
	r.mu.Unlock()
	runtime.AddCleanup(c, r.remove, key)
}

// remove forgets a connection, and ends its session should nobody have done so:
// a client that went away after STARTTLS is never logged out.
func (r *registry) remove(key weak.Pointer[smtp.Conn]) {
	r.mu.Lock()
	conn := r.conns[key]
	delete(r.conns, key)
	r.mu.Unlock()
	if conn != nil {
		conn.session.End(otelmail.CauseNone)
	}
}
