package otelmail

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// cell is one atomic on cache lines of its own, so that two cores that count
// different things do not slow each other. 128 bytes, because processors fetch
// lines in pairs.
type cell struct {
	n atomic.Int64
	_ [120]byte
}

// counter counts events that many sessions report at once. Each core mostly
// keeps to a cell of its own; the value is their sum.
type counter struct {
	cells []cell
	mask  uintptr
}

// maxShards bounds the memory of a counter on a machine with many cores.
const maxShards = 16

func newCounter() *counter {
	n := 1
	for n < runtime.GOMAXPROCS(0) && n < maxShards {
		n *= 2
	}
	return &counter{cells: make([]cell, n), mask: uintptr(n - 1)}
}

func (c *counter) add(n int64) {
	c.cells[shard()&c.mask].n.Add(n)
}

func (c *counter) load() int64 {
	var sum int64
	for i := range c.cells {
		sum += c.cells[i].n.Load()
	}
	return sum
}

// shard spreads goroutines over cells by where their stacks lie: stacks are
// apart by at least 2 KiB, and a goroutine mostly stays on one core for as long
// as a session takes. There is no cheaper public way to tell cores apart. The
// pointer is only hashed, never followed.
func shard() uintptr {
	var here byte
	p := uintptr(unsafe.Pointer(&here)) //nolint:gosec // only its value is used, as a hash
	return p>>11 ^ p>>15 ^ p>>21
}

// gauge is a value that is set, or goes up and down. One cell: what is set
// cannot be spread.
type gauge struct{ cell }

func (g *gauge) add(n int64) { g.n.Add(n) }
func (g *gauge) set(n int64) { g.n.Store(n) }
func (g *gauge) load() int64 { return g.n.Load() }
