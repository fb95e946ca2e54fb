package prometheus

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// mostConns and mostConnsEach bound the connections of the server, and those of one
	// origin, which is a network behind one address too.
	mostConns     = 256
	mostConnsEach = 64
	// TLS handshakes of one origin: a proxy may bring several scrapers.
	handshakesEach  = rate.Limit(20) // a second
	handshakesBurst = 100
	mostOrigins     = 4096
)

// connections bounds what strangers hold open, before anything is read. Where there are too
// many, a newcomer takes the place of one that has waited longest: so nobody can keep others
// out by holding on. Requests are let end, and who has logged in keeps the connection.
type connections struct {
	problems *problems
	tls      bool
	reserve  *reserve

	mu      sync.Mutex
	open    map[*connection]struct{}
	origins map[origin]*clients
	sweep   time.Time // when origins may be tidied up again
}

// clients are those of one origin.
type clients struct {
	open       int
	handshakes *rate.Limiter
}

// connection is one of them; its fields are guarded by all.mu.
type connection struct {
	net.Conn
	all     *connections
	from    origin
	clients *clients
	busy    int       // requests that are being answered
	trusted bool      // by its last login, or by its certificate
	since   time.Time // when it began to wait for a request
}

func newConnections(p *problems, withTLS bool, r *reserve) *connections {
	return &connections{problems: p, tls: withTLS, reserve: r, open: make(map[*connection]struct{}), origins: make(map[origin]*clients)}
}

// boundedListener accepts what connections admits.
type boundedListener struct {
	net.Listener
	connections *connections
}

func (l boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.next()
		if err != nil {
			return nil, err
		}
		if admitted := l.connections.admit(c); admitted != nil {
			return admitted, nil
		}
		_ = c.Close()
	}
}

var (
	errManyConns      = errors.New("too many connections at once: some are closed")
	errManyHandshakes = errors.New("too many TLS handshakes from one address: connections are closed")
)

// admit returns nil for a connection that is to be closed.
func (a *connections) admit(c net.Conn) *connection {
	admitted, closed, err := a.enter(c)
	if closed != nil {
		_ = closed.Conn.Close()
	}
	if err != nil {
		a.problems.add(problem{reasonConnection, err})
	}
	return admitted
}

// enter returns the connection if it is admitted, and the one that gives way to it.
func (a *connections) enter(c net.Conn) (_, closed *connection, _ error) {
	from := originOf(c.RemoteAddr().String())
	a.mu.Lock()
	defer a.mu.Unlock()
	of, from := a.of(from)
	if a.tls && !of.handshakes.Allow() {
		return nil, nil, errManyHandshakes
	}
	var err error
	if of.open >= mostConnsEach || len(a.open) >= mostConns {
		err = errManyConns
		if closed = a.longestWaiting(of); closed == nil {
			return nil, nil, err
		}
		a.leave(closed)
	}
	one := &connection{Conn: c, all: a, from: from, clients: of, since: time.Now()}
	a.open[one] = struct{}{}
	of.open++
	return one, closed, err
}

// of returns the clients of an origin. When there are too many, the rest are one.
func (a *connections) of(from origin) (*clients, origin) {
	if known := a.origins[from]; known != nil {
		return known, from
	}
	if now := time.Now(); len(a.origins) >= mostOrigins && now.After(a.sweep) {
		a.sweep = now.Add(time.Second)
		for other, c := range a.origins { // those that are as if they had never come
			if c.open == 0 && c.handshakes.Tokens() >= handshakesBurst {
				delete(a.origins, other)
			}
		}
	}
	if len(a.origins) >= mostOrigins {
		from = origin{}
	}
	known := a.origins[from]
	if known == nil {
		known = &clients{handshakes: rate.NewLimiter(handshakesEach, handshakesBurst)}
		a.origins[from] = known
	}
	return known, from
}

// longestWaiting finds the connection that gives way: one of the same origin if that has
// too many, else of the origin that has most.
func (a *connections) longestWaiting(of *clients) (found *connection) {
	for c := range a.open {
		switch {
		case c.busy > 0 || c.trusted || of.open >= mostConnsEach && c.clients != of:
		case found == nil, c.clients.open > found.clients.open,
			c.clients.open == found.clients.open && c.since.Before(found.since):
			found = c
		}
	}
	return found
}

// makeRoom closes the connection that gives way first, if there is one.
func (a *connections) makeRoom() bool {
	a.mu.Lock()
	closed := a.longestWaiting(&clients{})
	if closed != nil {
		a.leave(closed)
	}
	a.mu.Unlock()
	return closed != nil && closed.Conn.Close() == nil
}

func (a *connections) leave(c *connection) {
	if _, ok := a.open[c]; ok {
		delete(a.open, c)
		c.clients.open--
	}
}

// Close frees the connection's place.
func (c *connection) Close() error {
	c.all.mu.Lock()
	c.all.leave(c)
	c.all.mu.Unlock()
	defer c.all.reserve.fill()
	return c.Conn.Close()
}

type connectionKey struct{}

// withConnection is the server's ConnContext.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	if over, ok := c.(*tls.Conn); ok {
		c = over.NetConn()
	}
	if one, ok := c.(*connection); ok {
		return context.WithValue(ctx, connectionKey{}, one)
	}
	return ctx
}

// whileBusy keeps a connection open while it is being answered.
func whileBusy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(connectionKey{}).(*connection)
		if ok {
			c.begin(r.TLS != nil && len(r.TLS.VerifiedChains) > 0)
			defer c.end()
		}
		next.ServeHTTP(w, r)
	})
}

func (c *connection) begin(trusted bool) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.busy++
	c.trusted = c.trusted || trusted
}

func (c *connection) end() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.busy--
	c.since = time.Now()
}

// trust says whether the request in ctx has logged in.
func trust(ctx context.Context, trusted bool) {
	if c, ok := ctx.Value(connectionKey{}).(*connection); ok {
		c.all.mu.Lock()
		defer c.all.mu.Unlock()
		c.trusted = trusted
	}
}
