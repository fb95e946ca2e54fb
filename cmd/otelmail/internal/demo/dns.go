package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// The names that the demo's DNS has beside the domains of its mail.
const (
	dnsblZone   = "bl.example"      // a block list, which has 127.0.0.13
	refusedZone = "refused.example" // SERVFAIL, as from a broken server
	silentZone  = "silent.example"  // no answer at all
)

// dnsServer is the demo's DNS: every domain of the demo, on a port of this machine. Like
// [remote] it stands in for the rest of the world and carries no telemetry.
type dnsServer struct {
	address string // host:port, UDP and TCP
	servers []*dns.Server
	running sync.WaitGroup

	mu    sync.RWMutex
	zones map[string][]dns.RR // by name in lower case with the final dot
}

// startDNS has the DNS listen on a free port.
func startDNS(log *slog.Logger) (*dnsServer, error) {
	tcp, udp, err := listenDNS()
	if err != nil {
		return nil, err
	}
	d := &dnsServer{address: tcp.Addr().String(), zones: map[string][]dns.RR{}}
	if err := d.add(demoZones...); err != nil {
		return nil, errors.Join(err, tcp.Close(), udp.Close())
	}
	d.servers = []*dns.Server{{Listener: tcp, Handler: d}, {PacketConn: udp, Handler: d}}
	var listening sync.WaitGroup
	for _, s := range d.servers {
		listening.Add(1)
		s.NotifyStartedFunc = sync.OnceFunc(listening.Done)
		d.running.Go(func() {
			if err := s.ActivateAndServe(); err != nil {
				log.Warn("the DNS server has stopped", "error", err)
			}
			s.NotifyStartedFunc() // also if it never began
		})
	}
	listening.Wait()
	return d, nil
}

// listenDNS takes the same free port for both transports: another program may have the
// one that was free for TCP.
func listenDNS() (tcp net.Listener, udp net.PacketConn, err error) {
	for range 20 {
		if tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			break
		}
		if udp, err = net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			return tcp, udp, nil
		}
		tcp.Close()
	}
	return nil, nil, fmt.Errorf("the DNS server: %w", err)
}

// demoZones are the records, in the words of a zone file. 127.0.0.13 is on the block list,
// and so is its test entry (RFC 5782 section 5).
var demoZones = []string{
	localDomain + ". MX 10 " + localHost + ".",
	localDomain + `. TXT "v=spf1 ip4:127.0.0.1 -all"`,
	localHost + ". A 127.0.0.1",
	remoteHost + ". A 127.0.0.1",
	"partner.example. MX 10 " + remoteHost + ".",
	"supplier.example. MX 10 " + remoteHost + ".",
	"slow.example. MX 10 " + remoteHost + ".",
	"shop.example. MX 10 " + remoteHost + ".",
	`shop.example. TXT "v=spf1 ip4:127.0.0.0/24 -all"`,
	"club.example. MX 10 " + remoteHost + ".",
	`club.example. TXT "v=spf1 ip4:192.0.2.0/24 ~all"`,
	"news.example. MX 10 " + remoteHost + ".",
	`news.example. TXT "v=spf1 ?all"`,
	"lottery.example. MX 10 " + remoteHost + ".",
	`lottery.example. TXT "v=spf1 -all"`,
	"1.0.0.127.in-addr.arpa. PTR " + localHost + ".",
	"13.0.0.127.in-addr.arpa. PTR mx.lottery.example.",
	"2.0.0.127." + dnsblZone + ". A 127.0.0.2",
	"13.0.0.127." + dnsblZone + ". A 127.0.0.3",
}

// add adds records.
func (d *dnsServer) add(records ...string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			return fmt.Errorf("the DNS record %q: %w", text, err)
		}
		name := strings.ToLower(rr.Header().Name)
		d.zones[name] = append(d.zones[name], rr)
	}
	return nil
}

// remove removes all records of a name, in lower case with the final dot.
func (d *dnsServer) remove(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.zones, name)
}

// ServeDNS implements [dns.Handler].
func (d *dnsServer) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	reply := new(dns.Msg).SetReply(query)
	reply.Authoritative = true
	if len(query.Question) == 1 {
		q := query.Question[0]
		name := strings.ToLower(q.Name)
		switch {
		case dns.IsSubDomain(silentZone+".", name):
			return
		case dns.IsSubDomain(refusedZone+".", name):
			reply.Rcode = dns.RcodeServerFailure
		default:
			d.answer(reply, name, q.Qtype)
		}
	}
	_ = w.WriteMsg(reply) // the client asks again
}

func (d *dnsServer) answer(reply *dns.Msg, name string, kind uint16) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	all, found := d.zones[name]
	if !found {
		reply.Rcode = dns.RcodeNameError
		return
	}
	for _, rr := range all {
		if rr.Header().Rrtype == kind {
			reply.Answer = append(reply.Answer, rr)
		}
	}
}

// resolver asks this DNS and no other.
func (d *dnsServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, network, d.address)
	}}
}

// stop implements [server].
func (d *dnsServer) stop(ctx context.Context) {
	for _, s := range d.servers {
		_ = s.ShutdownContext(ctx) // an error says that it had stopped, or that ctx ended
	}
	d.running.Wait()
}
