package count_test

import (
	"maps"
	"sync"
	"testing"

	"github.com/rusmes/otelmail/internal/count"
)

func shown(b *count.Busiest[string]) map[string]int64 {
	all := map[string]int64{}
	b.Each(func(n int64, label string) { all[label] += n })
	return all
}

func add(b *count.Busiest[string], key string, times int) {
	for range times {
		if !b.AddShown(key) {
			b.Add(key)
		}
	}
}

// TestBusiestGivesSlotsToTheBusier follows a key that outgrows the least busy one:
// it takes over the slot with the count as it is, and the other counts do not change.
func TestBusiestGivesSlotsToTheBusier(t *testing.T) {
	b := count.NewBusiest(2, []string{"ours", "ours"}, "others", func(key string) string { return "=" + key })
	add(b, "a", 5)
	add(b, "b", 2)
	add(b, "c", 2)
	add(b, "others", 1)
	if got, want := shown(b), (map[string]int64{"=ours": 0, "=a": 5, "=b": 2, "=others": 3}); !maps.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	add(b, "c", 1) // now it has had more than b
	if got, want := shown(b), (map[string]int64{"=ours": 0, "=a": 5, "=c": 2, "=others": 4}); !maps.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	add(b, "c", 1)
	add(b, "ours", 7)
	if n, found := b.Load("c"); n != 3 || !found {
		t.Errorf("c is %d, %t", n, found)
	}
	if n, found := b.Load("others"); n != 4 || !found {
		t.Errorf("the others are %d, %t", n, found)
	}
	if _, found := b.Load("b"); found {
		t.Error("b is still shown")
	}
}

func TestBusiestOff(t *testing.T) {
	b := count.NewBusiest(0, nil, "others", func(key string) string { return key })
	if !b.Off() || len(shown(b)) != 0 {
		t.Errorf("off %t, shown %v", b.Off(), shown(b))
	}
	b = count.NewBusiest(0, []string{"ours"}, "others", func(key string) string { return key })
	add(b, "ours", 1)
	add(b, "theirs", 2)
	if got := shown(b); b.Off() || got["ours"] != 1 || got["others"] != 2 {
		t.Errorf("off %t, shown %v", b.Off(), got)
	}
}

// TestBusiestPin: a series begins with 0, or with what it has, and stays.
func TestBusiestPin(t *testing.T) {
	b := count.NewBusiest(2, []string{"first"}, "others", func(key string) string { return "=" + key })
	add(b, "a", 1)
	add(b, "b", 2)
	add(b, "later", 1)
	b.Pin([]string{"a", "later", "first", "later"})
	if got, want := shown(b), (map[string]int64{"=first": 0, "=a": 1, "=b": 2, "=later": 0, "=others": 1}); !maps.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	add(b, "later", 1)
	add(b, "c", 9) // outgrows all, and takes the slot of the only one that is not pinned
	add(b, "d", 9)
	if got, want := shown(b), (map[string]int64{"=first": 0, "=a": 1, "=later": 1}); got["=a"] != want["=a"] || got["=later"] != want["=later"] || len(got) != 5 {
		t.Errorf("%v, want %v, one of the busiest, and the others", got, want)
	}
}

// TestBusiestPinWhileOthersCount: what is counted meanwhile is counted once.
func TestBusiestPinWhileOthersCount(t *testing.T) {
	b := count.NewBusiest(2, nil, "others", func(key string) string { return key })
	const workers, each = 4, 2000
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				add(b, string(rune('a'+(i+w)%20)), 1)
			}
		})
	}
	for i := range 20 {
		b.Pin([]string{string(rune('a' + i))})
	}
	wg.Wait()
	sum := int64(0)
	for _, n := range shown(b) {
		sum += n
	}
	if sum != workers*each {
		t.Errorf("the sum is %d, want %d", sum, workers*each)
	}
}
