package prometheus_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
)

// authority signs certificates for one test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	days int // for which it issues, beside an hour
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = a.newKey()
	a.writePEM("ca.pem", "CERTIFICATE", a.sign(a.cert, &a.key.PublicKey))
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *authority) sign(cert *x509.Certificate, key *ecdsa.PublicKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func (a *authority) writePEM(name, kind string, der []byte) {
	write(a.t, filepath.Join(a.dir, name), string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

// issue writes name.pem and name.key.
func (a *authority) issue(name string) tls.Certificate {
	key := a.newKey()
	der := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, a.days).Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, &key.PublicKey)
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.writePEM(name+".pem", "CERTIFICATE", der)
	a.writePEM(name+".key", "EC PRIVATE KEY", keyDER)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) client(certs ...tls.Certificate) *http.Client {
	pool := x509.NewCertPool()
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.sign(a.cert, &a.key.PublicKey)})
	if !pool.AppendCertsFromPEM(certPEM) {
		a.t.Fatal("no CA")
	}
	client := tlsClient(&tls.Config{RootCAs: pool, Certificates: certs})
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	a.t.Cleanup(client.CloseIdleConnections)
	return client
}

// startTLS starts with a web configuration file in the authority's directory.
func (a *authority) startTLS(config string) (url string, errs *errorLog) {
	a.t.Helper()
	file := filepath.Join(a.dir, "web.yml")
	write(a.t, file, config)
	errs = &errorLog{}
	s := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"), prometheus.WithWebConfigFile(file, webconfig.Read))
	tel, err := otelmail.Start(a.t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()),
		otelmail.WithErrorHandler(errs.handle), otelmail.WithExporter(s))
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() {
		if err := shutdown(tel); err != nil {
			a.t.Error(err)
		}
	})
	return "https://" + s.Addr().String(), errs
}

const serverTLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"

func TestTLSWithClientCertificate(t *testing.T) {
	a := newAuthority(t)
	a.issue("server")
	scraper := a.issue("scraper")
	url, errs := a.startTLS(serverTLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n")
	r := ask(t, a.client(scraper), http.MethodGet, url+"/metrics")
	if r.code != 200 || !strings.Contains(r.body, "rusmes_queue_size 0") {
		t.Errorf("with a certificate: %d", r.code)
	}
	for name, client := range map[string]*http.Client{
		"none":          a.client(),
		"of a stranger": a.client(newAuthority(t).issue("scraper")),
	} {
		if r, err := try(client, http.MethodGet, url+"/metrics"); err == nil {
			t.Errorf("certificate %s: %d", name, r.code)
		}
	}
	if r, err := try(plainClient, http.MethodGet, strings.Replace(url, "https", "http", 1)+"/metrics"); err == nil && r.code == 200 {
		t.Error("served without TLS")
	}
	eventually(t, "each failure is reported once", func() bool { return len(errs.texts()) == 3 })
	if texts := strings.Join(errs.texts(), "\n"); !strings.Contains(texts, "didn't provide a certificate") ||
		!strings.Contains(texts, "unknown authority") || !strings.Contains(texts, "HTTP request to an HTTPS server") {
		t.Errorf("reports %s", texts)
	}
}

func TestTLSWithBasicAuthOverHTTP2(t *testing.T) {
	a := newAuthority(t)
	a.issue("server")
	url, _ := a.startTLS(serverTLS + "http_server_config:\n  headers:\n    X-Frame-Options: deny\n" +
		"basic_auth_users:\n  scraper: " + hash(t, "open sesame", bcrypt.MinCost) + "\n")
	client := a.client()
	for _, tc := range []struct {
		path, header string
		code         int
	}{
		{"/metrics", login("scraper", "open sesame"), 200},
		{"/metrics", login("scraper", "wrong"), 401},
		{"/metrics", "X-Nothing: x", 401},
		{"/", "X-Nothing: x", 401},
		{"/live", "X-Nothing: x", 200},
		{"/ready", "X-Nothing: x", 200},
		{"/health", "X-Nothing: x", 200},
	} {
		r := ask(t, client, http.MethodGet, url+tc.path, tc.header)
		if r.code != tc.code {
			t.Errorf("%s: %d, want %d", tc.path, r.code, tc.code)
		}
		if r.code == 200 && tc.path == "/metrics" && r.header.Get("X-Frame-Options") != "deny" {
			t.Error("the file's headers are missing")
		}
	}
	res, err := client.Get(url + "/live")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.ProtoMajor != 2 {
		t.Errorf("served over %s", res.Proto)
	}
}

func TestRenewedCertificateTakesEffect(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.issue("server")
	url, _ := a.startTLS(serverTLS)
	serial := func() string {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	a.issue("server")
	eventually(t, "the new certificate is served", func() bool {
		time.Sleep(100 * time.Millisecond) // handshakes of one address are bounded
		return serial() != before
	})
}
