package live

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/rusmes/otelmail/exporters/live/internal/life"
)

// blamer finds for whom the oldest message waits: in the deferrals, by when it was queued.
type blamer struct {
	failures func(context.Context, life.Filter) ([]life.Step, time.Time, error)

	asked          time.Time
	accepted       time.Time
	domain, answer string
}

const (
	mostAsked  = 200 // deferrals
	askedEvery = 10 * time.Second
	// blameTime is what a disk that hangs may cost the page: it shows all the rest.
	blameTime = time.Second
	// sameMessage is how far two clocks' readings of when it was queued may be apart.
	sameMessage = 2 * time.Second
)

// blame is for one goroutine. It is "" where the events do not tell; answer is the reply
// code, else what broke.
func (b *blamer) blame(ctx context.Context, accepted, now time.Time) (domain, answer string) {
	if accepted.Sub(b.accepted).Abs() < sameMessage && now.Sub(b.asked).Abs() < askedEvery {
		return b.domain, b.answer
	}
	b.asked, b.accepted, b.domain, b.answer = now, accepted, "", ""
	ctx, cancel := context.WithTimeout(ctx, blameTime)
	defer cancel()
	deferrals, _, err := b.failures(ctx, life.Filter{Event: "deferred", Limit: mostAsked})
	if err != nil {
		return "", "" // the search says so, too
	}
	for _, d := range deferrals {
		queued := d.Time.Add(-time.Duration(d.InQueue * float64(time.Second)))
		if queued.Sub(accepted).Abs() < sameMessage {
			b.domain, b.answer = cmp.Or(d.Domain, d.Host, d.To.Domain), d.ErrorType
			if d.Code > 0 {
				b.answer = strconv.FormatInt(d.Code, 10)
			}
			break
		}
	}
	return b.domain, b.answer
}
