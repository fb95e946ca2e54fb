package ledger_test

import (
	"sync"
	"testing"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// A book balances whenever it is read, and after it is closed nothing waits and no count
// changes.
func TestBookBalances(t *testing.T) {
	var b ledger.Book
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for n := range 3000 {
				b.Accept(5)
				if n == 1500 {
					b.Close(ledger.Shutdown)
				}
				if l := b.Ledger(); !l.Balanced() || l.Memory < 0 {
					t.Errorf("%+v", l)
				}
				if n%3 == 0 {
					b.Drop(5, ledger.QueueFull)
				} else if n%3 == 1 {
					b.Settle(5, 3, ledger.Rejected)
				}
			}
		})
	}
	work.Wait()
	l := b.Ledger()
	b.Accept(1)
	b.Close(ledger.TooOld)
	if l.Memory != 0 || l.Dropped[ledger.Shutdown] == 0 || l.Lost() != l.Produced-l.Sent || b.Ledger() != l {
		t.Errorf("%+v, then %+v", l, b.Ledger())
	}
	var before ledger.Ledger
	before.Dropped[ledger.Shutdown] = l.Dropped[ledger.Shutdown]
	before.Dropped[ledger.Rejected] = l.Dropped[ledger.Rejected] - 7
	before.Dropped[ledger.QueueFull] = l.Dropped[ledger.QueueFull] - 3
	if got := l.Reasons(before); got != "3 queue_full, 7 rejected" {
		t.Errorf("reasons: %s", got)
	}
}
