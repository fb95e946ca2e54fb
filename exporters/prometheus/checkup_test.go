package prometheus_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/check"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
)

// TestCheckOfTheWebConfigurationFile: what is wrong with it, and what is legal and unwise.
func TestCheckOfTheWebConfigurationFile(t *testing.T) {
	a := newAuthority(t)
	a.issue("ending")
	a.days = 30
	a.issue("server")
	const client = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
	user := "basic_auth_users:\n  prometheus: " + hash(t, "s3cret-password", bcrypt.MinCost) + "\n"
	for name, tc := range map[string]struct {
		content, address string
		want             []string // how the findings begin; but for %s, which is the file
	}{
		"TLS and a user":                        {serverTLS + user, "127.0.0.1:0", []string{"ok: the metrics can be served on 127.0.0.1:"}},
		"client certificates on all interfaces": {serverTLS + client, "0.0.0.0:0", []string{"ok: the metrics can be served on "}},
		"TLS alone on all interfaces":           {serverTLS, "0.0.0.0:0", []string{"ok: the metrics can be served on ", "warning: prometheus: everybody who reaches 0.0.0.0:0 can read the metrics"}},
		"a password in plain text":              {user, "0.0.0.0:0", []string{"ok: the metrics can be served on ", `warning: WithWebConfigFile: "%s": passwords travel in plain text, without tls_server_config`}},
		"a password on loopback":                {user, "127.0.0.1:0", []string{"ok: the metrics can be served on 127.0.0.1:"}},
		"a certificate that ends":               {strings.ReplaceAll(serverTLS, "server.", "ending."), "127.0.0.1:0", []string{"ok: the metrics can be served on 127.0.0.1:", `warning: WithWebConfigFile: "%s": the certificate is valid until `}},
		"a password in place of a hash":         {"basic_auth_users:\n  prometheus: s3cret-password\n", "127.0.0.1:0", []string{`wrong: prometheus: WithWebConfigFile: "%s" cannot be used: `}},
		"no YAML":                               {"s3cret-password", "127.0.0.1:0", []string{`wrong: prometheus: WithWebConfigFile: "%s" cannot be used: `}},
		"a key that is not there":               {strings.ReplaceAll(serverTLS, "server.key", "none.key"), "127.0.0.1:0", []string{`wrong: prometheus: WithWebConfigFile: "%s" cannot be used: `}},
	} {
		file := filepath.Join(a.dir, "web.yml")
		write(t, file, tc.content)
		r := check.Run(t.Context(), otelmail.WithLookupEnv(environment("OTEL_TRACES_SAMPLER", "always_off")),
			prometheus.Serve(prometheus.WithAddress(tc.address), prometheus.WithWebConfigFile(file, webconfig.Read)))
		good := len(r.Findings) >= len(tc.want)
		for i, want := range tc.want {
			good = good && strings.HasPrefix(r.Findings[i].Level.String()+": "+r.Findings[i].Text, strings.ReplaceAll(want, "%s", file))
		}
		if !good || len(tc.want) != len(r.Findings) && r.OK() {
			t.Errorf("%s: found %q, want %q", name, r.Findings, tc.want)
		}
		if strings.Contains(fmt.Sprint(r), "s3cret") || strings.Contains(fmt.Sprint(r), "$2") {
			t.Errorf("%s: a secret is shown: %q", name, r)
		}
	}
}

// TestCheckBesideTheServer that these settings are for: by its certificate it is known, even
// where it wants one of its clients.
func TestCheckBesideTheServer(t *testing.T) {
	a := newAuthority(t)
	a.days = 30
	a.issue("server")
	url, _ := a.startTLS(serverTLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n")
	address := strings.TrimPrefix(url, "https://")
	run := func(opts ...prometheus.Option) check.Report {
		return check.Run(t.Context(), otelmail.WithLookupEnv(environment("OTEL_TRACES_SAMPLER", "always_off")), prometheus.Serve(append(opts, prometheus.WithAddress(address))...))
	}
	r := run(prometheus.WithWebConfigFile(filepath.Join(a.dir, "web.yml"), webconfig.Read))
	if len(r.Findings) != 1 || !r.OK() || !strings.HasPrefix(r.Findings[0].Text, address+" is in use, and a mail server with such probes answers there") {
		t.Errorf("found %q", r.Findings)
	}
	if r := run(); r.OK() {
		t.Errorf("for a server without that certificate: %q", r.Findings)
	}
	if !slices.Contains(run(prometheus.WithWebConfigFile(filepath.Join(a.dir, "web.yml"), webconfig.Read)).Settings,
		check.Setting{Name: "tls_server_config", Value: "TLS, client certificates: RequireAndVerifyClientCert", Source: "file " + filepath.Join(a.dir, "web.yml")}) {
		t.Errorf("the file is no source: %q", r.Settings)
	}
}

// TestCheckOfSockets: of the server's own, of one that systemd passes to another, and of
// profiles that strangers could have made.
func TestCheckOfSockets(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is on Linux")
	}
	t.Setenv("LISTEN_FDS", "")
	address := "unix:" + filepath.Join(t.TempDir(), "otelmail.sock")
	found := func(opts ...prometheus.Option) string {
		r := check.Run(t.Context(), otelmail.WithLookupEnv(environment("OTEL_TRACES_SAMPLER", "always_off")), prometheus.Serve(opts...))
		all := ""
		for _, f := range r.Findings {
			all += f.Level.String() + ": " + f.Text + "\n"
		}
		for _, s := range r.Settings {
			if s.Name == "RUSMES_PPROF_ENABLED" {
				all += s.Name + " " + s.Value + " " + s.Source + "\n"
			}
		}
		return all
	}
	for name, tc := range map[string]struct{ found, want string }{
		"free":     {found(prometheus.WithAddress(address)), "ok: the metrics can be served on "},
		"systemd":  {found(prometheus.WithAddress("systemd:metrics")), "warning: prometheus: listen on systemd:metrics (WithAddress): systemd has passed on no socket: want a .socket unit beside the .service unit of this process; no harm if"},
		"profiles": {found(prometheus.WithAddress("0.0.0.0:0"), prometheus.WithPprof()), "wrong: prometheus: WithPprof or RUSMES_PPROF_ENABLED: strangers could have profiles made on 0.0.0.0:0"},
		"closed":   {found(prometheus.WithAddress("127.0.0.1:0"), prometheus.WithPprof()), "RUSMES_PPROF_ENABLED true option prometheus.WithPprof\n"},
	} {
		if !strings.Contains(tc.found, tc.want) {
			t.Errorf("%s: found %q, want %q", name, tc.found, tc.want)
		}
	}
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()), prometheus.Serve(prometheus.WithAddress(address)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shutdown(tel) }()
	if all := found(prometheus.WithAddress(address)); !strings.HasPrefix(all, "warning: "+address+" is in use, and a mail server with such probes answers there") {
		t.Errorf("beside the server: found %q", all)
	}
}
