package otelmail

import "container/heap"

// heavyHitters finds the most frequent of endlessly many keys in bounded memory,
// by the Space-Saving algorithm (Metwally, Agrawal, El Abbadi: Efficient
// Computation of Frequent and Top-k Elements in Data Streams, 2005): every key
// whose share of all occurrences is above 1/size is among those kept. It is not
// safe for concurrent use.
type heavyHitters struct {
	size    int
	entries map[string]*hitter
	heap    hitterHeap
}

// hitter is a kept key. Its true count lies between count-excess and count.
type hitter struct {
	key           string
	count, excess int64
	index         int
}

func newHeavyHitters(size int) *heavyHitters {
	return &heavyHitters{size: size, entries: make(map[string]*hitter)}
}

// add counts one occurrence and returns how often the key has occurred at least.
// The key is copied when it is kept.
func (h *heavyHitters) add(key string, keep func(string) string) int64 {
	e, ok := h.entries[key]
	switch {
	case ok:
		e.count++
	case len(h.entries) < h.size:
		e = &hitter{key: keep(key), count: 1}
		h.entries[e.key] = e
		heap.Push(&h.heap, e)
		return 1
	default:
		// The rarest key makes room, and the new one inherits its count as what
		// it may have had before.
		e = h.heap[0]
		delete(h.entries, e.key)
		e.key, e.excess = keep(key), e.count
		e.count++
		h.entries[e.key] = e
	}
	heap.Fix(&h.heap, e.index)
	return e.count - e.excess
}

// remove forgets a key.
func (h *heavyHitters) remove(key string) {
	if e, ok := h.entries[key]; ok {
		delete(h.entries, key)
		heap.Remove(&h.heap, e.index)
	}
}

// hitterHeap orders by count, the smallest first.
type hitterHeap []*hitter

func (h hitterHeap) Len() int           { return len(h) }
func (h hitterHeap) Less(i, j int) bool { return h[i].count < h[j].count }
func (h hitterHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *hitterHeap) Push(x any) {
	e := x.(*hitter)
	e.index = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *hitterHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
