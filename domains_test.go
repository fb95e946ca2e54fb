package otelmail_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

func accept(tel *otelmail.Telemetry, recipients ...string) {
	otelmail.BeginSMTPCommand(context.Background(), tel, mailconv.SMTPData).EndMessage(otelmail.Reply{Code: 250}, recipients...)
}

// perDomain returns what is shown, and the sum.
func perDomain(t testing.TB, r *otelmail.Reader) (shown map[string]int64, sum int64) {
	t.Helper()
	shown = map[string]int64{}
	m, ok := collect(t, r)["rusmes_messages_per_domain_total"]
	if !ok {
		return shown, 0
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		v, _ := p.Attributes.Get(0)
		if _, twice := shown[v.Value.AsString()]; twice {
			t.Errorf("%s is shown twice", v.Value.AsString())
		}
		shown[v.Value.AsString()] = p.Value
		sum += p.Value
	}
	return shown, sum
}

// TestBusyDomainsAreShown hides busy domains in a flood of random ones that came
// first and took all the slots.
func TestBusyDomainsAreShown(t *testing.T) {
	const limit = 20
	tel, reader := start(t, otelmail.WithDomainLimit(limit), otelmail.WithLocalDomains("Local.Example", "unused.example"))
	random := rand.New(rand.NewPCG(1, 2))
	total, before := int64(0), map[string]int64{}
	check := func() {
		t.Helper()
		shown, sum := perDomain(t, reader)
		if sum != total {
			t.Fatalf("the domains add up to %d, want %d", sum, total)
		}
		if len(shown) > limit+3 {
			t.Fatalf("%d series, want at most %d, two local ones and _other", len(shown), limit)
		}
		for domain, n := range shown {
			if n < before[domain] {
				t.Errorf("%s fell from %d to %d", domain, before[domain], n)
			}
			before[domain] = n // kept for domains that leave: they may come back
		}
	}
	send := func(domain string) {
		accept(tel, "x@"+domain)
		total++
	}
	for i := range 20_000 {
		send(fmt.Sprintf("%x.random.example", random.Uint64()))
		if i%4 == 0 {
			send(fmt.Sprintf("busy%d.example", random.IntN(limit)))
		}
		if i%100 == 0 {
			send("local.example")
			check()
		}
	}
	check()
	shown, _ := perDomain(t, reader)
	var busy int
	for domain := range shown {
		if strings.HasPrefix(domain, "busy") {
			busy++
		}
	}
	if busy != limit {
		t.Errorf("%d of the %d busy domains are shown: %v", busy, limit, shown)
	}
	if shown["local.example"] != 200 {
		t.Errorf("the local domain shows %d, want every one of 200", shown["local.example"])
	}
	if n, ok := shown["unused.example"]; !ok || n != 0 {
		t.Errorf("the unused local domain shows %d, %t, want 0", n, ok)
	}
	checkValue(t, tel, shown["busy7.example"], "messages_per_domain_total", "busy7.example")
}

// TestMillionDomainsLeaveMemoryFlat sends a million distinct domains.
func TestMillionDomainsLeaveMemoryFlat(t *testing.T) {
	tel, reader := start(t)
	const total = 1_000_000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var after10k uint64
	for i := range total {
		accept(tel, fmt.Sprintf("x@%d.example", i))
		if i == 10_000 {
			after10k = heap()
		}
	}
	if grown := int64(heap()) - int64(after10k); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	shown, sum := perDomain(t, reader)
	if len(shown) != 201 || sum != total {
		t.Errorf("%d series that add up to %d, want 201 and %d", len(shown), sum, total)
	}
}

// TestDomainsUnderContention makes domains take over slots while many goroutines count.
func TestDomainsUnderContention(t *testing.T) {
	tel, reader := start(t, otelmail.WithDomainLimit(4))
	const workers, each = 8, 3000
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 7))
			for i := range each {
				// The busy ones change as time goes on.
				accept(tel, fmt.Sprintf("x@d%d.example", i/500+random.IntN(6)))
				if i%200 == 0 {
					perDomain(t, reader)
				}
			}
		})
	}
	wg.Wait()
	if shown, sum := perDomain(t, reader); sum != workers*each || len(shown) != 5 {
		t.Errorf("%v adds up to %d, want %d", shown, sum, workers*each)
	}
}

func TestManyDomainsCanBeShown(t *testing.T) {
	const limit = 20_000
	tel, reader := start(t, otelmail.WithDomainLimit(limit))
	for i := range limit {
		accept(tel, fmt.Sprintf("x@%d.example", i))
	}
	shown, sum := perDomain(t, reader)
	if len(shown) != limit+1 || sum != limit || shown["_other"] != 0 {
		t.Errorf("%d series that add up to %d, %d others", len(shown), sum, shown["_other"])
	}
}

func TestLocalDomains(t *testing.T) {
	if _, err := otelmail.New(otelmail.WithLocalDomains("fine.example", "not fine")); err == nil || !strings.Contains(err.Error(), `"not fine"`) {
		t.Errorf("error %v", err)
	}
	tel, reader := start(t, otelmail.WithDomainLimit(0), otelmail.WithLocalDomains("a.example", "A.example", "bücher.example"))
	accept(tel, "x@a.example", "x@elsewhere.example", "x@BÜCHER.example")
	shown, _ := perDomain(t, reader)
	names := []string{}
	for d, n := range shown {
		names = append(names, fmt.Sprint(d, n))
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "_other1 a.example1 xn--bcher-kva.example1" {
		t.Errorf("shown are %s", got)
	}
}
