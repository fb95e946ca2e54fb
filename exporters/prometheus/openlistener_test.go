package prometheus_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
)

// That everybody can read the page is said once, unless somebody has decided so.
func TestOpenListenerIsSaid(t *testing.T) {
	a := newAuthority(t)
	a.issue("server")
	file := func(name, content string) prometheus.Option {
		name = filepath.Join(a.dir, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return prometheus.WithWebConfigFile(name, webconfig.Read)
	}
	anyPort := []string{"OTEL_EXPORTER_PROMETHEUS_PORT", "0"}
	for name, tc := range map[string]struct {
		env  []string
		opts []prometheus.Option
		said bool
	}{
		"the default host":             {env: anyPort, said: true},
		"with TLS alone":               {env: anyPort, opts: []prometheus.Option{file("tls.yml", serverTLS)}, said: true},
		"certificates asked for":       {env: anyPort, opts: []prometheus.Option{file("ask.yml", serverTLS+"  client_auth_type: RequestClientCert\n")}, said: true},
		"certificates wanted":          {env: anyPort, opts: []prometheus.Option{file("certs.yml", serverTLS+"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n")}},
		"certificates, if there are":   {env: anyPort, opts: []prometheus.Option{file("given.yml", serverTLS+"  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n")}, said: true},
		"any certificate":              {env: anyPort, opts: []prometheus.Option{file("any.yml", serverTLS+"  client_auth_type: RequireAnyClientCert\n")}, said: true},
		"a password":                   {env: anyPort, opts: []prometheus.Option{prometheus.WithBasicAuth("a", hash(t, "b", bcrypt.MinCost))}},
		"users in the file":            {env: anyPort, opts: []prometheus.Option{file("users.yml", "basic_auth_users:\n  a: "+hash(t, "b", bcrypt.MinCost)+"\n")}},
		"a host of OpenTelemetry's":    {env: append([]string{"OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1"}, anyPort...)},
		"all interfaces, by decision":  {env: []string{"RUSMES_METRICS_BIND_ADDRESS", "0.0.0.0:0"}},
		"all interfaces, by an option": {opts: []prometheus.Option{prometheus.WithAddress(":0")}},
		"without telemetry":            {env: append([]string{"OTEL_SDK_DISABLED", "true"}, anyPort...)},
		"without a server":             {env: append([]string{"RUSMES_METRICS_ENABLED", "false"}, anyPort...)},
	} {
		errs := &errorLog{}
		tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment(tc.env...)),
			otelmail.WithErrorHandler(errs.handle), prometheus.Serve(tc.opts...))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		texts := errs.texts()
		if said := len(texts) > 0; said != tc.said || len(texts) > 1 {
			t.Errorf("%s: reports %q", name, texts)
		}
		for _, text := range texts {
			for _, want := range []string{"0.0.0.0:0", "recipient domains", "WithAddress", "RUSMES_METRICS_BIND_ADDRESS", "WithBasicAuth", "WithWebConfigFile"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s: %q lacks %q", name, text, want)
				}
			}
		}
		if err := shutdown(tel); err != nil {
			t.Error(err)
		}
	}
}
