package demo

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/health"
)

// worker takes messages from the queue, one at a time, runs them through the
// pipeline and has them delivered.
type worker struct {
	tel      *otelmail.Telemetry
	log      *slog.Logger
	queue    *queue
	pipeline *pipeline
	router   *router
	limit    *destinationLimit
	backoff  []time.Duration // the pause after each failed attempt but the last
	alive    *health.Heartbeat
}

// beatEvery is how long a worker without work sleeps between two heartbeats.
const beatEvery = time.Second

// run works until ctx ends or a draining queue has nothing more that is due.
func (w *worker) run(ctx context.Context) {
	for {
		w.alive.Beat()
		it := w.queue.take(ctx, beatEvery)
		switch {
		case it != nil:
			w.work(ctx, it)
		case ctx.Err() != nil || w.queue.isDraining():
			return
		}
	}
}

// work continues the trace of the session that accepted the message.
func (w *worker) work(ctx context.Context, it *item) {
	taking := w.tel.Queue.Dequeue(ctx, it.Telemetry, it.facts())
	gone, err := w.serve(taking.Context(), it)
	cause := otelmail.CauseNone
	if err != nil {
		w.log.ErrorContext(taking.Context(), "spool", "id", it.ID, "error", err)
		cause = otelmail.CauseStorage
	}
	taking.End(cause)
	if gone { // the last to be said: who sees an empty queue sees all the rest
		w.tel.Queue.Remove(taking.Context(), it.Telemetry, it.Fate)
		w.queue.done(it)
	}
}

// serve does one round for a message, and reports whether that was its last. Its
// error is about the spool: whatever happens to a delivery is no error here.
func (w *worker) serve(ctx context.Context, it *item) (gone bool, err error) {
	message, err := w.queue.spool.message(it.ID)
	if err != nil {
		return false, errors.Join(err, w.queue.later(it, w.pause(it)))
	}
	if !it.Processed {
		switch w.pipeline.process(ctx, it, message) {
		case otelmail.FateDropped:
			w.log.InfoContext(ctx, "dropped", "id", it.ID, "by", "pipeline")
			it.Fate = otelmail.RemovedDropped
			return true, w.queue.spool.remove(it.ID)
		case otelmail.FateDeferred:
			w.log.InfoContext(ctx, "deferred", "id", it.ID, "by", "pipeline")
			return false, w.queue.later(it, w.backoff[0])
		}
		it.Processed = true
	}
	if pause := w.limit.wait(it.Recipients); pause > 0 {
		w.tel.Delivery.Throttled(otelmail.ThrottledRateLimit)
		return false, w.queue.later(it, pause)
	}
	return w.deliver(ctx, it, message)
}

// deliver makes one attempt for each destination and decides what comes next
// for those recipients that were not served.
func (w *worker) deliver(ctx context.Context, it *item, message []byte) (gone bool, err error) {
	it.Rounds++
	last := it.Rounds > len(w.backoff)
	var deferred []string
	var failed []failure
	for _, f := range w.router.deliver(ctx, it, message, last) {
		if f.reply.Temporary() && !last {
			deferred = append(deferred, f.recipient)
		} else {
			failed = append(failed, f)
			it.Fate = max(it.Fate, fateOf(f.reply))
		}
	}
	if len(failed) > 0 {
		if err := w.giveUp(ctx, it, failed, message); err != nil {
			// Nobody was told, so nobody may be forgotten: all of them come again.
			for _, f := range failed {
				deferred = append(deferred, f.recipient)
			}
			it.Recipients = deferred
			return false, errors.Join(err, w.queue.later(it, w.pause(it)))
		}
	}
	if len(deferred) == 0 {
		return true, w.queue.spool.remove(it.ID)
	}
	it.Recipients = deferred
	return false, w.queue.later(it, w.pause(it))
}

// fateOf is what has become of a recipient who is given up.
func fateOf(reply otelmail.Reply) otelmail.Removal {
	if reply.Temporary() { // and would be tried again, had it not been tried often enough
		return otelmail.RemovedExpired
	}
	return otelmail.RemovedBounced
}

// giveUp tells the sender. A bounce that fails is dropped: answering it would
// make two servers write to each other for ever (RFC 5321 section 6.1).
func (w *worker) giveUp(ctx context.Context, it *item, failed []failure, message []byte) error {
	if it.bounce() {
		w.tel.Mail.Dropped(ctx)
		w.log.InfoContext(ctx, "dropped", "id", it.ID, "by", "no sender to bounce to")
		return nil
	}
	bounce, text, err := newBounce(it, failed, message)
	if err != nil {
		return err
	}
	if err := w.queue.enqueue(ctx, bounce, text); err != nil {
		return err
	}
	w.tel.Mail.Bounced(ctx)
	w.log.InfoContext(ctx, "bounced", "id", it.ID, "bounce", bounce.ID, "recipients", len(failed), "rounds", it.Rounds)
	return nil
}

// pause is how long a message rests after its latest attempt.
func (w *worker) pause(it *item) time.Duration {
	return w.backoff[min(max(it.Rounds, 1), len(w.backoff))-1]
}
