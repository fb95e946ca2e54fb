// Package webconfig reads Prometheus's web configuration files for exporters/prometheus. It is
// a package of its own because what reads them adds a megabyte and more to a program that
// has none, see docs/size.md:
//
//	prometheus.Serve(prometheus.WithWebConfigFile("web.yml", webconfig.Read))
package webconfig

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"

	"github.com/rusmes/otelmail/exporters/prometheus/internal/webfile"
)

// files are the contents of a web configuration file and of the files that it names.
type files struct {
	name    string
	config  web.Config
	content []byte
	cert    []byte
	key     []byte
	ca      []byte
	changed time.Time // the latest of them
	err     error
}

// Read reads a web configuration file and the files that it names, for
// prometheus.WithWebConfigFile.
func Read(name string) webfile.Contents {
	f := &files{name: name, config: web.Config{ // the defaults of exporter-toolkit
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

func (f *files) read(name string) []byte {
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

// Sum implements [webfile.Contents].
func (f *files) Sum() [sha256.Size]byte {
	h := sha256.New()
	for _, part := range [][]byte{f.content, f.cert, f.key, f.ca, fmt.Append(nil, f.err)} {
		part := sha256.Sum256(part)
		h.Write(part[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Changed implements [webfile.Contents].
func (f *files) Changed() time.Time { return f.changed }

// Settings implements [webfile.Contents].
func (f *files) Settings() (*webfile.Settings, error) {
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
	limit := f.config.RateLimiterConfig
	s := &webfile.Settings{
		Users: make(map[string]string), Headers: f.config.HTTPConfig.Header,
		Interval: limit.Interval, Burst: limit.Burst,
	}
	for name, hash := range f.config.Users {
		s.Users[name] = string(hash)
	}
	if !f.config.TLSConfig.IsEnabled() {
		return s, nil
	}
	var err error
	s.TLS, err = f.tls()
	return s, err
}

// tls is what the toolkit makes of the contents that were read, so that no handshake reads a file.
func (f *files) tls() (*tls.Config, error) {
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
