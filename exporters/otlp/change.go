package otlp

import (
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"
)

// bodyName is the key of the only value in a record's bucket. A record has a
// bucket because neighbours that share one are rewritten together.
var bodyName = []byte("b")

// change is one account's part of a transaction, worked out on a copy.
type change struct {
	account *account
	before  ledger
	after   ledger
	bytes   int64
	mark    uint64
	keep    uint64 // the record in flight, which is not dropped
}

// apply moves in the account what the transaction moved in the copy, which it
// was made from a while ago.
func (c *change) apply() {
	a := c.account
	a.bytes = c.bytes
	a.ledger.memory += c.after.memory - c.before.memory
	a.ledger.disk += c.after.disk - c.before.disk
	for r := range a.ledger.dropped {
		a.ledger.dropped[r] += c.after.dropped[r] - c.before.dropped[r]
	}
}

// tidy removes what is settled, then what is too old.
func (c *change) tidy(tx *bbolt.Tx, oldest time.Time) error {
	b := tx.Bucket([]byte(c.account.signal.name))
	for {
		key, _ := b.Cursor().First()
		if key == nil {
			return nil
		}
		e, err := decodeKey(key)
		if err != nil {
			return err
		}
		if e.seq > c.mark {
			break
		}
		c.bytes -= room(e.size)
		if err := b.DeleteBucket(key); err != nil {
			return err
		}
	}
	for {
		key, e, err := c.first(b)
		if err != nil || key == nil || !e.at.Before(oldest) {
			return err
		}
		if err := c.remove(b, key, e, tooOld); err != nil {
			return err
		}
	}
}

// first is the oldest record that is not being sent.
func (c *change) first(b *bbolt.Bucket) ([]byte, entry, error) {
	cursor := b.Cursor()
	key, _ := cursor.First()
	if len(key) == keySize && binary.BigEndian.Uint64(key) == c.keep {
		key, _ = cursor.Next()
	}
	if key == nil {
		return nil, entry{}, nil
	}
	e, err := decodeKey(key)
	return key, e, err
}

func (c *change) remove(b *bbolt.Bucket, key []byte, e entry, why reason) error {
	c.bytes -= room(e.size)
	c.after.disk -= e.items
	c.after.dropped[why] += e.items
	return b.DeleteBucket(key)
}

// makeRoom drops the oldest records of whichever signal has the most, so that
// one which nobody takes does not crowd out the others.
func (s *store) makeRoom(tx *bbolt.Tx, changes []*change, need int64) error {
	for {
		total := need
		var largest *change
		for _, c := range changes {
			total += c.bytes
			if c.bytes > 0 && (largest == nil || c.bytes > largest.bytes) {
				largest = c
			}
		}
		if total <= s.maxBytes || largest == nil {
			return nil
		}
		b := tx.Bucket([]byte(largest.account.signal.name))
		key, e, err := largest.first(b)
		if err != nil || key == nil {
			return err // all that is left is in flight
		}
		if err := largest.remove(b, key, e, tooManyBytes); err != nil {
			return err
		}
	}
}

func (c *change) add(tx *bbolt.Tx, r *record) error {
	key := r.key()
	b, err := tx.Bucket([]byte(c.account.signal.name)).CreateBucketIfNotExists(key)
	if err != nil {
		return err
	}
	c.bytes += room(int64(len(r.body)))
	c.after.memory -= int64(r.items)
	c.after.disk += int64(r.items)
	return b.Put(bodyName, r.value(key))
}
