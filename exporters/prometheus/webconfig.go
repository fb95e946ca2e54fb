package prometheus

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/rusmes/otelmail/exporters/prometheus/internal/webfile"
)

// webConfig is the web configuration file with the certificates that it names. It is
// looked at again while connections and requests come. What cannot be used does not take
// the place of what could: a file that is being written must not close the probes, nor open
// the metrics.
type webConfig struct {
	file     string
	read     func(string) webfile.Contents
	problems *problems
	current  atomic.Pointer[webSettings]
	next     atomic.Int64 // when to look again, in Unix nanoseconds

	mu    sync.Mutex // held while looking
	seen  [sha256.Size]byte
	wrong error // with what was seen last
}

// webSettings are what a file says.
type webSettings struct {
	tls     *tls.Config // nil without
	users   users
	headers map[string]string
	limiter *rate.Limiter // nil without
	// interval is that of limiter.
	interval time.Duration
}

const (
	// lookEvery is how soon a change is found.
	lookEvery = time.Second
	// settled is for how long a file must be unchanged: half a file is often a valid one, that
	// lacks a user or a client's certificate.
	settled = time.Second
)

// openWebConfig reads the file, and checks it. An empty name is no file.
func openWebConfig(file string, read func(string) webfile.Contents, p *problems) (*webConfig, error) {
	c := &webConfig{file: file, read: read, problems: p}
	if file == "" {
		c.current.Store(&webSettings{})
		return c, nil
	}
	f := read(file)
	s, err := newWebSettings(f)
	if err != nil {
		return nil, err
	}
	c.seen = f.Sum()
	c.current.Store(s)
	return c, nil
}

// newWebSettings makes what was read ready for use.
func newWebSettings(f webfile.Contents) (*webSettings, error) {
	read, err := f.Settings()
	if err != nil {
		return nil, err
	}
	s := &webSettings{tls: read.TLS, users: read.Users, headers: read.Headers}
	for name, hash := range s.users {
		if err := checkUser(name, hash); err != nil {
			return nil, fmt.Errorf("basic_auth_users: %q: %w", name, err)
		}
	}
	if read.Interval != 0 {
		s.limiter = rate.NewLimiter(rate.Every(read.Interval), read.Burst)
		s.interval = read.Interval
	}
	return s, nil
}

// settings returns what is to hold now.
func (c *webConfig) settings() *webSettings {
	now := time.Now()
	if c.file != "" && now.UnixNano() >= c.next.Load() && c.mu.TryLock() {
		c.look(now)
		c.next.Store(now.Add(lookEvery).UnixNano())
		c.mu.Unlock()
	}
	return c.current.Load()
}

func (c *webConfig) look(now time.Time) {
	f := c.read(c.file)
	if sum := f.Sum(); sum != c.seen {
		if age := now.Sub(f.Changed()); age >= 0 && age < settled {
			return
		}
		c.seen, c.wrong = sum, c.replace(f)
	}
	if c.wrong != nil {
		c.problems.add(problem{reasonConfig, fmt.Errorf("WithWebConfigFile: %q cannot be used, what it said before holds on: %w", c.file, c.wrong)})
	}
}

func (c *webConfig) replace(f webfile.Contents) error {
	s, err := newWebSettings(f)
	if err != nil {
		return err
	}
	if err := s.opens(c.current.Load()); err != nil {
		return err
	}
	c.current.Store(s)
	return nil
}

// opens is an error if strangers could do with s what they could not do before, or
// would have to speak another protocol. A cut file does that as easily as an operator, who
// can start the server anew.
func (s *webSettings) opens(before *webSettings) error {
	switch {
	case (s.tls == nil) != (before.tls == nil):
		return errors.New("TLS is switched on or off at start-up alone")
	case len(s.users) == 0 && len(before.users) > 0:
		return errors.New("basic_auth_users are taken away at start-up alone")
	case s.tls == nil:
		return nil
	case s.tls.ClientAuth < before.tls.ClientAuth:
		return errors.New("client_auth_type is made weaker at start-up alone")
	case s.tls.VerifyPeerCertificate == nil && before.tls.VerifyPeerCertificate != nil:
		return errors.New("client_allowed_sans are taken away at start-up alone")
	}
	return nil
}

// configured applies the file's headers, rate limit and users to all that next serves.
func (s *Server) configured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := s.web.settings()
		if c.limiter != nil && !c.limiter.Allow() {
			s.problems.add(problem{reasonRate, errors.New("requests are refused: more than rate_limit allows")})
			http.Error(w, http.StatusText(http.StatusTooManyRequests), http.StatusTooManyRequests)
			return
		}
		for name, value := range c.headers {
			w.Header().Set(name, value)
		}
		if len(c.users) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		s.protected(c.users, w, r, next)
	})
}
