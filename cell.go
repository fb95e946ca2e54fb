package otelmail

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// cell is one atomic on a cache line of its own, so that two cores that count
// different things do not slow each other.
type cell struct {
	n atomic.Int64
	_ [56]byte
}

// counter counts events that many sessions report at once. Each core mostly
// keeps to a cell of its own; the value is their sum.
type counter struct {
	first *cell // of mask+1 cells
	mask  uintptr
}

// maxShards bounds the memory of a counter on a machine with many cores.
const maxShards = 64

// shards is how many cells a counter gets: a power of two, for the mask, and
// four a core, because goroutines fall into cells by chance and two that share
// one slow each other. One core needs one.
func shards() int {
	n := 1
	for n < 4*runtime.GOMAXPROCS(0) && n < maxShards && runtime.GOMAXPROCS(0) > 1 {
		n *= 2
	}
	return n
}

func newCounter() *counter {
	cells := make([]cell, shards())
	return &counter{first: &cells[0], mask: uintptr(len(cells) - 1)}
}

// add finds its cell by pointer arithmetic: the mask keeps it within the array,
// and a check of bounds that cannot fail would be a fifth of the cost.
func (c *counter) add(n int64) {
	i := shard(unsafe.Pointer(c.first)) & c.mask
	(*cell)(unsafe.Add(unsafe.Pointer(c.first), i*unsafe.Sizeof(cell{}))).n.Add(n)
}

func (c *counter) load() int64 {
	var sum int64
	cells := unsafe.Slice(c.first, c.mask+1)
	for i := range cells {
		sum += cells[i].n.Load()
	}
	return sum
}

// shard spreads goroutines over cells by where their stacks lie: stacks are
// apart by at least 2 KiB, and a goroutine mostly stays on one core for as long
// as a session takes. There is no cheaper public way to tell cores apart. of is
// what is spread: two goroutines that meet at one counter part at the next. The
// pointers are only hashed, never followed.
func shard(of unsafe.Pointer) uintptr {
	var here byte
	p := uintptr(unsafe.Pointer(&here))>>11 ^ uintptr(of)>>6
	const golden = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio: neighbours land far apart
	return uintptr(uint64(p) * golden >> 32)
}
