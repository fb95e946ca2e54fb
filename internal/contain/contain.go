// Package contain calls what an application has handed in: a function that panics, ends
// its goroutine or hangs costs what it was asked for, and neither the process nor the mail.
package contain

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Call calls fn in the caller's goroutine and returns its panic as an error. It is for
// what every session or span passes; runtime.Goexit ends that goroutine all the same.
// The value of a panic is not in the error: it may hold what a stranger sent.
func Call(fn func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	fn()
	return nil
}

// Error is [Call] for a function that returns an error.
func Error(fn func() error) (err error) {
	if failed := Call(func() { err = fn() }); failed != nil {
		return failed
	}
	return err
}

// Apart calls fn in a goroutine of its own and waits for its end: what [Call] contains,
// and runtime.Goexit besides, which cannot be stopped in the caller's goroutine.
func Apart(fn func()) error {
	done := make(chan error, 1)
	go run(fn, func(err error) { done <- err })
	return <-done
}

// run calls ended however fn ends.
func run(fn func(), ended func(error)) {
	err := errGoexit
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
		ended(err)
	}()
	fn()
	err = nil
}

func panicked(v any) error { return fmt.Errorf("panicked with a %T", v) }

var errGoexit = errors.New("ended its goroutine (runtime.Goexit)")

// ErrLate is in the error of [Calls.Within] when the function has not returned in time.
var ErrLate = errors.New("did not return in time")

// ErrHangs is the error of [Calls.Within] when the function was not called, because an
// earlier call has not returned yet.
var ErrHangs = errors.New("an earlier call still hangs")

// Calls are the calls of one function that is called again and again. The zero value is
// ready for use.
type Calls struct {
	mu   sync.Mutex
	hung int
}

// Within calls fn as [Apart] does, but waits no longer than limit. A call that has been
// given up goes on in its goroutine, which nothing can end; until it has returned, no other
// is begun. What fn writes may be read only if the error is not [ErrLate] or [ErrHangs].
func (c *Calls) Within(limit time.Duration, fn func()) error {
	c.mu.Lock()
	hung := c.hung > 0
	c.mu.Unlock()
	if hung {
		return ErrHangs
	}
	var (
		done    = make(chan error, 1)
		ended   bool // guarded by mu, as givenUp is
		givenUp bool
	)
	go run(fn, func(err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		ended = true
		if givenUp {
			c.hung--
		}
		done <- err
	})
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ended { // just now
		return <-done
	}
	givenUp = true
	c.hung++
	return fmt.Errorf("%w (%v)", ErrLate, limit.Round(time.Millisecond))
}

// handlerTime bounds how long whoever reports an error waits for the error handler.
const handlerTime = time.Second

// Handler returns an error handler that calls handle, whose panic, end or hang costs its
// own report, and while it hangs those that follow.
func Handler(handle func(error)) func(error) {
	var calls Calls
	return func(err error) {
		// There is nobody else to tell.
		_ = calls.Within(handlerTime, func() { handle(err) })
	}
}
