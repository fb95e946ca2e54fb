package live

import (
	"math"
	"time"

	"github.com/rusmes/otelmail/internal/series"
)

// status is what GET /api/v1/status answers, documented in docs/live-api.md. Rates are of
// the last minute, or of the time since the start while that is shorter.
type status struct {
	Time     time.Time `json:"time"`
	State    string    `json:"state"`    // see sentence
	Level    string    `json:"level"`    // ok, warn or bad
	Sentence string    `json:"sentence"` // how the mail does
	Service  service   `json:"service"`

	Rates        rates         `json:"rates"`
	Latency      []latency     `json:"latency"`
	Queue        queue         `json:"queue"`
	Logins       []logins      `json:"logins"`
	Sessions     []sessions    `json:"sessions"`
	Checks       []check       `json:"checks"`
	Certificates []certificate `json:"certificates"`
	Disks        []disk        `json:"disks"`
	Telemetry    []signal      `json:"telemetry"`
}

type service struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Since   time.Time `json:"since"`
}

// rates are a minute's messages, refusals and attempts to deliver.
type rates struct {
	In            float64 `json:"in"`
	Out           float64 `json:"out"`
	Local         float64 `json:"out_local"`
	Remote        float64 `json:"out_remote"`
	Deferred      float64 `json:"deferred"`
	Failed        float64 `json:"failed"`
	Bounced       float64 `json:"bounced"`
	RefusedOurs   float64 `json:"refused_ours"`
	RefusedTheirs float64 `json:"refused_theirs"`
}

type latency struct {
	Of  string   `json:"of"` // processing or delivery
	P50 *float64 `json:"p50_seconds"`
	P99 *float64 `json:"p99_seconds"`
}

type queue struct {
	Messages int64        `json:"messages"`
	States   []queueState `json:"states"`
	Oldest   *waiting     `json:"oldest"` // null where nothing waits
}

type queueState struct {
	State    string  `json:"state"`
	Messages int64   `json:"messages"`
	Bytes    int64   `json:"bytes"`
	Oldest   float64 `json:"oldest_seconds"`
}

// waiting is the oldest message that waits, and for whom as far as its events tell.
type waiting struct {
	Seconds float64 `json:"seconds"`
	Domain  string  `json:"domain,omitempty"`
	Answer  string  `json:"answer,omitempty"` // a reply code, else what broke
}

type logins struct {
	Protocol string  `json:"protocol"`
	Good     float64 `json:"good"` // within the last hour
	Bad      float64 `json:"bad"`
}

type sessions struct {
	Protocol string `json:"protocol"`
	Open     int64  `json:"open"`
}

type check struct {
	Name    string     `json:"name"`
	State   string     `json:"state"`
	Healthy bool       `json:"healthy"`
	Since   *time.Time `json:"since"`    // as health.Result has it; null before health has begun
	LastRun *time.Time `json:"last_run"` // null before the first
	Seconds float64    `json:"duration_seconds"`
	Error   string     `json:"error,omitempty"`
}

type certificate struct {
	Listener string    `json:"listener"`
	NotAfter time.Time `json:"not_after"`
	Days     float64   `json:"days_left"`
}

type disk struct {
	Path   string   `json:"path"`
	Free   *float64 `json:"free_ratio"`
	Inodes *float64 `json:"inode_free_ratio"`
}

type signal struct {
	Signal   string     `json:"signal"`
	Sent     int64      `json:"sent"`
	Waiting  int64      `json:"waiting"`
	Deferred int64      `json:"deferred"`
	Dropped  int64      `json:"dropped"`
	LastSent *time.Time `json:"last_sent"` // null where nothing was seen to be taken
}

// optional is nil for what was not measured.
func optional(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// totals are the counters that rates are made of, at one moment.
type totals struct {
	at                         time.Time
	in, out, local, remote     float64
	deferred, failed, bounced  float64
	refusedOurs, refusedTheirs float64
	dropped                    float64 // of telemetry
	good, bad                  [4]float64
	processing, delivery       buckets
}

const (
	processing = series.MailLatency
	delivery   = series.DeliveryTotal
)

var protocols = []string{"smtp", "imap", "jmap", "pop3"}

func newTotals(c collection, at time.Time) totals {
	t := totals{
		at:            at,
		in:            c.sum(series.SMTPReceived),
		out:           c.sum(series.MailDelivered),
		remote:        c.sum(series.SMTPSent),
		deferred:      c.sum(series.DeliveryAttempts, "outcome", "deferred"),
		failed:        c.sum(series.DeliveryAttempts, "outcome", "failed"),
		bounced:       c.sum(series.MailBounced),
		refusedOurs:   c.sum(series.Rejections, "fault", "ours"),
		refusedTheirs: c.sum(series.Rejections, "fault", "theirs"),
		dropped:       c.sum(series.SelfDropped),
		processing:    c.histogram(processing),
		delivery:      c.histogram(delivery, "outcome", "delivered"),
	}
	t.local = max(0, t.out-t.remote)
	c.each(series.AuthAttempts, func(label func(string) string, value float64) {
		for i, protocol := range protocols {
			switch {
			case label("protocol") != protocol:
			case label("result") == "success":
				t.good[i] += value
			default:
				t.bad[i] += value
			}
		}
	})
	return t
}

// since are the rates from an earlier moment on, a minute.
func (t *totals) since(b *totals) rates {
	// One message in the first second is not sixty a minute.
	took := max(t.at.Sub(b.at), 10*time.Second).Minutes()
	rate := func(now, before float64) float64 { return max(0, now-before) / took }
	return rates{
		In: rate(t.in, b.in), Out: rate(t.out, b.out), Local: rate(t.local, b.local), Remote: rate(t.remote, b.remote),
		Deferred: rate(t.deferred, b.deferred), Failed: rate(t.failed, b.failed), Bounced: rate(t.bounced, b.bounced),
		RefusedOurs: rate(t.refusedOurs, b.refusedOurs), RefusedTheirs: rate(t.refusedTheirs, b.refusedTheirs),
	}
}
