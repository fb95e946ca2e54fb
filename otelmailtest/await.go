package otelmailtest

import (
	"testing/synctest"
	"time"
)

// patience is how long an assertion waits for what it asserts: long, because a busy machine
// is slow.
const patience = 10 * time.Second

// await looks until nothing is wrong any more, and returns what is after all.
func await(look func() (wrong string)) string {
	longest := 50 * time.Millisecond
	if settle() { // looking again costs nothing but the bubble's time
		longest = time.Second
	}
	pause := time.Millisecond
	for deadline := time.Now().Add(patience); ; pause = min(2*pause, longest) {
		if wrong := look(); wrong == "" || time.Now().After(deadline) {
			return wrong
		}
		time.Sleep(pause)
		settle()
	}
}

// settle waits for all other goroutines of a bubble to come to rest. It reports false outside
// of one, which nothing but the panic of Wait tells.
func settle() (bubble bool) {
	defer func() {
		if recover() != nil {
			bubble = false
		}
	}()
	synctest.Wait()
	return true
}

// holds fails the test with what is wrong after all.
func (r *record) holds(look func() (wrong string)) {
	r.t.Helper()
	if wrong := await(look); wrong != "" {
		r.t.Error(wrong)
	}
}
