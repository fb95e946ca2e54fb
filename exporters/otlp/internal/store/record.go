package store

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"
)

// record is one request, serialised, on its way through the buffer.
type record struct {
	seq   uint64 // order over all signals, from 1
	at    int64  // when it was stored, in milliseconds since 1970
	items uint32 // spans, log records or data points
	body  []byte // ExportTraceServiceRequest or its siblings, in protobuf

	account *Account // while it is in memory
}

// A record's key begins with its number, so that the records are in order, and holds
// what is needed without reading the body:
//
//	seq 8 bytes, at 8 bytes, items 4 bytes, length of the body 4 bytes
//
// Its value is a checksum over key and body, 4 bytes, and the body.
const (
	keySize      = 24
	checksumSize = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (r *record) key() []byte {
	k := make([]byte, 0, keySize)
	k = binary.BigEndian.AppendUint64(k, r.seq)
	k = binary.BigEndian.AppendUint64(k, uint64(r.at)) //nolint:gosec // its bits, not its value
	k = binary.BigEndian.AppendUint32(k, r.items)
	return binary.BigEndian.AppendUint32(k, uint32(len(r.body))) //nolint:gosec // batches are far smaller
}

func (r *record) value(key []byte) []byte {
	v := make([]byte, 0, checksumSize+len(r.body))
	v = binary.BigEndian.AppendUint32(v, checksum(key, r.body))
	return append(v, r.body...)
}

func checksum(key, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, body)
}

// Entry is what a record's key holds.
type Entry struct {
	seq   uint64
	at    time.Time
	Items int64 // spans, log records or data points
	size  int64 // of the body

	Deferred int  // how often it was set aside
	ahead    bool // those before it are not settled
}

// Number is the record's place in the order of all.
func (e Entry) Number() uint64 { return e.seq }

var errDamagedRecord error = &damageError{"a stored record cannot be read"}

func decodeKey(key []byte) (Entry, error) {
	if len(key) != keySize {
		return Entry{}, errDamagedRecord
	}
	e := Entry{
		seq:   binary.BigEndian.Uint64(key),
		at:    time.UnixMilli(int64(binary.BigEndian.Uint64(key[8:]))), //nolint:gosec // as key wrote it
		Items: int64(binary.BigEndian.Uint32(key[16:])),
		size:  int64(binary.BigEndian.Uint32(key[20:])),
	}
	if e.seq == 0 || e.seq == math.MaxUint64 || e.Items == 0 {
		return Entry{}, errDamagedRecord
	}
	return e, nil
}

// decodeRecord returns the body in value, which is checked against key.
func decodeRecord(key, value []byte) (Entry, []byte, error) {
	e, err := decodeKey(key)
	if err != nil {
		return e, nil, err
	}
	if len(value) < checksumSize || int64(len(value)-checksumSize) != e.size {
		return e, nil, errDamagedRecord
	}
	body := value[checksumSize:]
	if checksum(key, body) != binary.BigEndian.Uint32(value) {
		return e, nil, errDamagedRecord
	}
	return e, body, nil
}

// fileSize is roughly what a body of that size takes in the file, in bytes: small ones
// share a page of 4 KiB, others have pages of their own.
func fileSize(size int64) int64 {
	const page, overhead = 4 << 10, 160
	size += overhead
	if size < page/4 {
		return size
	}
	return (size + page - 1) / page * page
}
