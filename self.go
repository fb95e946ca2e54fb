package otelmail

import (
	"errors"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/internal/contain"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/internal/guard"
	"github.com/rusmes/otelmail/internal/logtee"
)

var (
	selfRefused = define(catalog.Metric{
		Name: "telemetry_refused_total", Kind: catalog.Counter, Unit: "{value}",
		Help: "Values and callbacks of the application's own instruments that were refused",
		Rise: "The application computes NaN or an infinity, counts backwards, or has a callback that fails or hangs. The error passed to the error handler names the callback's meter.",
		Labels: []catalog.Label{{Key: "reason", Values: guard.Reasons(),
			Help: "Why: the value is NaN, infinite, or negative for a counter; or the callback failed, panicked (or ended its goroutine), or has not returned within 2 s: until it does it is not called again, and counts once a collection"}},
	})
	selfCleaned = define(catalog.Metric{
		Name: "telemetry_cleaned_total", Kind: catalog.Counter, Unit: "{text}",
		Help: "Texts from outside that had to be changed before they could leave",
		Rise: "Somebody sends what no real mail contains: bytes that are not text, or names of absurd length. No event is lost by it.",
		Labels: []catalog.Label{{Key: "reason", Values: []string{"not_text", "too_long"},
			Help: "Why: invalid UTF-8 or control characters; or longer than allowed, and cut"}},
	})
	selfSent = define(catalog.Metric{
		Name: "telemetry_sent_total", Kind: catalog.Counter, Unit: "{item}",
		Help:   "Spans, log records and metric points that the receiver has taken over OTLP",
		Rise:   "Telemetry arrives. A fall to zero while mail flows: the receiver is away, see " + selfWaiting.Name + ".",
		Labels: []catalog.Label{{Key: "signal", Values: signals, Help: "What was sent"}},
	})
	selfDropped = define(catalog.Metric{
		Name: "telemetry_dropped_total", Kind: catalog.Counter, Unit: "{item}",
		Help:   "Spans, log records and metric points that were given up",
		Rise:   "The receiver was away for longer than the queue lasts, or refuses what it gets. Keep a buffer on disk, or look at the receiver's own log.",
		Labels: []catalog.Label{{Key: "signal", Values: signals, Help: "What was dropped"}},
	})
	selfWaiting = define(catalog.Metric{
		Name: "telemetry_waiting", Kind: catalog.Gauge, Unit: "{item}", Fleet: catalog.Sum,
		Help:   "Spans, log records and metric points that wait to be sent",
		Rise:   "The receiver is away or slow. What waits is sent when it is back, as long as the queue or the buffer lasts.",
		Labels: []catalog.Label{{Key: "signal", Values: signals, Help: "What waits"}},
	})
	selfDeferred = define(catalog.Metric{
		Name: "telemetry_deferred", Kind: catalog.Gauge, Unit: "{item}", Fleet: catalog.Sum,
		Help:   "Spans, log records and metric points that wait, set aside, because the receiver takes others but not these",
		Rise:   "Something between here and the receiver objects to what is in them, such as a firewall. The error passed to the error handler has its answer. They are tried again until the buffer gives them up for their age.",
		Labels: []catalog.Label{{Key: "signal", Values: signals, Help: "What was set aside"}},
	})
)

var selfUnfollowed = define(catalog.Metric{
	Name: "telemetry_unfollowed_sessions_total", Kind: catalog.Counter, Unit: "{session}",
	Help: "Sessions whose dialogue could no longer be understood: what came after that was not counted",
	Rise: "Clients or the server say what no RFC allows, or the server speaks an extension that is not known here. The sessions of that protocol have more commands and errors than are counted.",
	Labels: []catalog.Label{{Key: "protocol", Values: []string{"smtp", "imap", "pop3"},
		Help: "The protocol; LMTP and submission count as smtp"}},
})

var selfUnlogged = define(catalog.Metric{
	Name: "telemetry_local_log_dropped_total", Kind: catalog.Counter, Unit: "{record}",
	Help: "Records that are not in the local log",
	Rise: "Whoever reads the log does not read, its disk is full or hangs, or a handler of the application's own panics. The mail goes on. A line of the log says how many are missing once it can be written again.",
	Labels: []catalog.Label{{Key: "reason", Values: logtee.Losses(),
		Help: "Why: the log did not take them as fast as they came; writing failed; or the handler panicked"}},
})

var signals = []string{"traces", "metrics", "logs"}

// self counts what the telemetry does to itself.
type self struct {
	refused  []*count.Counter
	notText  *count.Counter
	tooLong  *count.Counter
	unlogged []*count.Counter // by logtee.Loss
	kept     *keptCounters
}

func newSelf() *self {
	s := &self{notText: count.NewCounter(), tooLong: count.NewCounter(), kept: newKeptCounters()}
	for range selfRefused.Labels[0].Values {
		s.refused = append(s.refused, count.NewCounter())
	}
	for range selfUnlogged.Labels[0].Values {
		s.unlogged = append(s.unlogged, count.NewCounter())
	}
	return s
}

func (s *self) refuse(why guard.Reason) { s.refused[why].Add(1) }

// bind binds the counters, which have been counting since before the pipelines were built.
func (s *self) bind(b *binder, stats *exportStats) {
	b.bindCounters(selfRefused, s.refused)
	b.bindCounters(selfCleaned, []*count.Counter{s.notText, s.tooLong})
	b.beforeCollection(stats.refresh)
	b.bindCounters(selfUnlogged, s.unlogged)
	b.bindCounters(selfDecided, s.kept.decided)
	b.bindCounters(selfEarly, s.kept.early)
	for m, read := range map[*catalog.Metric]func(export.Stats) int64{
		selfSent:     func(e export.Stats) int64 { return e.Sent },
		selfDropped:  func(e export.Stats) int64 { return e.Dropped },
		selfWaiting:  func(e export.Stats) int64 { return e.Waiting },
		selfDeferred: func(e export.Stats) int64 { return e.Deferred },
	} {
		instrument := b.observable(m)
		for _, signal := range signals {
			b.observe(m, instrument, exportSource{stats, signal, read}, []string{signal},
				attribute.String(m.Labels[0].Key, signal))
		}
	}
}

// exportSource adds up one figure of one signal over all exporters.
type exportSource struct {
	*exportStats
	signal string
	read   func(export.Stats) int64
}

func (s exportSource) Load() (sum int64) {
	for _, one := range s.all {
		if last := one.last.Load(); last != nil {
			for _, e := range *last {
				if e.Signal == s.signal {
					sum += s.read(e)
				}
			}
		}
	}
	return sum
}

// exportStats is what the exporters say of themselves.
type exportStats struct {
	all    []*exporterStats
	handle func(error)
}

type exporterStats struct {
	read  func() []export.Stats
	calls contain.Calls
	last  atomic.Pointer[[]export.Stats]
}

func newExportStats(exports []func() []export.Stats, handle func(error)) *exportStats {
	s := &exportStats{handle: handle}
	for _, read := range exports {
		s.all = append(s.all, &exporterStats{read: read})
	}
	return s
}

// refresh asks all exporters. The figures of one that fails or hangs stay what they were: a
// counter does not fall.
func (s *exportStats) refresh() {
	for _, one := range s.all {
		var now []export.Stats
		err := one.calls.Within(observeTime, func() { now = one.read() })
		switch {
		case err == nil:
			one.last.Store(&now)
		case !errors.Is(err, contain.ErrHangs): // of one that hangs that is said once
			s.handle(fmt.Errorf("ask an exporter what it has sent: the last figures are shown: %w", err))
		}
	}
}
