package store

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// tally is a ledger as it is stored. It leaves out what is in memory, which is lost when
// the process dies: produced counts only the rest.
type tally struct {
	Produced int64            `json:"produced"`
	Sent     int64            `json:"sent"`
	Waiting  int64            `json:"waiting"`
	Dropped  map[string]int64 `json:"dropped"`
}

func encodeLedger(l ledger.Ledger) ([]byte, error) {
	t := tally{Produced: l.Produced - l.Memory, Sent: l.Sent, Waiting: l.Disk, Dropped: map[string]int64{}}
	for r, n := range l.Dropped {
		if n > 0 {
			t.Dropped[ledger.Reason(r).String()] = n
		}
	}
	return json.Marshal(t)
}

var errUnbalanced = errors.New("the counts do not add up")

// decodeLedger reads what encodeLedger wrote. Numbers that cannot be true are an error.
func decodeLedger(data []byte) (ledger.Ledger, error) {
	var t tally
	if err := json.Unmarshal(data, &t); err != nil {
		return ledger.Ledger{}, fmt.Errorf("read the counts: %w", err)
	}
	const most = 1 << 60 // so that sums cannot wrap
	l := ledger.Ledger{Produced: t.Produced, Sent: t.Sent, Disk: t.Waiting}
	left := len(t.Dropped)
	for r := range ledger.Reasons {
		n, found := t.Dropped[r.String()]
		if found {
			left--
		}
		if n < 0 || n > most {
			return ledger.Ledger{}, errUnbalanced
		}
		l.Dropped[r] = n
	}
	for _, n := range []int64{l.Produced, l.Sent, l.Disk} {
		if n < 0 || n > most {
			return ledger.Ledger{}, errUnbalanced
		}
	}
	if left != 0 || !l.Balanced() {
		return ledger.Ledger{}, errUnbalanced
	}
	return l, nil
}
