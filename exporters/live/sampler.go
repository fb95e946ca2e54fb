package live

import (
	"context"
	"math"
	"sync"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/series"
)

// sampler reads the series once a second, as a scrape does, and keeps what the page shows.
type sampler struct {
	reader    export.Reader
	namespace string
	health    *health.Registry
	service   service
	begun     time.Time
	blamer    *blamer // nil where no events are kept

	rm     metricdata.ResourceMetrics // used again for each collection
	recent []totals                   // one a second: a minute and the moment before
	older  []totals                   // one a minute: an hour
	sent   map[string]sent            // by signal

	mu      sync.Mutex // guards what follows
	latest  status
	history *history
	columns *shared // the history as it is answered
}

// sent is how much of a signal was sent, and when it was last seen to become more.
type sent struct {
	items int64
	at    time.Time
}

func newSampler(reader export.Reader, namespace string, checks *health.Registry, s service) *sampler {
	return &sampler{reader: reader, namespace: namespace, health: checks, service: s, begun: time.Now(),
		sent: map[string]sent{}, history: newHistory(), columns: newShared()}
}

const (
	minute = 60 // samples
	hour   = 60 // minutes
)

// sample reads everything once. It is for one goroutine.
func (s *sampler) sample(ctx context.Context, now time.Time) error {
	if err := s.reader.Collect(ctx, &s.rm); err != nil {
		return err
	}
	c := newCollection(&s.rm, s.namespace)
	t := newTotals(c, now)
	if n := len(s.recent); n > 0 && now.Before(s.recent[n-1].at) {
		s.recent, s.older = nil, nil // the clock was set back
	}
	s.recent = shift(s.recent, t, minute+1)
	if n := len(s.older); n == 0 || now.Sub(s.older[n-1].at) >= time.Minute {
		s.older = shift(s.older, t, hour+1)
	}
	st := s.status(ctx, c, &t)
	f := s.facts(c, &t, &st)
	st.State, st.Level, st.Sentence = f.sentence()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest = st
	s.history.add(s.point(&t, &st))
	return nil
}

// shift appends, and drops the first of more than most.
func shift(all []totals, t totals, most int) []totals {
	if len(all) == most {
		copy(all, all[1:])
		all = all[:most-1]
	}
	return append(all, t)
}

// status says what is now, but for the sentence.
func (s *sampler) status(ctx context.Context, c collection, t *totals) status {
	before, hourAgo := &s.recent[0], &s.older[0]
	st := status{
		Time:    t.at.UTC().Truncate(time.Second),
		Service: s.service,
		Rates:   t.since(before),
		Queue:   s.queue(ctx, c, t.at),
		Latency: []latency{
			{"processing", optional(t.processing.quantile(processing, before.processing, 0.5)), optional(t.processing.quantile(processing, before.processing, 0.99))},
			{"delivery", optional(t.delivery.quantile(delivery, before.delivery, 0.5)), optional(t.delivery.quantile(delivery, before.delivery, 0.99))},
		},
		Checks:       s.checks(),
		Certificates: []certificate{},
		Disks:        []disk{},
	}
	for i, protocol := range protocols {
		st.Logins = append(st.Logins, logins{protocol, t.good[i] - hourAgo.good[i], t.bad[i] - hourAgo.bad[i]})
		st.Sessions = append(st.Sessions, sessions{protocol, int64(c.sum(series.ActiveConnections, "protocol", protocol))})
	}
	c.each(series.CertificateNotAfter, func(label func(string) string, value float64) {
		end := time.Unix(int64(value), 0).UTC()
		st.Certificates = append(st.Certificates, certificate{label("listener"), end, math.Floor(end.Sub(t.at).Hours()/2.4) / 10})
	})
	c.each(series.DiskFree, func(label func(string) string, value float64) {
		d := disk{Path: label("path"), Free: optional(value)}
		c.each(series.InodesFree, func(other func(string) string, value float64) {
			if other("path") == d.Path {
				d.Inodes = optional(value)
			}
		})
		st.Disks = append(st.Disks, d)
	})
	for _, name := range []string{"traces", "metrics", "logs"} {
		of := func(which string) int64 { return int64(c.sum(which, "signal", name)) }
		one := signal{Signal: name, Sent: of(series.SelfSent), Waiting: of(series.SelfWaiting),
			Deferred: of(series.SelfDeferred), Dropped: of(series.SelfDropped)}
		if one.Sent != s.sent[name].items {
			s.sent[name] = sent{one.Sent, t.at}
		}
		one.LastSent = known(s.sent[name].at)
		st.Telemetry = append(st.Telemetry, one)
	}
	return st
}

func (s *sampler) queue(ctx context.Context, c collection, now time.Time) queue {
	q := queue{Messages: int64(c.sum(series.QueueSize)), States: []queueState{}}
	oldest := 0.0
	for _, state := range []string{"ready", "active", "deferred", "hold"} {
		one := queueState{State: state,
			Messages: int64(c.sum(series.QueueMessages, "state", state)),
			Bytes:    int64(c.sum(series.QueueBytes, "state", state)),
			Oldest:   c.sum(series.QueueOldest, "state", state)}
		q.States = append(q.States, one)
		if state != "hold" { // is kept back on purpose
			oldest = max(oldest, one.Oldest)
		}
	}
	if oldest > 0 {
		q.Oldest = &waiting{Seconds: oldest}
		if s.blamer != nil {
			accepted := now.Add(-time.Duration(oldest * float64(time.Second)))
			q.Oldest.Domain, q.Oldest.Answer = s.blamer.blame(ctx, accepted, now)
		}
	}
	return q
}

func (s *sampler) checks() []check {
	all := []check{}
	for _, r := range s.health.Snapshot() {
		all = append(all, check{Name: r.Name, State: string(r.State), Healthy: r.Healthy, Seconds: r.Duration.Seconds(), Error: r.Error,
			Since: known(r.Since), LastRun: known(r.LastRun)})
	}
	return all
}

// known is nil for a time that there was not.
func known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

// point is the moment of the plots.
func (s *sampler) point(t *totals, st *status) sample {
	before := &s.recent[0]
	measured := func(v *float64) float64 {
		if v == nil {
			return math.NaN()
		}
		return *v
	}
	oldest := 0.0
	if st.Queue.Oldest != nil {
		oldest = st.Queue.Oldest.Seconds
	}
	good, bad := 0.0, 0.0
	for i := range protocols {
		good, bad = good+t.good[i]-before.good[i], bad+t.bad[i]-before.bad[i]
	}
	at := sample{at: t.at.Unix()}
	for i, v := range []float64{
		st.Rates.In, st.Rates.Out, st.Rates.Deferred, st.Rates.Failed, st.Rates.Bounced, st.Rates.RefusedOurs, st.Rates.RefusedTheirs,
		measured(st.Latency[0].P50), measured(st.Latency[0].P99), measured(st.Latency[1].P50), measured(st.Latency[1].P99),
		float64(st.Queue.Messages), oldest, good, bad,
		float64(st.Sessions[0].Open), float64(st.Sessions[1].Open), float64(st.Sessions[2].Open), float64(st.Sessions[3].Open),
	} {
		at.values[i] = float32(v)
	}
	return at
}

// facts are what the sentence is made of.
func (s *sampler) facts(c collection, t *totals, st *status) facts {
	f := facts{now: t.at, since: s.begun, rates: st.Rates, queue: st.Queue.Messages, queueBefore: -1, oldest: st.Queue.Oldest}
	_, f.notReady = s.health.Ready()
	for _, one := range st.Checks {
		if !one.Healthy && one.State != string(health.StateStarting) {
			f.down = append(f.down, one)
		}
	}
	c.each(series.LastSuccessTime, func(label func(string) string, value float64) {
		switch at := time.Unix(int64(value), 0); {
		case value == 0:
		case label("direction") == "in":
			f.lastIn = at
		case at.After(f.lastOut):
			f.lastOut = at
		}
	})
	if n := len(s.older); n > ago {
		f.lost = t.dropped - s.older[n-ago-1].dropped
	} else {
		f.lost = t.dropped - s.older[0].dropped
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.history.hour.back(ago * minute); ok {
		f.queueBefore = int64(before.values[queueLine])
	}
	return f
}

// ago is how far back the sentence looks, in minutes.
const ago = 10
