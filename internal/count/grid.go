package count

import "sync/atomic"

// Grid holds one value for each combination of several closed sets, such as the values of
// a series' labels. A value is made when it is first asked for, because most combinations
// never occur. Make one with [NewGrid].
type Grid[T any] struct {
	sizes []int
	cells []atomic.Pointer[T]
	make  func(at []int) *T
}

// NewGrid returns a Grid over sets of the given sizes. newValue makes the value of a
// combination, which is given by the position in each set; it may be called twice at once
// for the same one, of which one result is kept.
func NewGrid[T any](newValue func(at []int) *T, sizes ...int) *Grid[T] {
	cells := 1
	for _, size := range sizes {
		cells *= size
	}
	return &Grid[T]{sizes, make([]atomic.Pointer[T], cells), newValue}
}

// At returns the value of a combination and makes it if need be. A position outside its
// set is the set's last one, which stands for all others; missing positions are 0.
func (g *Grid[T]) At(at ...int) *T {
	i := g.index(at)
	if v := g.cells[i].Load(); v != nil {
		return v
	}
	g.cells[i].CompareAndSwap(nil, g.make(g.positions(i)))
	return g.cells[i].Load()
}

// Made returns the value of a combination if it was made, else nil.
func (g *Grid[T]) Made(at ...int) *T { return g.cells[g.index(at)].Load() }

// Fill makes all values.
func (g *Grid[T]) Fill() {
	for i := range g.cells {
		g.At(g.positions(i)...)
	}
}

// Each calls fn for each value that was made, in the order of the sets.
func (g *Grid[T]) Each(fn func(*T)) {
	for i := range g.cells {
		if v := g.cells[i].Load(); v != nil {
			fn(v)
		}
	}
}

func (g *Grid[T]) index(at []int) int {
	i := 0
	for k, size := range g.sizes {
		i *= size
		if k < len(at) {
			p := at[k]
			if p < 0 || p >= size {
				p = size - 1
			}
			i += p
		}
	}
	return i
}

func (g *Grid[T]) positions(i int) []int {
	at := make([]int, len(g.sizes))
	for k := len(g.sizes) - 1; k >= 0; k-- {
		at[k] = i % g.sizes[k]
		i /= g.sizes[k]
	}
	return at
}
