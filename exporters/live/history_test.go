package live

import (
	"encoding/json"
	"math"
	"reflect"
	"runtime"
	"slices"
	"testing"
)

// A day of samples, each second, stays within what is documented.
func TestHistoryIsBounded(t *testing.T) {
	const most = 8 << 20
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	s := newSampler(nil, "", nil, service{})
	for at := int64(1); at <= 26*3600; at++ {
		s.history.add(sample{at: at})
		s.recent, s.older = shift(s.recent, totals{}, minute+1), shift(s.older, totals{}, hour+1)
	}
	if took := int64(heap()) - int64(before); took > most {
		t.Errorf("it takes %d bytes, want at most %d", took, most)
	}
	for name, r := range map[string]*ring{"hour": &s.history.hour, "day": &s.history.day} {
		all := r.all()
		if want := map[string]int{"hour": 3600, "day": 1440}[name]; len(all) != want {
			t.Errorf("%s: %d samples, want %d", name, len(all), want)
		}
		for i := 1; i < len(all); i++ {
			if all[i].at-all[i-1].at != r.step {
				t.Fatalf("%s: %d comes after %d", name, all[i].at, all[i-1].at)
			}
		}
		if last := all[len(all)-1].at; 26*3600-last >= r.step || newest(r).at != last {
			t.Errorf("%s: the last is of %d", name, last)
		}
	}
	if one, ok := s.history.hour.back(600); !ok || one.at != 26*3600-600 {
		t.Errorf("600 back is %v %v", one.at, ok)
	}
	if _, ok := s.history.hour.back(3600); ok {
		t.Error("there is one from before the hour")
	}
	if len(s.recent) != 61 || len(s.older) != 61 {
		t.Errorf("%d and %d totals", len(s.recent), len(s.older))
	}
	runtime.KeepAlive(s)
}

func newest(r *ring) sample {
	s, _ := r.back(0)
	return s
}

func TestHistoryOfAClockThatIsSetBack(t *testing.T) {
	times := func(r *ring) (all []int64) {
		for _, s := range r.all() {
			all = append(all, s.at)
		}
		return all
	}
	for _, tc := range []struct{ at, hour, day []int64 }{
		{[]int64{100, 100, 101, 102}, []int64{100, 101, 102}, []int64{100}},
		{[]int64{100, 101, 102, 101, 102, 103}, []int64{100, 101, 102, 103}, []int64{100}},
		{[]int64{7200, 7201, 7260, 3600, 3601}, []int64{3600, 3601}, []int64{3600}},
		{[]int64{120, 180, 240, 181, 182}, []int64{120, 180, 181, 182}, []int64{120, 181}},
	} {
		h := newHistory()
		for _, at := range tc.at {
			h.add(sample{at: at})
		}
		if hour, day := times(&h.hour), times(&h.day); !reflect.DeepEqual(hour, tc.hour) || !reflect.DeepEqual(day, tc.day) {
			t.Errorf("%v: %v and %v, want %v and %v", tc.at, hour, day, tc.hour, tc.day)
		}
	}

	// A ring that is full, and has begun anew.
	h := newHistory()
	for at := int64(10_000); at < 15_000; at++ {
		h.add(sample{at: at})
	}
	for at := int64(14_000); at < 18_000; at++ {
		h.add(sample{at: at})
		if at%7 != 0 { // to look takes a thousand times as long
			continue
		}
		all := times(&h.hour)
		if all[len(all)-1] != at || !slices.IsSorted(all) || len(all) > 3600 {
			t.Fatalf("at %d: %d samples up to %d", at, len(all), all[len(all)-1])
		}
	}
	if all := times(&h.hour); len(all) != 3600 || all[0] != 14_400 {
		t.Errorf("%d samples from %d on", len(all), all[0])
	}
}

func TestColumns(t *testing.T) {
	a, b := sample{at: 1}, sample{at: 2}
	a.values[0], a.values[1], b.values[0] = 1234.5678, float32(math.NaN()), float32(math.Inf(1))
	b.values[queueLine] = 7
	var got map[string]any
	if err := json.Unmarshal(columns(1, []sample{a, b}), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"step": 1.0, "time": []any{1.0, 2.0}, "in": []any{1235.0, nil}, "out": []any{nil, 0.0}, "queue": []any{0.0, 7.0},
	} {
		if !reflect.DeepEqual(got[name], want) {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	if len(got) != len(plotted)+2 || len(plotted) != len(a.values) {
		t.Errorf("%d columns of %d lines and %d values", len(got), len(plotted), len(a.values))
	}
}
