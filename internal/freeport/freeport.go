// Package freeport finds ports for tests that have to name one before it is listened on.
package freeport

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

var given sync.Map

// Port returns a TCP port that is free on all addresses of this machine. It is given once in a process, and
// is from below those that the kernel gives to connections and to listeners that ask for none:
// nobody takes it before it is listened on, or between a stop and a start.
func Port(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(10_000 + rand.IntN(10_000))
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", ":"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port from 10000 to 19999")
	return ""
}

// Address returns 127.0.0.1 and a [Port].
func Address(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", Port(t))
}
