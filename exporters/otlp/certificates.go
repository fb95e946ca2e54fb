package otlp

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/rusmes/otelmail/internal/settings"
)

// certificates are what TLS is made with: what an option gave, or the files that the
// environment names. These are read again when they change, since what renews certificates
// (cert-manager, certbot) does not restart a mail server.
type certificates struct {
	ca, cert, key pemFile     // none: the option's, or the system's roots
	report        func(error) // of files that can no longer be used

	mu      sync.Mutex
	checked time.Time
	failed  int         // how often in a row
	config  *tls.Config // nil: the system's roots and no client certificate
}

// pemFile is a file that a variable names.
type pemFile struct {
	setting, path string
	content       []byte
}

// recheck is how long files are taken not to have changed.
const recheck = time.Second

// certificates reads the files that the environment names.
func (e *environment) certificates(s signal) *certificates {
	c := &certificates{report: func(error) {}}
	c.ca.path, c.ca.setting = e.String(settings.OTLPCertificate.For(s.name))
	c.cert.path, c.cert.setting = e.String(settings.OTLPClientCertificate.For(s.name))
	c.key.path, c.key.setting = e.String(settings.OTLPClientKey.For(s.name))
	switch {
	case c.cert.path == "" && c.key.path != "":
		e.Refuse(settings.Invalid(c.key.setting, shownPath(c.key.path), settings.OTLPClientCertificate.Name()+" beside it"))
		c.key = pemFile{}
	case c.cert.path != "" && c.key.path == "":
		e.Refuse(settings.Invalid(c.cert.setting, shownPath(c.cert.path), settings.OTLPClientKey.Name()+" beside it"))
		c.cert = pemFile{}
	}
	e.Refuse(c.read())
	c.checked = time.Now()
	return c
}

// current is what a connection that is made now uses: the files' last content that could
// be used.
func (c *certificates) current() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ca.path == "" && c.cert.path == "" || time.Since(c.checked) < recheck {
		return c.config
	}
	err := c.read()
	if err == nil {
		c.failed = 0
	} else if c.failed++; c.failed > 1 { // the first time they may have been half replaced
		c.report(fmt.Errorf("read certificates again, the last ones are used until that works: %w", err))
	}
	c.checked = time.Now()
	return c.config
}

// read makes config anew if a file has changed.
func (c *certificates) read() error {
	ca, errCA := c.ca.read()
	cert, errCert := c.cert.read()
	key, errKey := c.key.read()
	if err := errors.Join(errCA, errCert, errKey); err != nil {
		return err
	}
	if bytes.Equal(ca, c.ca.content) && bytes.Equal(cert, c.cert.content) && bytes.Equal(key, c.key.content) {
		return nil
	}
	config := &tls.Config{}
	if c.ca.path != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return settings.Invalid(c.ca.setting, shownPath(c.ca.path), "a PEM file with at least one certificate")
		}
	}
	if c.cert.path != "" {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("%w: %w", settings.Invalid(c.cert.setting+" with "+c.key.setting,
				shownPath(c.cert.path)+" with "+shownPath(c.key.path), "a readable PEM certificate and its key"), err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	c.ca.content, c.cert.content, c.key.content, c.config = ca, cert, key, config
	return nil
}

func (f *pemFile) read() ([]byte, error) {
	if f.path == "" {
		return nil, nil
	}
	content, err := os.ReadFile(f.path)
	if err == nil {
		return content, nil
	}
	if in, ok := errors.AsType[*fs.PathError](err); ok {
		err = in.Err // without the path, which may be a key
	}
	return nil, fmt.Errorf("%w: %w", settings.Invalid(f.setting, shownPath(f.path), settings.OTLPCertificate.Wants()), err)
}

// shownPath is path as it stands in errors: what may be a key itself, put where the path
// of its file belongs, is not shown.
func shownPath(path string) string {
	const short, long = 32, 200 // bytes: a key alone is longer than short, in base64 or hex too
	isPath := len(path) <= short || len(path) <= long && (filepath.IsAbs(path) || strings.Contains(path, "."))
	if isPath && !strings.Contains(path, "-----") && strings.IndexFunc(path, unicode.IsControl) < 0 {
		return path
	}
	return "…"
}
