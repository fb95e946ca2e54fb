package demo

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"
)

// TestDNS asks the demo's DNS through the resolver that the demo asks it through.
func TestDNS(t *testing.T) {
	d, err := startDNS(slog.New(slog.NewTextHandler(testLog{t}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop(context.Background()) })
	r := d.resolver()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()

	if mx, err := r.LookupMX(ctx, "Partner.example"); err != nil || len(mx) != 1 || mx[0].Host != remoteHost+"." {
		t.Errorf("MX %v, %v", mx, err)
	}
	if hosts, err := r.LookupHost(ctx, "13.0.0.127."+dnsblZone+"."); err != nil || len(hosts) != 1 || hosts[0] != "127.0.0.3" {
		t.Errorf("listed: %v, %v", hosts, err)
	}
	if texts, err := r.LookupTXT(ctx, localDomain); err != nil || len(texts) != 1 {
		t.Errorf("TXT %v, %v", texts, err)
	}
	if names, err := r.LookupAddr(ctx, "127.0.0.13"); err != nil || len(names) != 1 {
		t.Errorf("PTR %v, %v", names, err)
	}
	var failed *net.DNSError
	if _, err := r.LookupHost(ctx, "nobody.example."); !errors.As(err, &failed) || !failed.IsNotFound {
		t.Errorf("a name that is not there: %v", err)
	}
	if _, err := r.LookupTXT(ctx, "x."+refusedZone+"."); !errors.As(err, &failed) || failed.IsNotFound || failed.IsTimeout {
		t.Errorf("SERVFAIL: %v", err)
	}
	soon, cancelSoon := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancelSoon()
	if _, err := r.LookupTXT(soon, "x."+silentZone+"."); !errors.As(err, &failed) || !failed.IsTimeout {
		t.Errorf("no answer: %v", err)
	}
}
