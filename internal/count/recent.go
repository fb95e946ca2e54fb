package count

import (
	"sync"
	"time"
)

// Recent counts how many distinct values each key has had lately, in bounded memory. Make
// one with [NewRecent].
type Recent[V comparable] struct {
	window time.Duration
	most   int

	mu   sync.Mutex
	keys map[string]map[V]time.Time // when a key last had a value
}

// NewRecent returns a Recent that forgets what is older than window, and keeps at most
// most values for each key: a key that has had more shows that many.
func NewRecent[V comparable](window time.Duration, most int) *Recent[V] {
	return &Recent[V]{window: window, most: most, keys: map[string]map[V]time.Time{}}
}

// Add notes that a key has a value now.
func (r *Recent[V]) Add(now time.Time, key string, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	values := r.keys[key]
	if values == nil {
		values = map[V]time.Time{}
		r.keys[key] = values
	}
	if _, known := values[value]; !known && len(values) >= r.most {
		r.forget(now, values)
	}
	if _, known := values[value]; known || len(values) < r.most {
		values[value] = now
	}
}

// Distinct returns how many values a key has had within the window.
func (r *Recent[V]) Distinct(now time.Time, key string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now, r.keys[key])
	return len(r.keys[key])
}

// Keep forgets the keys that keep does not want.
func (r *Recent[V]) Keep(keep func(key string) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.keys {
		if !keep(key) {
			delete(r.keys, key)
		}
	}
}

func (r *Recent[V]) forget(now time.Time, values map[V]time.Time) {
	for value, last := range values {
		if now.Sub(last) > r.window {
			delete(values, value)
		}
	}
}
