package otelmail_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail"
)

// told are the errors that reach the error handler.
type told struct {
	mu   sync.Mutex
	errs []string
}

func (r *told) option() otelmail.StartOption {
	return otelmail.WithErrorHandler(func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.errs = append(r.errs, err.Error())
	})
}

func (r *told) has(part string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(strings.Join(r.errs, "\n"), part)
}

// take returns them, and forgets them.
func (r *told) take() (errs []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	errs, r.errs = r.errs, nil
	return errs
}

// certificateUntil is a certificate for mail.example.
func certificateUntil(t *testing.T, notAfter time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mail.example"}, NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestCertificatesOfATLSConfig(t *testing.T) {
	first, second := time.Unix(2_000_000_000, 0), time.Unix(1_900_000_000, 0)
	a, b := certificateUntil(t, first), certificateUntil(t, second)
	byName := func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		hello.Conn.RemoteAddr() // as for a client: there is a connection, and a context
		if hello.Context().Err() == nil && hello.ServerName == "b.example" {
			return &b, nil
		}
		return &a, nil
	}
	for _, tc := range []struct {
		name   string
		config *tls.Config
		asked  string
		want   time.Time
	}{
		{"Certificates", &tls.Config{Certificates: []tls.Certificate{a}}, "", first},
		{"the first of several", &tls.Config{Certificates: []tls.Certificate{b, a}}, "", second},
		{"GetCertificate", &tls.Config{GetCertificate: byName}, "b.example", second},
		{"GetCertificate for another name", &tls.Config{GetCertificate: byName}, "a.example", first},
		{"GetConfigForClient", &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{Certificates: []tls.Certificate{b}}, nil
		}}, "", second},
		{"a listener that wants certificates of clients", &tls.Config{Certificates: []tls.Certificate{a}, ClientAuth: tls.RequireAndVerifyClientCert}, "", first},
		{"TLS 1.2 alone", &tls.Config{Certificates: []tls.Certificate{b}, MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}, "", second},
		{"expired", &tls.Config{Certificates: []tls.Certificate{certificateUntil(t, time.Unix(1_000_000_000, 0))}}, "", time.Unix(1_000_000_000, 0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tel, reader := start(t)
			if err := tel.Host.WatchCertificate("smtp", tc.config, tc.asked); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the certificate shows", func() bool {
				return fractions(t, reader, "certificate_not_after_timestamp_seconds")["smtp"] == float64(tc.want.Unix())
			})
		})
	}
}

func TestCertificatesThatCannotBeHad(t *testing.T) {
	for _, tc := range []struct {
		name   string
		config *tls.Config
		want   string
	}{
		{"none", &tls.Config{}, "no certificates configured"},
		{"not yet", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("no order yet") }}, "no order yet"},
		{"a panic", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { panic("bob@example.org") }}, "panicked with a string"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var told told
			tel, reader := start(t, told.option())
			if err := tel.Host.WatchCertificate("imap", tc.config, "mail.example"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the error is told", func() bool { return told.has(tc.want) })
			if !told.has("certificate_not_after_timestamp_seconds of imap") || told.has("bob@") {
				t.Errorf("told %q", told.errs)
			}
			if got := fractions(t, reader, "certificate_not_after_timestamp_seconds"); len(got) != 0 {
				t.Errorf("shown: %v", got)
			}
		})
	}
	// One that hangs holds up neither a collection nor another one, and its age shows.
	tel, reader := start(t)
	hang, waiting := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(hang) })
	err := errors.Join(
		tel.Host.WatchCertificate("hangs", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			close(waiting)
			<-hang
			return nil, errors.New("too late")
		}}, "mail.example"),
		tel.Host.WatchCertificate("works", &tls.Config{Certificates: []tls.Certificate{certificateUntil(t, time.Unix(2_000_000_000, 0))}}, ""))
	if err != nil {
		t.Fatal(err)
	}
	<-waiting
	eventually(t, "the other shows", func() bool {
		return maps.Equal(fractions(t, reader, "certificate_not_after_timestamp_seconds"), map[string]float64{"works": 2_000_000_000})
	})
	before := fractions(t, reader, "telemetry_source_age_seconds")["certificate_not_after_timestamp_seconds"]
	eventually(t, "the age grows", func() bool {
		return fractions(t, reader, "telemetry_source_age_seconds")["certificate_not_after_timestamp_seconds"] > before
	})
	if got := tel.Host.WatchCertificate("hangs", &tls.Config{Certificates: []tls.Certificate{certificateUntil(t, time.Unix(2_000_000_000, 0))}}, ""); got != nil {
		t.Fatal(got)
	}
	eventually(t, "it is replaced", func() bool {
		return len(fractions(t, reader, "certificate_not_after_timestamp_seconds")) == 2
	})
}

func TestCertificateFiles(t *testing.T) {
	var told told
	tel, reader := start(t, told.option())
	path := filepath.Join(t.TempDir(), "fullchain.pem")
	write := func(notAfter ...int64) {
		t.Helper()
		text := []byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n")
		for _, end := range notAfter {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificateUntil(t, time.Unix(end, 0)).Certificate[0]})...)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	watch := func() {
		t.Helper()
		if err := tel.Host.WatchCertificateFile("pop3", path); err != nil { // asks at once, as it does a minute later
			t.Fatal(err)
		}
	}
	shows := func(want float64) {
		t.Helper()
		eventually(t, "it shows", func() bool {
			return fractions(t, reader, "certificate_not_after_timestamp_seconds")["pop3"] == want
		})
	}
	watch()
	eventually(t, "it is told that there is none", func() bool { return told.has("no such file") })
	write(1_900_000_000, 1_000_000_000) // the chain ends in one that has expired
	watch()
	shows(1_900_000_000)
	write(2_000_000_000) // renewed
	watch()
	shows(2_000_000_000)
	for _, bad := range []func() error{
		func() error { return os.WriteFile(path, []byte("half a fi"), 0o600) },
		func() error { return os.WriteFile(path, make([]byte, 1<<20+1), 0o600) },
		func() error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		if err := bad(); err != nil {
			t.Fatal(err)
		}
		watch()
		if got := fractions(t, reader, "certificate_not_after_timestamp_seconds")["pop3"]; got != 2_000_000_000 {
			t.Errorf("%v is shown, want the last value", got)
		}
	}
}

func TestDisks(t *testing.T) {
	var told told
	tel, reader := start(t, told.option())
	dir := t.TempDir()
	err := tel.Host.WatchDisk("spool", dir)
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), runtime.GOOS) {
			t.Errorf("error %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := tel.Host.WatchDisk("gone", filepath.Join(dir, "missing")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the disk shows", func() bool {
		free := fractions(t, reader, "disk_free_ratio")
		return len(free) == 1 && free["spool"] > 0 && free["spool"] <= 1
	})
	if inodes := fractions(t, reader, "inode_free_ratio"); len(inodes) > 1 || inodes["spool"] < 0 || inodes["spool"] > 1 {
		t.Errorf("inodes %v", inodes)
	}
	eventually(t, "the missing one is told", func() bool { return told.has("disk_free_ratio of gone") })
	if _, shown := fractions(t, reader, "telemetry_source_age_seconds")["disk_free_ratio"]; !shown {
		t.Error("no age is shown")
	}
}

// zoneFile answers as the DNS would.
type zoneFile struct {
	mu      sync.Mutex
	answers map[string][]string
	errs    map[string]error
	asked   []string
}

func (z *zoneFile) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked = append(z.asked, network+" "+host)
	if err := z.errs[host]; err != nil {
		return nil, err
	}
	var found []netip.Addr
	for _, a := range z.answers[host] {
		found = append(found, netip.MustParseAddr(a))
	}
	if found == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return found, nil
}

func TestBlockLists(t *testing.T) {
	var told told
	tel, reader := start(t, told.option())
	z := &zoneFile{
		answers: map[string][]string{
			"1.2.0.192.bad.example.": {"127.0.0.2", "127.0.0.10"},
			"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bad.example.": {"::ffff:127.0.0.4"},
			"1.2.0.192.refuses.example.": {"127.255.255.254"},
			"1.2.0.192.parked.example.":  {"203.0.113.7"},
		},
		errs: map[string]error{
			"1.2.0.192.slow.example.":   &net.DNSError{Err: "i/o timeout", IsTimeout: true},
			"1.2.0.192.broken.example.": &net.DNSError{Err: "server misbehaving"},
		},
	}
	err := tel.Host.WatchBlockLists(otelmail.BlockLists{
		Addresses: []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		Zones:     []string{"Bad.example.", "good.example", "refuses.example", "parked.example", "slow.example", "broken.example"},
		Resolver:  z,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := moves{
		"dnsbl_listed/bad.example":                         2,
		"dnsbl_lookup_duration_seconds/bad.example/listed": 2, "dnsbl_lookup_duration_seconds/good.example/not_listed": 2,
		"dnsbl_lookup_duration_seconds/refuses.example/error": 1, "dnsbl_lookup_duration_seconds/refuses.example/not_listed": 1,
		"dnsbl_lookup_duration_seconds/parked.example/error": 1, "dnsbl_lookup_duration_seconds/parked.example/not_listed": 1,
		"dnsbl_lookup_duration_seconds/slow.example/timeout": 1, "dnsbl_lookup_duration_seconds/slow.example/not_listed": 1,
		"dnsbl_lookup_duration_seconds/broken.example/error": 1, "dnsbl_lookup_duration_seconds/broken.example/not_listed": 1,
	}
	var got moves
	eventually(t, "all are asked", func() bool { got = values(t, reader); return maps.Equal(got, want) })
	eventually(t, "good is shown as 0", func() bool {
		v, err := tel.Value("dnsbl_listed", "good.example")
		return err == nil && v == 0
	})
	// What did not answer is not shown as clean.
	for _, zone := range []string{"refuses.example", "parked.example", "slow.example", "broken.example"} {
		eventually(t, zone+" is told", func() bool { return told.has("dnsbl_listed of " + zone) })
		if v, err := tel.Value("dnsbl_listed", zone); err == nil {
			t.Errorf("%s is shown as %d", zone, v)
		}
	}
	// The address is taken from the list.
	z.mu.Lock()
	z.answers = nil
	z.mu.Unlock()
	if err := tel.Host.WatchBlockLists(otelmail.BlockLists{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Zones: []string{"bad.example"}, Resolver: z}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is off the list", func() bool {
		v, err := tel.Value("dnsbl_listed", "bad.example")
		return err == nil && v == 0
	})
}

// TestWrongSources: a wrong argument is told at once, with its name, its value and what is
// allowed.
func TestWrongSources(t *testing.T) {
	tel, reader := start(t)
	config := &tls.Config{Certificates: []tls.Certificate{selfSigned()}}
	address := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	for name, tc := range map[string]struct {
		err   error
		wants []string
	}{
		"no config":     {tel.Host.WatchCertificate("smtp", nil, ""), []string{"WatchCertificate smtp", "nil", "tls.Config"}},
		"no listener":   {tel.Host.WatchCertificate("", config, ""), []string{"listener", `""`, "1 to 100"}},
		"a binary name": {tel.Host.WatchCertificateFile("\xff", "x.pem"), []string{"1 to 100"}},
		"no file":       {tel.Host.WatchCertificateFile("smtp", ""), []string{"WatchCertificateFile smtp", "PEM"}},
		"no path":       {tel.Host.WatchDisk("spool", ""), []string{"WatchDisk spool", "path"}},
		"no addresses":  {tel.Host.WatchBlockLists(otelmail.BlockLists{Zones: []string{"a.example"}}), []string{"Addresses", "1 to 16"}},
		"no address":    {tel.Host.WatchBlockLists(otelmail.BlockLists{Addresses: make([]netip.Addr, 1)}), []string{"Addresses[0]", "IP address"}},
		"too often":     {tel.Host.WatchBlockLists(otelmail.BlockLists{Addresses: address, Interval: time.Second}), []string{"Interval", "1s", "a minute"}},
		"a zone that is no name": {tel.Host.WatchBlockLists(otelmail.BlockLists{Addresses: address, Zones: []string{"a b"}}),
			[]string{"Zones", `"a b"`, "domain names"}},
	} {
		if tc.err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range tc.wants {
			if !strings.Contains(tc.err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, tc.err, want)
			}
		}
	}
	for i := range 60 {
		err := tel.Host.WatchCertificate("listener "+strings.Repeat("x", i+1), config, "")
		if (err != nil) != (i >= 50) {
			t.Errorf("number %d: %v", i, err)
		}
	}
	eventually(t, "fifty show", func() bool { return len(fractions(t, reader, "certificate_not_after_timestamp_seconds")) == 50 })
}

// TestWatchingEndsWithShutdown: what hangs does not hold it up.
func TestWatchingEndsWithShutdown(t *testing.T) {
	tel, _ := start(t)
	hang, waiting := make(chan struct{}), make(chan struct{})
	if err := tel.Host.WatchCertificate("hangs", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		close(waiting)
		<-hang
		return nil, errors.New("too late")
	}}, ""); err != nil {
		t.Fatal(err)
	}
	<-waiting
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	close(hang)
	asked := make(chan struct{})
	if err := tel.Host.WatchCertificate("later", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		close(asked)
		return nil, errors.New("nobody should ask")
	}}, ""); err != nil {
		t.Errorf("after shutdown: %v", err)
	}
	select {
	case <-asked:
		t.Error("asked after shutdown")
	case <-time.After(20 * time.Millisecond):
	}
}

func TestBuildInfo(t *testing.T) {
	tel, _ := start(t, otelmail.WithService("mymail", "1.2.3"))
	checkValue(t, tel, 1, "build_info", "1.2.3", runtime.Version(), otelmail.Version)
	tel, _ = start(t, otelmail.WithResourceAttributes(attribute.String("service.version", "4.5")))
	checkValue(t, tel, 1, "build_info", "4.5", runtime.Version(), otelmail.Version)
}
