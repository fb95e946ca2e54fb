package peer

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are taken from below the ranges that Linux (32768 up) and macOS (49152 up) use for
// outgoing connections. A port from those ranges could be in use as some client's own port
// at the moment a stopped program wants it back.
const (
	lowestPort  = 20000
	highestPort = 32000
)

// freeAddresses returns n different 127.0.0.1:port addresses that nobody listens on now.
// Somebody else may still take one before it is used; whoever starts a program on them has
// to be ready to try others.
func freeAddresses(n int) ([]string, error) {
	held := make([]net.Listener, 0, n)
	defer func() {
		for _, listener := range held {
			listener.Close()
		}
	}()
	var addresses []string
	var last error
	for range 100 * n {
		if len(addresses) == n {
			return addresses, nil
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(lowestPort+rand.IntN(highestPort-lowestPort)))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			last = err
			continue
		}
		held = append(held, listener) // held to the end, so that none is drawn twice
		addresses = append(addresses, address)
	}
	if len(addresses) == n {
		return addresses, nil
	}
	return nil, fmt.Errorf("finding %d free ports between %d and %d: %w", n, lowestPort, highestPort, last)
}
