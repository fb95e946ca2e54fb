package demo

import (
	"context"
	"errors"
	"net"
	"time"
)

// How long each step of Stop may take. Together with the 5 s for which mail is taken meanwhile
// that is less than the 30 s after which Kubernetes kills.
const (
	sessionsLimit  = 3 * time.Second
	workersLimit   = 5 * time.Second
	pushLimit      = 2 * time.Second
	telemetryLimit = 5 * time.Second
	stopLimit      = 20 * time.Second // all of them
)

// Stop ends the demo in the order in which no message is lost: look away, go on until
// everybody has seen it, then take nothing more in, deliver what is due, and let telemetry
// leave last. Its error is what could not be pushed or cleared away. Call it
// once.
func (d *Demo) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*d.config.Drain+stopLimit)
	defer cancel()
	return errors.Join(d.tel.Drain(ctx, d.config.Drain, d.stopMail), d.spool.close())
}

// stopMail has limits of its own.
func (d *Demo) stopMail(context.Context) error {
	troubled := d.troubles.stop()
	d.stopTraffic()
	d.sending.Wait()
	d.stopSessions()
	d.drainQueue()
	d.stopPush()
	d.store.close()
	d.stopOthers()
	return troubled
}

func (d *Demo) stopSessions() {
	ctx, cancel := context.WithTimeout(context.Background(), sessionsLimit)
	defer cancel()
	stopAll(ctx, d.servers)
}

// drainQueue has the workers finish what is due. What is to be tried later
// stays in the spool.
func (d *Demo) drainQueue() {
	d.queue.drain()
	defer time.AfterFunc(workersLimit, d.stopWorkers).Stop()
	d.working.Wait()
	d.stopWorkers()
}

// stopPush sends what waits: the workers, who have brought it, are gone.
func (d *Demo) stopPush() {
	ctx, cancel := context.WithTimeout(context.Background(), pushLimit)
	defer cancel()
	d.push.stop(ctx)
}

// stopOthers stops what stands in for the rest of the world.
func (d *Demo) stopOthers() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	stopAll(ctx, []server{d.remote.serving, d.remote.broken, d.phones, d.dns, d.renewal})
}

func (d *Demo) stopTelemetry() error {
	ctx, cancel := context.WithTimeout(context.Background(), telemetryLimit)
	defer cancel()
	return d.tel.Shutdown(ctx)
}

// abandon undoes a Start that failed half-way, before anything was served.
func (d *Demo) abandon() error {
	p := d.ports
	for _, l := range []net.Listener{p.mx, p.submissions, p.narrow, p.imap, p.jmap, p.pop3, p.pop3s, p.trouble} {
		if l != nil {
			_ = l.Close()
		}
	}
	if d.store != nil {
		d.store.close()
	}
	if d.remote != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		d.remote.serving.stop(ctx)
		d.remote.broken.stop(ctx)
	}
	if d.renewal != nil {
		d.renewal.stop(context.Background())
	}
	if d.dns != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		d.dns.stop(ctx)
	}
	err := d.stopTelemetry()
	if d.spool != nil {
		err = errors.Join(err, d.spool.close())
	}
	return err
}
