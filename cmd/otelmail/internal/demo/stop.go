package demo

import (
	"context"
	"errors"
	"net"
	"time"
)

// How long each step of Stop may take.
const (
	sessionsLimit  = 3 * time.Second
	workersLimit   = 5 * time.Second
	telemetryLimit = 5 * time.Second
)

// Stop ends the demo in the order in which no message is lost: look away, send
// nothing more, take nothing more in, deliver what is due, and let telemetry
// leave last. Its error is what could not be pushed or cleared away. Call it
// once.
func (d *Demo) Stop() error {
	d.tel.Health.Drain() // /ready answers 503 from here on
	d.stopTraffic()
	d.sending.Wait()
	d.stopSessions()
	d.drainQueue()
	d.stopRemote()
	return errors.Join(d.stopTelemetry(), d.spool.close())
}

func (d *Demo) stopSessions() {
	ctx, cancel := context.WithTimeout(context.Background(), sessionsLimit)
	defer cancel()
	for _, s := range d.smtp {
		s.stop(ctx)
	}
}

// drainQueue has the workers finish what is due. What is to be tried later
// stays in the spool.
func (d *Demo) drainQueue() {
	d.queue.drain()
	defer time.AfterFunc(workersLimit, d.stopWorkers).Stop()
	d.working.Wait()
	d.stopWorkers()
}

func (d *Demo) stopRemote() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	d.remote.serving.stop(ctx)
}

func (d *Demo) stopTelemetry() error {
	ctx, cancel := context.WithTimeout(context.Background(), telemetryLimit)
	defer cancel()
	return d.tel.Shutdown(ctx)
}

// abandon undoes a Start that failed half-way, before anything was served.
func (d *Demo) abandon() error {
	for _, l := range []net.Listener{d.ports.mx, d.ports.submissions, d.ports.narrow} {
		if l != nil {
			_ = l.Close()
		}
	}
	if d.remote != nil {
		d.stopRemote()
	}
	err := d.stopTelemetry()
	if d.spool != nil {
		err = errors.Join(err, d.spool.close())
	}
	return err
}
