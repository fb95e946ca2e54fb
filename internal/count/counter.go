// Package count counts what many goroutines report at once: a number for each
// series, and a bounded number of series for keys that strangers choose.
package count

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

// Counter counts events that many sessions report at once. Each core mostly
// keeps to a cell of its own; the value is their sum. Make one with [NewCounter].
type Counter struct{ cells []cell }

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

// NewCounter returns a counter at 0.
func NewCounter() *Counter { return &Counter{make([]cell, shards())} }

// Add adds n, which is negative where a gauge falls. A nil Counter counts nothing.
func (c *Counter) Add(n int64) {
	if c == nil {
		return
	}
	c.cells[c.shard()&uintptr(len(c.cells)-1)].n.Add(n)
}

// Load returns the sum of all that was added.
func (c *Counter) Load() int64 {
	var sum int64
	for i := range c.cells {
		sum += c.cells[i].n.Load()
	}
	return sum
}

// shard spreads goroutines over cells by where their stacks lie: stacks are
// at least 2 KiB apart, and a goroutine mostly stays on one core for as long
// as a session takes. There is no cheaper public way to tell cores apart. Two
// goroutines that share a cell of one counter have different cells of the next. The addresses are only
// hashed, never followed.
func (c *Counter) shard() uintptr {
	var here byte
	p := uintptr(unsafe.Pointer(&here))>>11 ^ uintptr(unsafe.Pointer(c))>>6
	const golden = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio: neighbours land far apart
	return uintptr(uint64(p) * golden >> 32)
}
