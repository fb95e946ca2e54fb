package otlp

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// reason is why something was dropped.
type reason int

const (
	queueFull reason = iota
	tooOld
	tooManyBytes
	tooLarge
	rejected
	diskFailed
	damaged
	reasons // how many there are
)

// reasonNames are stored on disk and shown in errors.
var reasonNames = [reasons]string{"queue_full", "too_old", "too_many_bytes", "too_large", "rejected", "disk", "damaged"}

// ledger says of one signal where everything is that was ever produced. At every
// moment produced is the sum of all the others.
type ledger struct {
	produced, sent int64
	dropped        [reasons]int64
	memory, disk   int64 // what waits, by place
}

func (l *ledger) total() (dropped int64) {
	for _, n := range l.dropped {
		dropped += n
	}
	return dropped
}

// balanced reports whether everything is accounted for.
func (l *ledger) balanced() bool {
	return l.produced == l.sent+l.total()+l.memory+l.disk
}

// reasons words what was dropped since an earlier state: "3 rejected, 1 too_old".
func (l *ledger) reasons(before ledger) string {
	var parts []string
	for r, n := range l.dropped {
		if n -= before.dropped[r]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, reasonNames[r]))
		}
	}
	return strings.Join(parts, ", ")
}

func (l *ledger) stats(s signal, where string) Stats {
	return Stats{
		Signal: s.name, Where: where, Produced: l.produced, Sent: l.sent, Failed: l.total(), OnDisk: l.disk,
		Dropped: Dropped{
			QueueFull: l.dropped[queueFull], TooOld: l.dropped[tooOld], TooManyBytes: l.dropped[tooManyBytes],
			TooLarge: l.dropped[tooLarge], Rejected: l.dropped[rejected], Disk: l.dropped[diskFailed], Damaged: l.dropped[damaged],
		},
	}
}

// tally is a ledger as it is stored. What is in memory has no place in it, since
// the process takes that along when it dies: produced counts the rest.
type tally struct {
	Produced int64            `json:"produced"`
	Sent     int64            `json:"sent"`
	Waiting  int64            `json:"waiting"`
	Dropped  map[string]int64 `json:"dropped"`
}

func (l *ledger) encode() ([]byte, error) {
	t := tally{Produced: l.produced - l.memory, Sent: l.sent, Waiting: l.disk, Dropped: map[string]int64{}}
	for r, n := range l.dropped {
		if n > 0 {
			t.Dropped[reasonNames[r]] = n
		}
	}
	return json.Marshal(t)
}

var errUnbalanced = errors.New("the counts do not add up")

// decodeLedger reads what encode wrote. Numbers that cannot be true are an error.
func decodeLedger(data []byte) (ledger, error) {
	var t tally
	if err := json.Unmarshal(data, &t); err != nil {
		return ledger{}, fmt.Errorf("read the counts: %w", err)
	}
	const most = 1 << 60 // so that sums cannot wrap
	l := ledger{produced: t.Produced, sent: t.Sent, disk: t.Waiting}
	left := len(t.Dropped)
	for r, name := range reasonNames {
		n, found := t.Dropped[name]
		if found {
			left--
		}
		if n < 0 || n > most {
			return ledger{}, errUnbalanced
		}
		l.dropped[r] = n
	}
	for _, n := range []int64{l.produced, l.sent, l.disk} {
		if n < 0 || n > most {
			return ledger{}, errUnbalanced
		}
	}
	if left != 0 || !l.balanced() {
		return ledger{}, errUnbalanced
	}
	return l, nil
}
