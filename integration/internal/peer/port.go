package peer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// Ports are chosen below the ranges that Linux (32768 up) and macOS (49152 up) use for
// outgoing connections. A port from those ranges could be in use as some client's own port
// at the moment a stopped program wants it back.
//
// For the same reason no two of our processes use the same ports: each holds one of the
// blocks for as long as it lives, by a lock that the kernel releases when it dies.
const (
	lowestPort = 20000
	blockSize  = 200
	blocks     = 60
)

// portBlock is the block of this process.
type portBlock struct {
	mu    sync.Mutex
	first int
	next  int
	held  *os.File // the lock
}

var ownPorts = sync.OnceValues(func() (*portBlock, error) {
	var last error
	for offset, start := 0, rand.IntN(blocks); offset < blocks; offset++ {
		block := (start + offset) % blocks
		file, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("otelmail-ports-%d.lock", block)), os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			last = err
			continue
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			file.Close()
			last = err
			continue
		}
		return &portBlock{first: lowestPort + block*blockSize, held: file}, nil
	}
	return nil, fmt.Errorf("holding one of %d blocks of ports: %w", blocks, last)
})

// FreeAddresses returns n different 127.0.0.1:port addresses for a program that a test
// starts and that has to be told where to listen.
func FreeAddresses(t testing.TB, n int) []string {
	t.Helper()
	addresses, err := freeAddresses(n)
	if err != nil {
		t.Fatal(err)
	}
	return addresses
}

var errNoPort = errors.New("somebody listens on all of them")

// freeAddresses returns n different 127.0.0.1:port addresses that nobody listens on now, and
// that this process has not used lately. Another process may still take one before it is
// used, so the caller has to be ready to try others.
func freeAddresses(n int) ([]string, error) {
	ports, err := ownPorts()
	if err != nil {
		return nil, err
	}
	ports.mu.Lock()
	defer ports.mu.Unlock()
	var addresses []string
	for range blockSize {
		if len(addresses) == n {
			return addresses, nil
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(ports.first+ports.next))
		ports.next = (ports.next + 1) % blockSize
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		listener.Close()
		addresses = append(addresses, address)
	}
	return nil, fmt.Errorf("finding %d free ports from %d to %d: %w", n, ports.first, ports.first+blockSize-1, errNoPort)
}
