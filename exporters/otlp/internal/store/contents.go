package store

import (
	"bytes"
	"io"
	"slices"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// contents is what one state of a file holds, as far as it can be read.
type contents struct {
	*image
	names   []string // of what is in it, besides parts and counts
	format  string
	source  string // the damaged file from which this one was being filled
	counts  map[string]ledger.Ledger
	counted bool            // counts could be read
	parts   map[string]part // by signal
}

// part is what a state holds of one signal.
type part struct {
	sound        bool
	items, bytes int64
	last         uint64 // number of the last record
}

// stored is a record where it lies in the file.
type stored struct {
	Entry
	key      []byte
	at, size int64 // of its value
}

// value reads the value and checks it against the key.
func (r stored) value(file io.ReaderAt) ([]byte, error) {
	value := make([]byte, r.size)
	if _, err := file.ReadAt(value, r.at); err != nil {
		return nil, err
	}
	_, _, err := decodeRecord(r.key, value)
	return value, err
}

// readContents reads a state of a file and calls visit, unless it is nil, with each
// record. Of a record it reads the first page: bodies are checked when they are sent.
func readContents(file io.ReaderAt, size int64, st state, signals []Signal, visit func(signal string, r stored)) *contents {
	c := &contents{image: newImage(file, size, st), counts: map[string]ledger.Ledger{}, parts: map[string]part{}}
	c.walk(st.root, nil, nil, func(p page, e element) {
		switch name := string(e.key); {
		case name == string(countsName):
			c.counted = c.sound(func() { c.within(p, e, c.readCount) })
		case slices.ContainsFunc(signals, func(s Signal) bool { return s.Name == name }):
			c.readPart(name, p, e, visit)
		default:
			c.names = append(c.names, name)
			if name == string(ownerName) {
				c.within(p, e, c.readOwner)
			}
		}
	})
	if c.empty() {
		return c
	}
	c.checkFreelist()
	if !c.counted {
		c.damaged("its counts cannot be read")
	}
	for _, s := range signals {
		if _, found := c.parts[s.Name]; !found {
			c.damaged("a part of it is missing")
		} else if l, items := c.counts[s.Name], c.parts[s.Name].items; items > l.Disk {
			c.damaged("it counts %d %s and has %d", l.Disk, s.Items, items)
		}
	}
	return c
}

// empty reports whether nothing was ever stored, by us or by others.
func (c *contents) empty() bool {
	return c.damage == nil && !c.counted && len(c.names)+len(c.parts) == 0
}

// foreign reports whether what was stored is not ours.
func (c *contents) foreign() bool {
	return !c.empty() && len(c.parts) == 0 && !c.counted && len(c.names) > 0 && !slices.Contains(c.names, string(ownerName))
}

func (c *contents) readOwner(p page, e element) {
	switch value := string(p.data[e.at : e.at+e.size]); string(e.key) {
	case string(formatName):
		c.format = value
	case string(sourceName):
		c.source = value
	}
}

func (c *contents) readCount(p page, e element) {
	l, err := decodeLedger(bytes.Clone(p.data[e.at : e.at+e.size]))
	if err != nil {
		c.damaged("%v", err)
		return
	}
	c.counts[string(e.key)] = l
}

func (c *contents) readPart(signal string, p page, e element, visit func(string, stored)) {
	var part part
	part.sound = c.sound(func() {
		c.within(p, e, func(p page, e element) {
			r, ok := c.readRecord(p, e)
			if !ok || r.seq <= part.last {
				c.damaged("%v", errDamagedRecord)
				return
			}
			part.items += r.Items
			part.bytes += fileSize(r.Entry.size)
			part.last = r.seq
			if visit != nil {
				visit(signal, r)
			}
		})
	})
	c.parts[signal] = part
}

func (c *contents) readRecord(p page, e element) (r stored, ok bool) {
	entry, err := decodeKey(e.key)
	id, inner, ok := c.bucket(p, e)
	if err != nil || !ok {
		return r, false
	}
	if id != 0 {
		if inner, ok = c.read(id, c.pageSize); !ok {
			return r, false
		}
	}
	all, ok := inner.elements(false)
	if !ok || inner.flags != leafPage || len(all) != 1 || all[0].isBucket || string(all[0].key) != string(bodyName) {
		return r, false
	}
	return stored{Entry: entry, key: bytes.Clone(e.key), at: inner.start + all[0].at, size: all[0].size}, true
}
