package live

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// plotted are the lines of the plots. All are of the minute up to their moment: messages,
// attempts and logins a minute, seconds, messages, connections.
var plotted = []string{
	"in", "out", "deferred", "failed", "bounced", "refused_ours", "refused_theirs",
	"processing_p50", "processing_p99", "delivery_p50", "delivery_p99",
	"queue", "oldest", "logins_good", "logins_bad",
	"sessions_smtp", "sessions_imap", "sessions_jmap", "sessions_pop3",
}

// queueLine is where the line of the queue is among them.
const queueLine = 11

// sample is one moment of all lines; NaN where there was nothing to measure.
type sample struct {
	at     int64 // in Unix seconds
	values [19]float32
}

// history keeps samples at two steps.
type history struct{ hour, day ring }

func newHistory() *history {
	return &history{hour: newRing(time.Hour, time.Second), day: newRing(24*time.Hour, time.Minute)}
}

func (h *history) add(s sample) {
	h.hour.add(s)
	h.day.add(s)
}

// ring keeps the newest samples, at least a step apart.
type ring struct {
	step int64
	kept []sample // its capacity is the bound
	next int      // where the next one goes once it is full
}

func newRing(reach, step time.Duration) ring {
	return ring{step: int64(step / time.Second), kept: make([]sample, 0, reach/step)}
}

// add leaves out what comes too early. Where the clock was set back, the samples of the time
// that comes again make room: with them the plots would stand still until it was over.
func (r *ring) add(s sample) {
	newest, some := r.back(0)
	switch now, last := s.at/r.step, newest.at/r.step; {
	case some && now == last:
		return
	case some && now < last:
		all := r.all()
		before := slices.IndexFunc(all, func(one sample) bool { return one.at/r.step >= now })
		r.kept, r.next = append(r.kept[:0], all[:before]...), 0
	}
	if len(r.kept) < cap(r.kept) {
		r.kept = append(r.kept, s)
		return
	}
	r.kept[r.next] = s
	r.next = (r.next + 1) % len(r.kept)
}

// back is the sample so many before the newest; there may be none.
func (r *ring) back(n int) (s sample, ok bool) {
	if n >= len(r.kept) {
		return sample{}, false
	}
	return r.kept[(r.next+len(r.kept)-1-n)%len(r.kept)], true
}

// all are the samples, the oldest first.
func (r *ring) all() []sample {
	return append(append(make([]sample, 0, len(r.kept)), r.kept[r.next:]...), r.kept[:r.next]...)
}

// columns writes samples as JSON: {"step":1,"time":[…],"in":[…],…}.
func columns(step int64, all []sample) []byte {
	b := strconv.AppendInt([]byte(`{"step":`), step, 10)
	b = append(b, `,"time":[`...)
	for i, s := range all {
		b = strconv.AppendInt(comma(b, i), s.at, 10)
	}
	for line, name := range plotted {
		b = append(append(append(b, `],"`...), name...), `":[`...)
		for i, s := range all {
			b = number(comma(b, i), s.values[line])
		}
	}
	return append(b, "]}"...)
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

// number has four digits: more than a plot shows.
func number(b []byte, v float32) []byte {
	if f := float64(v); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return strconv.AppendFloat(b, f, 'g', 4, 32)
	}
	return append(b, "null"...)
}
