package otelmail

import (
	"time"

	"github.com/rusmes/otelmail/catalog"
)

var (
	schedulerLag = define(catalog.Metric{
		Name: "queue_scheduler_lag_seconds", Kind: catalog.Histogram, Unit: "s",
		Help:    "How long after they were due attempts to deliver began",
		Rise:    "There are too few workers, or slow destinations hold them (see " + deliveryDuration.Name + "), or the scheduler stands still: mail waits for us and not for the other side.",
		Buckets: durationBuckets,
	})
	deliveryPhase = define(catalog.Metric{
		Name: "delivery_phase_duration_seconds", Kind: catalog.Histogram, Unit: "s",
		Help:    "How long the phases of attempts to deliver took, whether or not they succeeded",
		Rise:    "queue: too few workers. dns: our resolver (see " + dnsDuration.Name + "). connect: servers that are away, or our own network. tls: servers under load, or a time-out. transfer: the other side checks for long, or the line is narrow.",
		Buckets: durationBuckets,
		Labels: []catalog.Label{{Key: "phase", Values: phases[:],
			Help: "Waiting for a worker once due; looking up where to; connecting; the TLS handshake; the SMTP dialogue and the message; or anything else"}},
	})
)

// Phase is a part of an attempt to deliver.
type Phase uint8

// The phases. An attempt may have several of a kind, one for each server that it tries.
const (
	PhaseQueue    Phase = iota // waiting for a worker once due: see [Attempt.Due]
	PhaseDNS                   // looking up where to connect: MX, addresses, TLSA, the MTA-STS policy
	PhaseConnect               // connecting: see [Delivering.Dial]
	PhaseTLS                   // the TLS handshake, after STARTTLS or at once
	PhaseTransfer              // from MAIL to the reply to the message
	PhaseOther                 // anything else
)

var phases = [...]string{"queue", "dns", "connect", "tls", "transfer", "other"}

// String returns "queue", "dns", "connect", "tls", "transfer" or "other".
func (p Phase) String() string { return nameOrLast(phases[:], int(p)) }

// Phase begins a phase of the attempt.
func (o Delivering) Phase(p Phase) PhaseTimer {
	return PhaseTimer{o, p, time.Now()}
}

// PhaseTimer is a phase in progress. End it exactly once, also where it failed.
type PhaseTimer struct {
	attempt Delivering
	phase   Phase
	begun   time.Time
}

// End records how long the phase took.
func (t PhaseTimer) End() {
	if t.attempt.delivery != nil {
		t.attempt.delivery.phases.record(t.attempt.Context(), time.Since(t.begun), int(t.phase))
	}
}

// late records how long after it was due the attempt begins.
func (o Delivering) late(due time.Time) {
	if due.IsZero() {
		return
	}
	lag := o.delivery.clock.since(waitDue, due)
	o.delivery.lag.record(o.Context(), lag)
	o.delivery.phases.record(o.Context(), lag, int(PhaseQueue))
}
