//go:build unix

package prometheus

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reserve are file descriptors that are kept open, of /dev/null, for when the process has no
// other left: the clients of a mail server may hold them all. Whoever asks then how it is must
// be answered, or a server is restarted that would recover when they leave.
type reserve struct {
	mu     sync.Mutex
	held   []int
	closed bool
}

// reserved are enough for the three probes and a scrape at once, and for the file that a scrape
// reads.
const reserved = 6

// fill takes what is missing, as far as there is any.
func (r *reserve) fill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.held) < reserved && !r.closed {
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		r.held = append(r.held, fd)
	}
}

// spend gives one back to the process, for what is opened next.
func (r *reserve) spend() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.held) - 1
	if last < 0 {
		return false
	}
	_ = unix.Close(r.held[last])
	r.held = r.held[:last]
	return true
}

// lend has do open a file at a time, whatever else is open. That costs a scrape a few
// microseconds, and so it is not asked whether it is needed.
func (r *reserve) lend(do func()) {
	if r.spend() {
		defer r.fill()
	}
	do()
}

func (r *reserve) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	for r.spend() {
	}
}

// lookAgain is how soon it is seen that somebody waits to be accepted, once no descriptor is left.
const lookAgain = 10 * time.Millisecond

var errNoDescriptors = errors.New("the process has no file descriptor left: probes and scrapes are answered from a reserve")

// next accepts a connection: with a descriptor of the reserve, or in the place of a
// connection that waits for a request, where there is no other.
func (l boundedListener) next() (net.Conn, error) {
	reserve := l.connections.reserve
	for {
		reserve.fill()
		c, err := l.Listener.Accept()
		if !exhausted(err) {
			return c, err
		}
		// Others take whatever is free: nothing is given away before somebody is there.
		if !waits(l.Listener) || !reserve.spend() && !l.connections.makeRoom() {
			time.Sleep(lookAgain)
			continue
		}
		if c, err = l.Listener.Accept(); !exhausted(err) {
			l.connections.problems.add(problem{reasonDescriptors, errNoDescriptors})
			return c, err
		}
	}
}

func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// waits reports whether there is a connection to accept.
func waits(l net.Listener) (yes bool) {
	socket, ok := l.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		yes = n > 0 && err == nil
	})
	return yes && err == nil
}
