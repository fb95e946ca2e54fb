package store

import (
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// bodyName is the key of the only value in a record's bucket. Each record has a bucket
// of its own, because the values of a shared one are rewritten together.
var bodyName = []byte("b")

// change is one account's part of a transaction, worked out on a copy.
type change struct {
	account *Account
	before  ledger.Ledger
	after   ledger.Ledger
	bytes   int64
	mark    uint64
	done    []uint64
	keep    uint64   // the record in flight, which is not dropped
	dropped []uint64 // records
}

// apply adds to the account what the transaction changed in the copy: the account may
// have changed since it was copied.
func (c *change) apply() {
	a := c.account
	a.bytes, a.tidied = c.bytes, c.mark
	for _, seq := range c.done {
		delete(a.done, seq)
	}
	for _, seq := range c.dropped {
		a.undefer(seq)
	}
	a.ledger.Memory += c.after.Memory - c.before.Memory
	a.ledger.Disk += c.after.Disk - c.before.Disk
	for r := range a.ledger.Dropped {
		a.ledger.Dropped[r] += c.after.Dropped[r] - c.before.Dropped[r]
	}
}

// tidy removes what is settled, then what is too old.
func (c *change) tidy(tx *bbolt.Tx, oldest time.Time) error {
	b := tx.Bucket([]byte(c.account.signal.Name))
	for _, seq := range c.done {
		if _, err := c.removeSettled(b, seq, seq); err != nil {
			return err
		}
	}
	for seq := c.account.tidied + 1; seq > 0 && seq <= c.mark; {
		var err error
		if seq, err = c.removeSettled(b, seq, c.mark); err != nil {
			return err
		}
	}
	for {
		key, e, err := c.first(b)
		if err != nil || key == nil || !e.at.Before(oldest) {
			return err
		}
		if err := c.remove(b, key, e, ledger.TooOld); err != nil {
			return err
		}
	}
}

// removeSettled removes the first of the records with these numbers, unless it is set aside,
// and returns the number after its own; 0 if there is none.
func (c *change) removeSettled(b *bbolt.Bucket, from, to uint64) (uint64, error) {
	key, _ := b.Cursor().Seek(binary.BigEndian.AppendUint64(nil, from))
	if key == nil {
		return 0, nil
	}
	e, err := decodeKey(key)
	if err != nil || e.seq > to {
		return 0, err
	}
	if c.account.deferral(e.seq) >= 0 {
		return e.seq + 1, nil
	}
	c.bytes -= fileSize(e.size)
	return e.seq + 1, b.DeleteBucket(key)
}

// first is the oldest record that is not being sent.
func (c *change) first(b *bbolt.Bucket) ([]byte, Entry, error) {
	cursor := b.Cursor()
	key, _ := cursor.First()
	if len(key) == keySize && binary.BigEndian.Uint64(key) == c.keep {
		key, _ = cursor.Next()
	}
	if key == nil {
		return nil, Entry{}, nil
	}
	e, err := decodeKey(key)
	return key, e, err
}

func (c *change) remove(b *bbolt.Bucket, key []byte, e Entry, why ledger.Reason) error {
	c.bytes -= fileSize(e.size)
	c.after.Disk -= e.Items
	c.after.Dropped[why] += e.Items
	c.dropped = append(c.dropped, e.seq)
	return b.DeleteBucket(key)
}

// makeRoom drops the oldest records of whichever signal has the most bytes, so that one
// which no receiver takes does not crowd out the others.
func (s *Store) makeRoom(tx *bbolt.Tx, changes []*change, need int64) error {
	for {
		total := need
		var largest *change
		for _, c := range changes {
			total += c.bytes
			if c.bytes > 0 && (largest == nil || c.bytes > largest.bytes) {
				largest = c
			}
		}
		if total <= s.MaxBytes || largest == nil {
			return nil
		}
		b := tx.Bucket([]byte(largest.account.signal.Name))
		key, e, err := largest.first(b)
		if err != nil || key == nil {
			return err // all that is left is in flight
		}
		if err := largest.remove(b, key, e, ledger.TooManyBytes); err != nil {
			return err
		}
	}
}

func (c *change) add(tx *bbolt.Tx, r *record) error {
	key := r.key()
	b, err := tx.Bucket([]byte(c.account.signal.Name)).CreateBucketIfNotExists(key)
	if err != nil {
		return err
	}
	c.bytes += fileSize(int64(len(r.body)))
	c.after.Memory -= int64(r.items)
	c.after.Disk += int64(r.items)
	return b.Put(bodyName, r.value(key))
}
