package prometheus

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
	"golang.org/x/time/rate"
)

// webConfig is the web configuration file with the certificates that it names. It is
// looked at again while connections and requests come. What cannot be used does not take
// the place of what could: a file that is being written must not close the probes, nor open
// the metrics.
type webConfig struct {
	file     string
	problems *problems
	current  atomic.Pointer[webSettings]
	next     atomic.Int64 // when to look again, in Unix nanoseconds

	mu    sync.Mutex // held while looking
	seen  [sha256.Size]byte
	wrong error // with what was seen last
}

// webSettings are what a file says.
type webSettings struct {
	config  web.Config
	tls     *tls.Config // nil without
	users   users
	limiter *rate.Limiter // nil without
}

const (
	// lookEvery is how soon a change is found.
	lookEvery = time.Second
	// settled is for how long a file must be unchanged: half a file is often a valid one, that
	// lacks a user or a client's certificate.
	settled = time.Second
)

// openWebConfig reads the file, and checks it. An empty name is no file.
func openWebConfig(file string, p *problems) (*webConfig, error) {
	c := &webConfig{file: file, problems: p}
	if file == "" {
		c.current.Store(&webSettings{})
		return c, nil
	}
	f := readWebFiles(file)
	s, err := f.settings()
	if err != nil {
		return nil, err
	}
	c.seen = f.sum()
	c.current.Store(s)
	return c, nil
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
	f := readWebFiles(c.file)
	if sum := f.sum(); sum != c.seen {
		if age := now.Sub(f.changed); age >= 0 && age < settled {
			return
		}
		c.seen, c.wrong = sum, c.replace(f)
	}
	if c.wrong != nil {
		c.problems.add(problem{reasonConfig, fmt.Errorf("WithWebConfigFile: %q cannot be used, what it said before holds on: %w", c.file, c.wrong)})
	}
}

func (c *webConfig) replace(f webFiles) error {
	s, err := f.settings()
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

// webFiles are the contents of a web configuration file and of the files that it names.
type webFiles struct {
	name    string
	config  web.Config
	content []byte
	cert    []byte
	key     []byte
	ca      []byte
	changed time.Time // the latest of them
	err     error
}

func readWebFiles(name string) webFiles {
	f := webFiles{name: name, config: web.Config{ // the defaults of exporter-toolkit
		TLSConfig:  web.TLSConfig{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13},
		HTTPConfig: web.HTTPConfig{HTTP2: true},
	}}
	f.content = f.read(name)
	if f.err != nil {
		return f
	}
	if err := yaml.UnmarshalStrict(f.content, &f.config); err != nil {
		f.err = withoutValues(err)
		return f
	}
	t := &f.config.TLSConfig
	t.SetDirectory(filepath.Dir(name))
	f.cert, f.key, f.ca = f.read(t.TLSCertPath), f.read(t.TLSKeyPath), f.read(t.ClientCAs)
	return f
}

func (f *webFiles) read(name string) []byte {
	if name == "" {
		return nil
	}
	if info, err := os.Stat(name); err == nil && info.ModTime().After(f.changed) {
		f.changed = info.ModTime()
	}
	content, err := os.ReadFile(name)
	f.err = errors.Join(f.err, err)
	return content
}

// sum tells what was read from anything else.
func (f *webFiles) sum() [sha256.Size]byte {
	h := sha256.New()
	for _, part := range [][]byte{f.content, f.cert, f.key, f.ca, fmt.Append(nil, f.err)} {
		part := sha256.Sum256(part)
		h.Write(part[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// settings checks what was read and makes it ready for use.
func (f *webFiles) settings() (*webSettings, error) {
	if f.err != nil {
		return nil, f.err
	}
	// The toolkit's own check reads the file once more.
	if err := web.Validate(f.name); err != nil {
		return nil, err
	}
	if now, err := os.ReadFile(f.name); err != nil || !bytes.Equal(now, f.content) {
		return nil, errors.Join(errors.New("it changes while it is being read"), err)
	}
	s := &webSettings{config: f.config, users: make(users)}
	for name, hash := range f.config.Users {
		if err := checkUser(name, string(hash)); err != nil {
			return nil, fmt.Errorf("basic_auth_users: %q: %w", name, err)
		}
		s.users[name] = string(hash)
	}
	if limit := f.config.RateLimiterConfig; limit.Interval != 0 {
		s.limiter = rate.NewLimiter(rate.Every(limit.Interval), limit.Burst)
	}
	if !f.config.TLSConfig.IsEnabled() {
		return s, nil
	}
	var err error
	s.tls, err = f.tls()
	return s, err
}

// tls is what the toolkit makes of the contents that were read, so that no handshake reads a file.
func (f *webFiles) tls() (*tls.Config, error) {
	t := f.config.TLSConfig
	for _, one := range []struct {
		content      []byte
		path, inline *string
	}{
		{f.cert, &t.TLSCertPath, &t.TLSCert},
		{f.key, &t.TLSKeyPath, (*string)(&t.TLSKey)},
		{f.ca, &t.ClientCAs, &t.ClientCAsText},
	} {
		if *one.path != "" {
			*one.path, *one.inline = "", string(one.content)
		}
	}
	if t.ClientCAsText != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(t.ClientCAsText)) {
		return nil, errors.New("client_ca_file: there is no certificate in it")
	}
	c, err := web.ConfigToTLSConfig(&t)
	if err != nil {
		return nil, err
	}
	pair, err := c.GetCertificate(nil)
	if err != nil {
		return nil, err
	}
	c.Certificates, c.GetCertificate = []tls.Certificate{*pair}, nil
	c.NextProtos = []string{"h2", "http/1.1"}
	if !f.config.HTTPConfig.HTTP2 {
		c.NextProtos = c.NextProtos[1:]
	}
	return c, nil
}

var yamlValue = regexp.MustCompile("`[^`]*`")

// withoutValues keeps what stands in the file out of an error of YAML: it may be a secret
// in the wrong place.
func withoutValues(err error) error {
	return errors.New(yamlValue.ReplaceAllString(err.Error(), "a value"))
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
		for name, value := range c.config.HTTPConfig.Header {
			w.Header().Set(name, value)
		}
		if len(c.users) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		s.protected(c.users, w, r, next)
	})
}
