package prometheus

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/checkup"
	"github.com/rusmes/otelmail/internal/settings"
)

// Check implements [export.Checker]. The addresses are listened on for an instant, and nobody
// is answered. One that is in use by a server like this one is no more than unwise: it may be
// the one that these settings are for.
func (s *Server) Check(ctx context.Context, p export.Pipeline) []export.Finding {
	heard := &overheard{Pipeline: p}
	trial := &Server{opts: s.opts}
	err := trial.Open(ctx, heard)
	c, _ := newServerConfig(s.opts)
	trial.showSettings(c, p, checkup.From(ctx))
	if err != nil {
		return append(heard.findings, inUse(ctx, err, trial.web)...)
	}
	if trial.listener == nil {
		return append(heard.findings, export.Finding{Level: export.Good, Text: settings.MetricsEnabled.Name() + " is false: nothing is served, the probes neither"})
	}
	findings := []export.Finding{{Level: export.Good, Text: "the metrics can be served on " + trial.listener.Addr().String() + trial.web.inWords()}}
	bind := readAddress(c.address, settings.NewEnv(p.LookupEnv, func(error) {}, false))
	if tcp, ok := trial.listener.Addr().(*net.TCPAddr); ok && tcp.IP.IsUnspecified() && bind.hostChosen {
		bind.hostChosen = false // Start takes it for what is meant
		trial.warnIfOpen(bind, c, heard)
	}
	findings = append(findings, heard.findings...)
	if trial.probeServer != nil {
		findings = append(findings, export.Finding{Level: export.Good, Text: "the probes can be served on " + trial.ProbeAddr().String()})
		err = trial.probeServer.shutdown(ctx)
	}
	findings = append(findings, trial.web.unwise(c.webConfigFile, trial.listener.Addr())...)
	return append(findings, checkup.Lines(export.Wrong, errors.Join(err, trial.shutdown(ctx)))...)
}

// overheard keeps the warnings of a server that is only tried.
type overheard struct {
	export.Pipeline
	findings []export.Finding
}

func (o *overheard) HandleError(err error) {
	o.findings = append(o.findings, checkup.Lines(export.Unwise, err)...)
}

// showSettings says what the options and the web configuration file have set.
func (s *Server) showSettings(c *serverConfig, p export.Pipeline, found *checkup.Checkup) {
	env := settings.NewEnv(p.LookupEnv, func(error) {}, false)
	if bind := readAddress(c.address, env); bind.from != "the default" {
		source := checkup.Variable(bind.from)
		if c.address != "" {
			source = checkup.Option("prometheus." + bind.from)
		}
		found.Set(settings.MetricsBindAddress, "", bind.address, source)
	}
	if c.probeAddress != "" {
		found.Set(settings.ProbesBindAddress, "", c.probeAddress, checkup.Option("prometheus.WithProbeAddress"))
	}
	if c.pprof {
		found.Set(settings.PprofEnabled, "", "true", checkup.Option("prometheus.WithPprof"))
	}
	if c.path != "" {
		found.Set(settings.MetricsPath, "", c.path, checkup.Option("prometheus.WithPath"))
	}
	for name := range c.users {
		found.SetInCode("prometheus.WithBasicAuth", name+":…", "option")
	}
	if c.webConfigFile == "" {
		return
	}
	found.SetInCode("prometheus.WithWebConfigFile", c.webConfigFile, "option")
	if s.web == nil {
		return
	}
	w, source := s.web.settings(), "file "+c.webConfigFile
	if w.tls != nil {
		found.SetInCode("tls_server_config", "TLS, client certificates: "+w.tls.ClientAuth.String(), source)
	}
	if len(w.users) > 0 {
		found.SetInCode("basic_auth_users", fmt.Sprint(len(w.users)), source)
	}
	if w.limiter != nil {
		found.SetInCode("rate_limit", fmt.Sprintf("%d, one more each %v", w.limiter.Burst(), w.interval), source)
	}
}

// inWords is what the web configuration file gives.
func (c *webConfig) inWords() string {
	if c.file == "" {
		return ""
	}
	text := fmt.Sprintf("; the web configuration file %q can be used", c.file)
	if c.settings().tls == nil {
		text += ", without TLS"
	}
	return text
}

// unwise judges what is in the file, for a server at the address.
func (c *webConfig) unwise(file string, at net.Addr) (findings []export.Finding) {
	w := c.settings()
	warn := func(format string, args ...any) {
		findings = append(findings, export.Finding{Level: export.Unwise, Text: fmt.Sprintf("WithWebConfigFile: %q: ", file) + fmt.Sprintf(format, args...)})
	}
	if w.tls == nil {
		if tcp, ok := at.(*net.TCPAddr); ok && len(w.users) > 0 && !tcp.IP.IsLoopback() {
			warn("passwords travel in plain text, without tls_server_config")
		}
		return findings
	}
	for _, pair := range w.tls.Certificates {
		if leaf := pair.Leaf; leaf != nil && time.Until(leaf.NotAfter) < 7*24*time.Hour {
			warn("the certificate is valid until %s", leaf.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	return findings
}

// inUse are the findings of an error of open: an address where a server like ours answers is
// no more than unwise, and so are sockets that the check was not passed.
func inUse(ctx context.Context, err error, web *webConfig) []export.Finding {
	if errors.Is(err, errNothingPassed) {
		return checkup.Lines(export.Unwise, fmt.Errorf("%w; no harm if this check is not run by that unit", err))
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return checkup.Lines(export.Wrong, err)
	}
	_, rest, _ := strings.Cut(err.Error(), "listen on ")
	address, _, _ := strings.Cut(rest, " ")
	if !answersAlive(ctx, address) && !hasCertificate(ctx, address, web) {
		return checkup.Lines(export.Wrong, err)
	}
	return []export.Finding{{Level: export.Unwise, Text: fmt.Sprintf(
		"%s is in use, and a mail server with such probes answers there: no harm if it is the one that these settings are for", address)}}
}

// answersAlive reports whether the address answers GET /live as we do.
func answersAlive(ctx context.Context, address string) bool {
	way := &http.Transport{DisableKeepAlives: true} // without a proxy
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		address = "localhost"
		way.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+health.LivePath, nil)
	if err != nil {
		return false
	}
	resp, err := way.RoundTrip(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var answer struct{ Alive *bool }
	return json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 1<<10)).Decode(&answer) == nil && answer.Alive != nil
}

// hasCertificate reports whether the address shows the certificate of our file.
func hasCertificate(ctx context.Context, address string, web *webConfig) (same bool) {
	if web == nil || web.settings().tls == nil {
		return false
	}
	ours := web.settings().tls.Certificates
	dialer := &tls.Dialer{Config: &tls.Config{
		InsecureSkipVerify: true, // it is compared with ours, and nothing is sent
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			same = len(ours) > 0 && len(raw) > 0 && bytes.Equal(raw[0], ours[0].Certificate[0])
			return nil
		},
	}}
	if conn, err := dialer.DialContext(ctx, "tcp", address); err == nil {
		_ = conn.Close()
	}
	return same
}
