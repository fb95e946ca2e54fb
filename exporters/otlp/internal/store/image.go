package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
)

// The library reads its file through memory that is mapped, trusts what it finds there, and
// stops at the first page that it cannot read. So this reads the file as it lies on the disk,
// every number within its bounds and no page twice, and goes on after a page that is damaged.
// The format is that of bbolt (internal/common), whose files keep it:
//
//	page     id 8 bytes, flags 2, count 2, further pages 4, then its elements
//	branch   position of the key 4, size of the key 4, page 8
//	leaf     flags 4, position of the key 4, sizes of key and value 4 each
//	meta     magic 4, version 4, page size 4, flags 4, root bucket 16, free list 8, pages 8, transaction 8, checksum 8
//	bucket   page 8 (0: what follows is the page), sequence 8
const (
	pageHeader  = 16
	elementSize = 16
	bucketSize  = 16
	metaSize    = 64

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketFlag   = 0x01

	boltMagic, boltVersion = 0xED0CDAED, 2
	noFreelist             = 1<<64 - 1

	// longestNode bounds a page of a tree with those that continue it, in bytes. The library
	// splits a node that outgrows a page, unless it has four elements or fewer.
	longestNode = 1 << 20
)

var native = binary.NativeEndian

// state is the file as one transaction left it. There are up to two: the last transaction
// has overwritten nothing of the one before.
type state struct {
	root, freelist, pages, tx uint64
	pageSize                  int64
}

// states finds the states, newest first.
func states(file io.ReaderAt) (all []state) {
	for _, at := range []int64{0, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10} {
		var data [pageHeader + metaSize]byte
		if _, err := file.ReadAt(data[:], at); err != nil {
			continue
		}
		meta := data[pageHeader:]
		h := fnv.New64a()
		h.Write(meta[:metaSize-8])
		st := state{
			pageSize: int64(native.Uint32(meta[8:])),
			root:     native.Uint64(meta[16:]), freelist: native.Uint64(meta[32:]), pages: native.Uint64(meta[40:]), tx: native.Uint64(meta[48:]),
		}
		if native.Uint32(meta) == boltMagic && native.Uint32(meta[4:]) == boltVersion && h.Sum64() == native.Uint64(meta[metaSize-8:]) &&
			st.pageSize >= 1<<10 && (at == 0 || at == st.pageSize) {
			all = append(all, st)
		}
	}
	slices.SortFunc(all, func(a, b state) int { return cmp.Compare(b.tx, a.tx) })
	return all
}

// image is one state of the file.
type image struct {
	state
	file   io.ReaderAt
	size   int64
	met    []uint64 // a bit for each page that was read
	damage error    // the first that was found
}

func newImage(file io.ReaderAt, size int64, st state) *image {
	return &image{state: st, file: file, size: size, met: make([]uint64, size/st.pageSize/64+1)}
}

func (m *image) damaged(format string, args ...any) {
	if m.damage == nil {
		m.damage = &damageError{fmt.Sprintf(format, args...)}
	}
}

// sound calls read and returns whether it found no damage.
func (m *image) sound(read func()) bool {
	before := m.damage
	m.damage = nil
	read()
	sound := m.damage == nil
	if before != nil {
		m.damage = before
	}
	return sound
}

// page is a page with those that continue it.
type page struct {
	flags  uint16
	count  int
	start  int64  // in the file; unknown if the page lies within another
	length int64  // with those that continue it
	data   []byte // the first part of it, at least a page
}

// meet marks n pages as met. It returns false if one of them was, or cannot exist.
func (m *image) meet(id, n uint64) bool {
	last := uint64(m.size / m.pageSize) //nolint:gosec // is not negative
	if last = min(last, m.pages); id < 2 || id >= last || n > last-id {
		return false
	}
	for i := id; i < id+n; i++ {
		if m.met[i/64]&(1<<(i%64)) != 0 {
			return false
		}
		m.met[i/64] |= 1 << (i % 64)
	}
	return true
}

// read reads a page, and at most so many bytes of it.
func (m *image) read(id uint64, most int64) (p page, ok bool) {
	if !m.meet(id, 1) {
		m.damaged("page %d is not there, or is used twice", id)
		return p, false
	}
	start := int64(id) * m.pageSize //nolint:gosec // it is within the file
	p.data = make([]byte, m.pageSize)
	if _, err := m.file.ReadAt(p.data, start); err != nil {
		m.damaged("page %d: %v", id, err)
		return p, false
	}
	further := uint64(native.Uint32(p.data[12:]))
	if native.Uint64(p.data) != id || further > 0 && !m.meet(id+1, further) {
		m.damaged("page %d is no page", id)
		return p, false
	}
	p.flags, p.count, p.start = native.Uint16(p.data[8:]), int(native.Uint16(p.data[10:])), start
	p.length = int64(further+1) * m.pageSize //nolint:gosec // it is within the file
	if n := min(p.length, most); n > m.pageSize {
		p.data = make([]byte, n)
		if _, err := m.file.ReadAt(p.data, start); err != nil {
			m.damaged("page %d: %v", id, err)
			return p, false
		}
	}
	return p, true
}

// element is an element of a branch or leaf page.
type element struct {
	key      []byte
	child    uint64 // of a branch
	isBucket bool
	at, size int64 // where the value lies in the page
}

// elements returns the elements of a page, whose keys and, if whole, values lie within its
// data.
func (p page) elements(whole bool) (all []element, ok bool) {
	table := int64(pageHeader + p.count*elementSize)
	data := int64(len(p.data))
	if p.flags != branchPage && p.flags != leafPage || table > data {
		return nil, false
	}
	for at := int64(pageHeader); at < table; at += elementSize {
		words := [4]int64{}
		for i := range words {
			words[i] = int64(native.Uint32(p.data[at+4*int64(i):]))
		}
		var e element
		key, size := at+words[1], words[2]
		if p.flags == branchPage {
			key, size, e.child = at+words[0], words[1], native.Uint64(p.data[at+8:])
		} else {
			e.isBucket, e.at, e.size = words[0] == bucketFlag, key+size, words[3]
		}
		if key < table || key+size > data || e.at+e.size > p.length || whole && e.at+e.size > data {
			return nil, false
		}
		e.key = p.data[key : key+size]
		if len(all) > 0 && bytes.Compare(all[len(all)-1].key, e.key) >= 0 {
			return nil, false
		}
		all = append(all, e)
	}
	return all, true
}

// walk calls visit with every element of the tree beneath a page whose keys are from low
// on and, if high is not nil, below high.
func (m *image) walk(id uint64, low, high []byte, visit func(page, element)) {
	p, ok := m.read(id, longestNode)
	if ok {
		m.walkPage(p, low, high, visit)
	}
}

func (m *image) walkPage(p page, low, high []byte, visit func(page, element)) {
	all, ok := p.elements(true)
	if !ok || len(all) > 0 && (bytes.Compare(all[0].key, low) < 0 || high != nil && bytes.Compare(all[len(all)-1].key, high) >= 0) {
		m.damaged("page %d has elements that cannot be", p.start/m.pageSize)
		return
	}
	for i, e := range all {
		if p.flags == leafPage {
			visit(p, e)
			continue
		}
		next := high
		if i+1 < len(all) {
			next = all[i+1].key
		}
		m.walk(e.child, e.key, next, visit)
	}
}

// within calls visit with every element of a bucket, which is an element itself.
func (m *image) within(p page, e element, visit func(page, element)) {
	id, inner, ok := m.bucket(p, e)
	switch {
	case !ok:
		m.damaged("%q is no bucket", e.key)
	case id != 0:
		m.walk(id, nil, nil, visit)
	default:
		m.walkPage(inner, nil, nil, visit)
	}
}

// bucket returns the page of a bucket: its id, or the page itself where it lies in the value.
func (m *image) bucket(p page, e element) (id uint64, inner page, ok bool) {
	if !e.isBucket || e.size < bucketSize {
		return 0, inner, false
	}
	value := p.data[e.at : e.at+e.size]
	if id = native.Uint64(value); id != 0 {
		return id, inner, true
	}
	if value = value[bucketSize:]; len(value) < pageHeader {
		return 0, inner, false
	}
	return 0, page{
		flags: native.Uint16(value[8:]), count: int(native.Uint16(value[10:])),
		start: p.start + e.at + bucketSize, length: int64(len(value)), data: value,
	}, true
}

// checkFreelist reports damage if a page is free and in use.
func (m *image) checkFreelist() {
	if m.freelist == noFreelist {
		return
	}
	p, ok := m.read(m.freelist, m.size)
	if !ok {
		return
	}
	data, n := p.data[pageHeader:], uint64(p.count) //nolint:gosec // is not negative
	if n == 0xFFFF && len(data) >= 8 {
		n, data = native.Uint64(data), data[8:]
	}
	if p.flags != freelistPage || n > uint64(len(data)/8) {
		m.damaged("the list of free pages cannot be read")
		return
	}
	for i := range n {
		if id := native.Uint64(data[8*i:]); !m.meet(id, 1) {
			m.damaged("page %d is free and in use", id)
			return
		}
	}
}
