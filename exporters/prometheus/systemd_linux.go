package prometheus

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstPassed is the descriptor of the first socket that systemd passes on, see
// sd_listen_fds(3).
const firstPassed = 3

// listenSystemd listens on the socket that systemd has passed on under a name, or on the only
// one. The environment, and the other sockets, are left to the application; so is the
// descriptor, which stays open for the next Start.
func listenSystemd(name string) (net.Listener, error) {
	names, err := passedSockets()
	if err != nil {
		return nil, err
	}
	at := -1
	for i := range names {
		if name != "" && names[i] != name {
			continue
		}
		if at >= 0 {
			return nil, fmt.Errorf("systemd has passed on several sockets (%s): want one that alone has the name, by FileDescriptorName= of its .socket unit",
				strings.Join(names, ", "))
		}
		at = i
	}
	if at < 0 {
		return nil, fmt.Errorf("systemd has passed on %s: want one of these names, which FileDescriptorName= of a .socket unit gives", strings.Join(names, ", "))
	}
	fd := firstPassed + at
	listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d, %s: %w", fd, names[at], err)
	}
	if listening == 0 {
		return nil, fmt.Errorf("the socket %s does not listen: want one by ListenStream=, with Accept=no", names[at])
	}
	unix.CloseOnExec(fd)
	// A file of fd itself would close it.
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor %d: %w", fd, err)
	}
	file := os.NewFile(uintptr(own), names[at])
	defer file.Close() // the listener has one of its own
	return net.FileListener(file)
}

// passedSockets are the names of the sockets that systemd has passed on to this process. They
// are read from the process's own environment, because they speak of its descriptors.
func passedSockets() ([]string, error) {
	n, err := strconv.ParseUint(os.Getenv("LISTEN_FDS"), 10, 10)
	if err != nil || n == 0 {
		return nil, errNothingPassed
	}
	if pid := os.Getenv("LISTEN_PID"); pid != strconv.Itoa(os.Getpid()) {
		return nil, fmt.Errorf("the sockets of systemd are for process %q (LISTEN_PID) and this is %d: want ExecStart= to start it directly, or by exec", pid, os.Getpid())
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for len(names) < int(n) {
		names = append(names, "")
	}
	for i := range names {
		if names[i] == "" {
			names[i] = "unknown" // as systemd calls it
		}
	}
	return names[:n], nil
}
