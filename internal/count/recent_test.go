package count

import (
	"testing"
	"time"
)

func TestRecent(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	r := NewRecent[int](time.Hour, 3)
	want := func(after time.Duration, key string, want int) {
		t.Helper()
		if got := r.Distinct(start.Add(after), key); got != want {
			t.Errorf("%s has had %d after %v, want %d", key, got, after, want)
		}
	}
	want(0, "a", 0)
	r.Add(start, "a", 1)
	r.Add(start, "a", 1)
	r.Add(start.Add(time.Minute), "a", 2)
	r.Add(start, "b", 1)
	want(2*time.Minute, "a", 2)
	want(2*time.Minute, "b", 1)
	r.Add(start.Add(2*time.Minute), "a", 3)
	r.Add(start.Add(3*time.Minute), "a", 4) // one too many
	want(3*time.Minute, "a", 3)
	want(time.Hour+30*time.Second, "a", 2)
	r.Add(start.Add(time.Hour+2*time.Minute), "a", 4) // there is room again
	want(time.Hour+2*time.Minute, "a", 2)
	r.Add(start.Add(2*time.Hour), "a", 3) // renewed
	want(2*time.Hour+30*time.Minute, "a", 1)
	r.Keep(func(key string) bool { return key == "b" })
	want(time.Minute, "a", 0)
	want(time.Minute, "b", 1)
	if len(r.keys) != 1 {
		t.Errorf("%d keys are kept, want 1", len(r.keys))
	}
}

// TestRecentIsBounded: a stranger's networks are as many as the Internet has.
func TestRecentIsBounded(t *testing.T) {
	r := NewRecent[int](time.Hour, 10)
	now := time.Unix(1_000_000, 0)
	for i := range 100_000 {
		r.Add(now.Add(time.Duration(i)*time.Millisecond), "a", i)
	}
	if got := r.Distinct(now.Add(100*time.Second), "a"); got != 10 || len(r.keys["a"]) != 10 {
		t.Errorf("%d values, want 10", got)
	}
}
