package demo

import (
	"crypto/tls"
	"net"
	"testing"
	"time"
)

// TestCertificateIsReplaced: who trusts the first one trusts what takes its place.
func TestCertificateIsReplaced(t *testing.T) {
	c, err := newCertificate(localHost, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, valid := range []time.Duration{0, 12 * time.Hour, 240 * time.Hour} { // 0: the first
		if valid > 0 {
			if err := c.replace(valid); err != nil {
				t.Fatal(err)
			}
		}
		near, far := net.Pipe()
		server := make(chan error, 1)
		go func() { server <- tls.Server(far, c.config()).Handshake() }()
		client := tls.Client(near, &tls.Config{RootCAs: c.roots, ServerName: localHost})
		if err := client.Handshake(); err != nil {
			t.Errorf("valid for %v: %v", valid, err)
		}
		if err := <-server; err != nil {
			t.Errorf("valid for %v: the server: %v", valid, err)
		}
		if left := time.Until(client.ConnectionState().PeerCertificates[0].NotAfter); valid > 0 && (left > valid || left < valid-time.Minute) {
			t.Errorf("valid for %v, not for %v", left, valid)
		}
	}
}
