// Package demo is a small mail server on this machine, instrumented with
// otelmail, that sends itself mail: so that every series moves and every trace
// can be looked at without a mail server at hand. It is written to be read, and
// to be copied from.
//
// A message's way, file by file: smtpserver.go takes it in, queue.go and
// spool.go keep it, worker.go takes it out, pipeline.go filters it, deliver.go
// brings it to mailstore.go or, through relay.go, to the second server of
// remote.go, and bounce.go tells the sender what failed. What is in mailstore.go
// is shown by imapserver.go, jmapserver.go and pop3server.go, and push.go wakes a
// phone when there is more of it. demo.go puts these together and takes them
// apart again.
package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/live"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/otlp/otlpgrpc"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/health"
)

const workers = 10

// workerLimit is how long a worker may be busy with one message before it
// counts as stuck: some destinations that do not answer.
const workerLimit = time.Minute

// freeDescriptors are for the connections and files of a few messages at once.
const freeDescriptors = 16

// Demo is a running demo.
type Demo struct {
	config Config
	tel    *otelmail.Telemetry
	log    *slog.Logger // shown here and pushed over OTLP
	local  *slog.Logger // shown here alone: what others put together may name people
	web    *prometheus.Server
	began  time.Time

	spool   *spool
	queue   *queue
	store   *mailStore
	remote  *remote
	dns     *dnsServer
	push    *notifier
	phones  *pushService
	renewal *renewal
	signer  *signer     // of a stranger's domain
	pop3    *pop3Server // its sessions have no series, so it counts them itself
	servers []server
	traffic *traffic
	ports   ports
	fellows *fellows

	certificate *certificate
	troubles    *troubles

	alive       []*health.Heartbeat // one for each worker
	working     sync.WaitGroup
	stopWorkers context.CancelFunc
	sending     sync.WaitGroup
	stopTraffic context.CancelFunc
}

// ports are what the mail server listens on.
type ports struct {
	mx, submissions, narrow, imap, jmap, pop3, pop3s net.Listener

	trouble net.Listener // nil without --trouble
}

// Start brings everything up. extra options are added to those of otelmail.Start.
func Start(ctx context.Context, c Config, extra ...otelmail.StartOption) (*Demo, error) {
	d := &Demo{config: c, began: time.Now(), tel: otelmail.Noop()}
	if err := d.start(ctx, extra); err != nil {
		return nil, errors.Join(err, d.abandon())
	}
	return d, nil
}

func (d *Demo) start(ctx context.Context, extra []otelmail.StartOption) error {
	var err error
	if d.certificate, err = newCertificate(localHost, d.config.certificateValid()); err != nil {
		return err
	}
	if d.fellows, err = newFellows(d.config); err != nil {
		return err
	}
	certificate := d.certificate.config()
	if d.spool, err = openSpool(d.config.Spool); err != nil {
		return err
	}
	// Addresses are taken first: nothing has to be told good-bye when one is in use.
	if err := d.listen(); err != nil {
		return err
	}
	if err := d.startTelemetry(ctx, extra); err != nil {
		return err
	}
	if d.store, err = newMailStore(d.tel, d.config.User, d.config.Password); err != nil {
		return err
	}
	if d.queue, err = openQueue(d.tel, d.spool, d.config.hold); err != nil {
		return err
	}
	if d.remote, err = startRemote(certificate, d.local); err != nil {
		return err
	}
	if d.dns, err = startDNS(d.local); err != nil {
		return err
	}
	if d.signer, err = newSigner(d.dns); err != nil {
		return err
	}
	if err := d.watchHost(); err != nil {
		return err
	}
	if d.renewal, err = startRenewal(d.tel, d.local); err != nil {
		return err
	}
	if d.phones, err = startPushService(d.local); err != nil {
		return err
	}
	routes, err := newRoutes(d.tel, d.dns, d.remote)
	if err != nil {
		return err
	}
	if d.config.Rate > 0 {
		if err := d.registerChecks(); err != nil {
			return err
		}
	}
	d.push = startNotifier(d.tel, d.log)
	d.startWorkers(routes)
	d.serve(certificate)
	d.startTraffic()
	d.troubles = newTroubles(d)
	return nil
}

// startTelemetry is all it takes to have metrics, traces, logs, probes and a page.
func (d *Demo) startTelemetry(ctx context.Context, extra []otelmail.StartOption) error {
	for range workers {
		beat := &health.Heartbeat{}
		beat.Beat() // the workers are about to start
		d.alive = append(d.alive, beat)
	}
	d.web = prometheus.NewServer(prometheus.WithAddress(d.config.HTTP))
	options := append([]otelmail.StartOption{
		otelmail.WithService("otelmail-demo", otelmail.Version),
		otelmail.WithHashKey(hashKey),
		otelmail.WithExporter(d.web),
		// Where OTEL_EXPORTER_OTLP_ENDPOINT says; else nowhere.
		otlp.Push(otlp.HealthCheck(5*time.Minute), otlp.Enable(otlpgrpc.Transport())),
		otelmail.WithCheck("storage", health.WriteReadBack(d.spool.dir), health.Decides(health.Readiness), health.Groups("storage")),
		otelmail.WithCheck("queue", allAlive(d.alive), health.Decides(health.Readiness), health.Groups("mail")),
		otelmail.WithCheck("descriptors", health.FreeDescriptors(freeDescriptors), health.Decides(health.Readiness), health.Groups("process")),
		otelmail.WithLookupEnv(quiet),
	}, extra...)
	if d.private() {
		options = append(options, live.Serve())
	}
	tel, err := otelmail.Start(ctx, options...)
	d.tel = tel // which works, recording nothing, beside an error too
	d.log, d.local = tel.Logger(), tel.LocalLogger()
	if cannotListen(err) {
		return fmt.Errorf("--http %s: %w", d.config.HTTP, err)
	}
	return err
}

// private says whether the page is for this machine alone: on another address it would want
// a password.
func (d *Demo) private() bool {
	host, _, err := net.SplitHostPort(d.config.HTTP)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// cannotListen tells an address that cannot be had from a wrong setting.
func cannotListen(err error) bool {
	var errno syscall.Errno
	var network *net.OpError
	return errors.As(err, &errno) || errors.As(err, &network)
}

// allAlive is the check that every worker still turns.
func allAlive(beats []*health.Heartbeat) func(context.Context) error {
	return func(ctx context.Context) error {
		for i, beat := range beats {
			if err := beat.Check(workerLimit)(ctx); err != nil {
				return fmt.Errorf("worker %d: %w", i+1, err)
			}
		}
		return nil
	}
}

// listen takes the addresses of the mail server: those of the flags, and three
// free ones on this machine.
func (d *Demo) listen() error {
	for _, p := range []struct {
		listener      *net.Listener
		name, address string
	}{
		{&d.ports.mx, "--smtp " + d.config.SMTP, d.config.SMTP},
		{&d.ports.submissions, "SMTP over TLS", "127.0.0.1:0"},
		{&d.ports.narrow, "SMTP, one connection at a time", "127.0.0.1:0"},
		{&d.ports.imap, "--imap " + d.config.IMAP, d.config.IMAP},
		{&d.ports.jmap, "--jmap " + d.config.JMAP, d.config.JMAP},
		{&d.ports.pop3, "--pop3 " + d.config.POP3, d.config.POP3},
		{&d.ports.pop3s, "POP3 over TLS", "127.0.0.1:0"},
		{&d.ports.trouble, "--trouble " + d.config.Trouble, d.config.Trouble},
	} {
		if p.address == "" {
			continue
		}
		l, err := net.Listen("tcp", p.address)
		if err != nil {
			return fmt.Errorf("%s: %w: stop what listens there or choose another address", p.name, err)
		}
		*p.listener = l
	}
	return nil
}

// serve opens the doors: one for other servers and for users with STARTTLS, one
// for users with implicit TLS (RFC 8314), and one that is soon too narrow, to
// show what a connection limit does.
func (d *Demo) serve(certificate *tls.Config) {
	backend := &smtpServer{fellows: d.fellows, log: d.log, local: d.local, store: d.store, queue: d.queue,
		authenticator: &authenticator{d.tel, d.dns.resolver()}, limit: newPace(d.tel, otelmail.LimiterSender, time.Second)}

	mx := backend.newServing(d.tel, otelmail.RoleMX, certificate, isLoopback(d.ports.mx.Addr()), maxConnections)
	mx.serve(d.ports.mx)
	narrow := backend.newServing(d.tel, otelmail.RoleMX, certificate, isLoopback(d.ports.mx.Addr()), 1)
	narrow.serve(d.ports.narrow)
	submissions := backend.newServing(d.tel, otelmail.RoleSubmission, certificate, false, maxConnections)
	submissions.serve(tls.NewListener(d.ports.submissions, certificate))

	imap := newIMAPServer(d.tel, d.store, certificate, isLoopback(d.ports.imap.Addr()), d.local)
	imap.serve(d.ports.imap, d.local)

	jmap := newJMAPServer(d.tel, d.store, d.local)
	jmap.serve(d.ports.jmap)

	d.pop3 = newPOP3Server(d.tel, d.store, certificate, isLoopback(d.ports.pop3.Addr()), d.local)
	d.pop3.serve(d.ports.pop3)
	d.pop3.serveTLS(d.ports.pop3s)

	d.servers = []server{mx, narrow, submissions, imap, jmap, d.pop3}
}

// isLoopback says whether a password in plaintext stays on this machine.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func (d *Demo) startWorkers(routes *routes) {
	ctx, cancel := context.WithCancel(context.Background())
	d.stopWorkers = cancel
	pipeline := newPipeline(d.tel)
	router := &router{tel: d.tel, log: d.log, store: d.store, relay: &relay{routes, d.fellows}, push: d.push}
	limit := &destinationLimit{}
	for i := range workers {
		w := &worker{
			tel: d.tel, log: d.log, queue: d.queue, pipeline: pipeline, router: router, limit: limit,
			backoff: d.config.backoff, alive: d.alive[i],
		}
		d.working.Go(func() { w.run(ctx) })
	}
}

func (d *Demo) startTraffic() {
	ctx, cancel := context.WithCancel(context.Background())
	d.stopTraffic = cancel
	d.traffic = &traffic{
		log: d.local, user: d.config.User, password: d.config.Password,
		mx:          d.ports.mx.Addr().String(),
		submissions: d.ports.submissions.Addr().String(),
		narrow:      d.ports.narrow.Addr().String(),
		imap:        d.ports.imap.Addr().String(),
		jmap:        d.ports.jmap.Addr().String(),
		pop3:        d.ports.pop3.Addr().String(),
		push:        d.phones.address,
		signer:      d.signer,
		behind:      d.queue.behind,
		subscribe:   d.push.subscribe,
	}
	if d.config.Rate > 0 {
		d.sending.Go(func() { d.traffic.run(ctx, d.config.schedule(), d.config.Rate) })
		d.sending.Go(func() { d.traffic.run(ctx, visits, d.config.Rate*visitsPerMessage) })
	}
}
