package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/rusmes/otelmail/internal/settings"
)

// errNothingPassed is for addresses of systemd in a process that it has not started.
var errNothingPassed = errors.New("systemd has passed on no socket: want a .socket unit beside the .service unit of this process")

// listen opens the address. Its errors say what to do.
func (b bindAddress) listen(ctx context.Context) (net.Listener, error) {
	l, err := b.open(ctx)
	if err == nil {
		return l, nil
	}
	var syscallErr *os.SyscallError
	if errors.As(err, &syscallErr) {
		err = syscallErr.Err // without the address, which stands before it
	}
	advice := tcpAdvice(err)
	if strings.HasPrefix(b.address, unixPrefix) {
		advice = unixAdvice(err)
	}
	if b.from == "the default" && advice != "" {
		advice += " with WithAddress or " + settings.MetricsBindAddress.Name()
	}
	return nil, fmt.Errorf("listen on %s (%s): %w%s", b.address, b.from, err, advice)
}

func (b bindAddress) open(ctx context.Context) (net.Listener, error) {
	if path, ok := strings.CutPrefix(b.address, unixPrefix); ok {
		return listenUnix(ctx, path)
	}
	if name, ok := strings.CutPrefix(b.address, systemdPrefix); ok {
		return listenSystemd(name)
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", b.address)
}

func tcpAdvice(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return ": stop what listens there or choose another address"
	case errors.Is(err, syscall.EACCES):
		return ": choose a port from 1024 on or give the process the right to this one"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return ": choose an address that this host has, or 0.0.0.0 for all"
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return ": this host has no IPv6, choose an IPv4 address"
	case errors.Is(err, syscall.EINVAL):
		return ": a link-local address has its interface behind it, like [fe80::1%eth0]:9090"
	}
	return ""
}
