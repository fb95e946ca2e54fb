package store

import (
	"bytes"
	"testing"
)

// What is read back from the disk may be anything.
func FuzzDecodeRecord(f *testing.F) {
	for _, r := range []record{{seq: 1, at: 1, items: 1}, {seq: 7, at: -1, items: 512, body: []byte("body")}} {
		key := r.key()
		f.Add(key, r.value(key))
	}
	f.Add([]byte{}, []byte{})
	f.Add(make([]byte, keySize), make([]byte, checksumSize))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		e, body, err := decodeRecord(key, value)
		if err != nil {
			if body != nil {
				t.Error("a damaged record has a body")
			}
			return
		}
		// What was accepted is what would be written.
		r := record{seq: e.seq, at: e.at.UnixMilli(), items: uint32(e.Items), body: body}
		again := r.key()
		if !bytes.Equal(again, key) || !bytes.Equal(r.value(again), value) {
			t.Errorf("%x %x is read as %+v", key, value, e)
		}
		if e.Items <= 0 || e.size != int64(len(body)) || fileSize(e.size) < e.size {
			t.Errorf("%+v of %d bytes", e, len(body))
		}
		// One flipped bit anywhere is noticed.
		value[len(value)-1] ^= 1
		if _, _, err := decodeRecord(key, value); err == nil {
			t.Errorf("a flipped bit in %x was not noticed", value)
		}
	})
}

func FuzzDecodeLedger(f *testing.F) {
	for _, seed := range []string{
		`{"produced":3,"sent":1,"waiting":1,"dropped":{"rejected":1}}`, `{}`, `{"produced":-1,"waiting":-1}`,
		`{"produced":1e30}`, `{"dropped":{"what":0}}`, `null`, `[]`, ``,
		`{"produced":9223372036854775807,"sent":9223372036854775807}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := decodeLedger(data)
		if err != nil {
			return
		}
		if !l.Balanced() || l.Produced < 0 || l.Sent < 0 || l.Disk < 0 || l.Lost() < 0 {
			t.Errorf("%s is read as %+v", data, l)
		}
		again, err := encodeLedger(l)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := decodeLedger(again); err != nil || same != l {
			t.Errorf("%s is written as %s: %+v, %v", data, again, same, err)
		}
	})
}
