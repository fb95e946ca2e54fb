package prometheus

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/rusmes/otelmail/exporters/prometheus/internal/webfile"
	"github.com/rusmes/otelmail/internal/settings"
)

// Option configures [NewServer] and [Serve]. Every [HandlerOption] is one too.
// A wrong option makes [otelmail.Start] fail with an error that names the
// option, the value and what is allowed.
type Option interface {
	applyServer(*serverConfig) error
}

type serverOption func(*serverConfig) error

func (f serverOption) applyServer(c *serverConfig) error { return f(c) }

// serverConfig is what the options set. Zero values mean "not set".
type serverConfig struct {
	address        string
	probeAddress   string
	path           string
	webConfigFile  string
	readWebConfig  func(string) webfile.Contents
	users          users // nil without
	pages          []extraPage
	pprof          bool
	handlerOptions []HandlerOption
}

// extraPage is a page of the application on our server.
type extraPage struct {
	path    string
	handler http.Handler
}

func newServerConfig(opts []Option) (*serverConfig, error) {
	c := &serverConfig{}
	var errs []error
	for i, opt := range opts {
		if opt == nil {
			errs = append(errs, fmt.Errorf("option %d is nil", i+1))
			continue
		}
		errs = append(errs, opt.applyServer(c))
	}
	return c, errors.Join(errs...)
}

// WithAddress sets where to listen: host:port, unix:/path of a socket that is made, or
// systemd:NAME for one that systemd has opened, see the package comment. An empty host means
// all addresses; port 0 lets the system choose, see [Server.Addr]. Default:
// OTEL_EXPORTER_PROMETHEUS_HOST and _PORT, each for its half, then
// RUSMES_METRICS_BIND_ADDRESS, then 0.0.0.0:9090.
func WithAddress(address string) Option {
	return serverOption(func(c *serverConfig) error {
		if !validAddress(address) {
			return settings.Invalid("WithAddress", address, settings.MetricsBindAddress.Wants())
		}
		c.address = address
		return nil
	})
}

// WithProbeAddress serves /health, /ready and /live on an address of their own besides, in
// plain HTTP and nothing else: for an orchestrator that has no client certificate, where
// [WithWebConfigFile] demands one, or that reaches no socket. The address is one as
// [WithAddress] takes it. Port 0 lets the system choose, see [Server.ProbeAddr].
// Default: RUSMES_PROBES_BIND_ADDRESS, else none: the probes are on the metrics' address
// alone, where they are in any case.
func WithProbeAddress(address string) Option {
	return serverOption(func(c *serverConfig) error {
		if !validAddress(address) {
			return settings.Invalid("WithProbeAddress", address, settings.ProbesBindAddress.Wants())
		}
		c.probeAddress = address
		return nil
	})
}

// WithPath sets where the metrics are. Default: RUSMES_METRICS_PATH, then
// /metrics. At "/" they take the place of the page of links, and
// leave none for exporters/live.
func WithPath(path string) Option {
	return serverOption(func(c *serverConfig) error {
		if why := wrongPath(path); why != "" {
			return settings.Invalid("WithPath", path, why)
		}
		c.path = path
		return nil
	})
}

// WithWebConfigFile reads TLS, client certificates, Basic auth, headers and a
// rate limit from Prometheus's web configuration file:
// https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
//
// The file and the certificates that it names are checked at Start, and looked at again at
// most once a second while requests come. A change takes effect when the files have stayed
// the same for a second. If they cannot be used, or would switch TLS on or off or take away
// the users or the client certificates that were asked for, the last good ones hold on, and
// that is reported and counted, see the package comment; a new Start takes them as they are.
//
// Its basic_auth_users (bcrypt of cost 4 to 15), headers and rate_limit cover everything
// except the probes, which stay open. TLS covers the probes as well: a client certificate is
// asked for before the path is sent, so with RequireAndVerifyClientCert a probe needs one,
// except on a listener of its own ([WithProbeAddress]). Default: no file, plain HTTP.
//
// What reads the file is webconfig.Read, of the package of that name beside this one.
func WithWebConfigFile(file string, read func(file string) webfile.Contents) Option {
	return serverOption(func(c *serverConfig) error {
		switch {
		case file == "":
			return settings.Invalid("WithWebConfigFile", file, "the name of a web configuration file")
		case read == nil:
			return settings.Invalid("WithWebConfigFile", "nil", "webconfig.Read beside the name of the file")
		}
		c.webConfigFile, c.readWebConfig = file, read
		return nil
	})
}

// WithBasicAuth asks for one user's name and password on every path except the
// probes and the page of links; the page of exporters/live is covered. The password
// is given as its bcrypt hash of cost 4 to 15, as "htpasswd -nBC 10 user" prints it
// after the colon. It is meant for TLS, or for a private network: Basic auth sends the password itself. Do not
// use it together with basic_auth_users of [WithWebConfigFile]: a request can carry
// only one password. Default: no authentication.
func WithBasicAuth(username, bcryptHash string) Option {
	return serverOption(func(c *serverConfig) error {
		if err := checkUser(username, bcryptHash); err != nil {
			return fmt.Errorf("WithBasicAuth: %w", err)
		}
		c.users = users{username: bcryptHash}
		return nil
	})
}

// WithPprof serves the profiles of the process, for "go tool pprof", at /debug/pprof/: those of
// runtime/pprof by name, CPU profiles (profile?seconds=30) and execution traces (trace?seconds=1) of
// at most 5 minutes. Two are made at a time; what is beyond is answered 503. Users and client
// certificates are asked for as on /metrics. Where there are none, Start fails unless the address is
// of this machine alone, which a Unix socket is too. With OTEL_SDK_DISABLED=true there are no
// profiles. Default: RUSMES_PPROF_ENABLED, then false: that path is 404.
func WithPprof() Option {
	return serverOption(func(c *serverConfig) error { c.pprof = true; return nil })
}

// WithPage adds a page of the application. A path that
// ends in "/" covers everything below it. [WithBasicAuth] and the web configuration's
// users cover it too. An answer may take 20 s more than [WithScrapeTimeout].
// Default: none.
func WithPage(path string, page http.Handler) Option {
	return serverOption(func(c *serverConfig) error {
		if page == nil {
			return settings.Invalid("WithPage "+path, "nil", "a handler")
		}
		if why := wrongPagePath(path); why != "" {
			return settings.Invalid("WithPage", path, why)
		}
		for _, other := range c.pages {
			if other.path == path {
				return settings.Invalid("WithPage", path, "a path that is given once")
			}
		}
		c.pages = append(c.pages, extraPage{path, page})
		return nil
	})
}
