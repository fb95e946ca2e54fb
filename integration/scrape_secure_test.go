package integration

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/integration/internal/servers"
)

// TestPrometheusScrapesSecurely: over TLS with a password, with a client certificate, and
// over IPv6; and a Prometheus that has neither password nor certificate learns why not.
func TestPrometheusScrapesSecurely(t *testing.T) {
	t.Parallel()
	host := "[::1]"
	if l, err := net.Listen("tcp", host+":0"); err != nil {
		host = "127.0.0.1" // a machine without IPv6
	} else {
		_ = l.Close()
	}
	certificate, key := servers.SelfSigned(t, t.TempDir())
	client, clientKey := servers.SelfSigned(t, t.TempDir())
	hash, err := bcrypt.GenerateFromPassword([]byte("open sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	overTLS := fmt.Sprintf("tls_server_config:\n  cert_file: %q\n  key_file: %q\n", certificate, key)
	withPassword := serveMetrics(t, host, overTLS+"basic_auth_users:\n  prometheus: "+string(hash)+"\n")
	withCertificate := serveMetrics(t, host, overTLS+fmt.Sprintf("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: %q\n", client))
	open := serveMetrics(t, host, "{}\n")

	trust := fmt.Sprintf("ca_file: %q, server_name: localhost", certificate)
	wrong := "tls_config: {" + trust + "}\nbasic_auth: {username: prometheus, password: sesame}"
	scraper := peer.StartPrometheusWith(t,
		peer.WithJob("password", "https://"+withPassword, "tls_config: {"+trust+"}\nbasic_auth: {username: prometheus, password: open sesame}"),
		peer.WithJob("certificate", "https://"+withCertificate, fmt.Sprintf("tls_config: {%s, cert_file: %q, key_file: %q}", trust, client, clientKey)),
		peer.WithJob("open", "http://"+open, ""))
	stranger := peer.StartPrometheusWith(t,
		peer.WithJob("password", "https://"+withPassword, wrong),
		peer.WithJob("certificate", "https://"+withCertificate, wrong))
	scraper.WaitUp(patience)
	for _, job := range []string{"password", "certificate", "open"} {
		if got := scraper.Query(fmt.Sprintf("rusmes_queue_size{job=%q}", job)); len(got) != 1 || !strings.HasPrefix(got[0].Labels["instance"], host) {
			t.Errorf("%s: rusmes_queue_size is %+v", job, got)
		}
	}
	peer.Eventually(t, patience, func() error {
		why := map[string]string{}
		for _, target := range stranger.Targets() {
			if target.Health == "up" {
				t.Errorf("%s is scraped by a stranger", target.URL)
			}
			why[target.URL] = target.LastError
		}
		if !strings.Contains(why["https://"+withPassword+"/metrics"], "401") || !strings.Contains(why["https://"+withCertificate+"/metrics"], "certificate required") {
			return fmt.Errorf("down: %q", why)
		}
		return nil
	})
}

// serveMetrics serves as the web configuration says, and returns the address.
func serveMetrics(t *testing.T, host, webConfig string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(file, []byte(webConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	server := prometheus.NewServer(prometheus.WithAddress(host+":0"), prometheus.WithWebConfigFile(file, webconfig.Read))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithExporter(server), otelmail.WithErrorHandler(func(error) {})) // of strangers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return server.Addr().String()
}
