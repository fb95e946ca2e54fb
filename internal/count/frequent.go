package count

import "container/heap"

// frequent finds the most frequent of endlessly many keys in bounded memory,
// by the Space-Saving algorithm (Metwally, Agrawal, El Abbadi: Efficient
// Computation of Frequent and Top-k Elements in Data Streams, 2005): every key
// whose share of all occurrences is above 1/size is among those kept. It is not
// safe for concurrent use.
type frequent struct {
	size    int
	entries map[string]*keptKey
	heap    keyHeap
}

// keptKey is one of the keys kept. Its true count lies between count-excess and count.
type keptKey struct {
	key           string
	count, excess int64
	index         int
}

func newFrequent(size int) *frequent {
	return &frequent{size: size, entries: make(map[string]*keptKey)}
}

// add counts one occurrence and returns a lower bound of how often the key has
// occurred. keep copies the key when it is kept.
func (h *frequent) add(key string, keep func(string) string) int64 {
	e, ok := h.entries[key]
	switch {
	case ok:
		e.count++
	case len(h.entries) < h.size:
		e = &keptKey{key: keep(key), count: 1}
		h.entries[e.key] = e
		heap.Push(&h.heap, e)
		return 1
	default:
		// The new key replaces the rarest and inherits its count, as an upper bound
		// of what it may have had before.
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
func (h *frequent) remove(key string) {
	if e, ok := h.entries[key]; ok {
		delete(h.entries, key)
		heap.Remove(&h.heap, e.index)
	}
}

// keyHeap orders by count, the smallest first.
type keyHeap []*keptKey

func (h keyHeap) Len() int           { return len(h) }
func (h keyHeap) Less(i, j int) bool { return h[i].count < h[j].count }
func (h keyHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *keyHeap) Push(x any) {
	e := x.(*keptKey)
	e.index = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *keyHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
