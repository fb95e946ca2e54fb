package count

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestFrequentKeysAreKept hides keys with a hundredth of all occurrences each in a flood of
// keys that come once. What add returns must not be above the truth.
func TestFrequentKeysAreKept(t *testing.T) {
	f := newFrequent(200)
	random := rand.New(rand.NewPCG(1, 2))
	truth := map[string]int64{}
	for i := range 100_000 {
		key := fmt.Sprintf("once%d", i)
		if n := random.IntN(100); n < 20 {
			key = fmt.Sprintf("often%d", n)
		}
		truth[key]++
		if atLeast := f.add(key, strings.Clone); atLeast > truth[key] || atLeast < 1 {
			t.Fatalf("%s is said to have occurred %d times at least, and has %d times", key, atLeast, truth[key])
		}
	}
	if len(f.entries) != 200 || len(f.heap) != 200 {
		t.Errorf("%d keys are kept, want 200", len(f.entries))
	}
	for n := range 20 {
		key := fmt.Sprintf("often%d", n)
		if e := f.entries[key]; e == nil || e.count < truth[key] {
			t.Errorf("%s is not kept, or with too small a bound: %+v of %d", key, e, truth[key])
		}
		f.remove(key)
		if f.entries[key] != nil {
			t.Errorf("%s is still there", key)
		}
	}
	for i, e := range f.heap {
		if e.index != i {
			t.Fatalf("entry %d of the heap says that it is %d", i, e.index)
		}
	}
}
