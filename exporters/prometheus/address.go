package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/rusmes/otelmail/internal/settings"
)

const (
	envHost    = "OTEL_EXPORTER_PROMETHEUS_HOST"
	envPort    = "OTEL_EXPORTER_PROMETHEUS_PORT"
	envAddress = "RUSMES_METRICS_BIND_ADDRESS"

	defaultHost = "0.0.0.0"
	defaultPort = "9090"

	allowedAddress = "host:port with a port from 0 to 65535, like 127.0.0.1:9090, [::1]:9090 or :9090"
)

// bindAddress is where to listen, and who said so.
type bindAddress struct{ address, from string }

// readAddress applies option, then OTEL_EXPORTER_PROMETHEUS_HOST and _PORT, then
// RUSMES_METRICS_BIND_ADDRESS. The two OpenTelemetry variables each replace
// their half only: with the port alone set, the host stays what it was.
func readAddress(option string, env *settings.Env) bindAddress {
	host, port, from := defaultHost, defaultPort, []string{}
	if v, _ := env.String(envAddress); v != "" {
		h, p, err := splitAddress(v)
		if err != nil {
			env.Fail(envAddress, v, allowedAddress)
		} else {
			host, port, from = h, p, []string{envAddress}
		}
	}
	otelHost, _ := env.String(envHost)
	otelPort, _ := env.String(envPort)
	if otelHost != "" || otelPort != "" {
		var names []string
		if otelHost != "" {
			if strings.ContainsAny(otelHost, " /[]") {
				env.Fail(envHost, otelHost, "a host name or an IP address without brackets")
			}
			host, names = otelHost, append(names, envHost)
		}
		if otelPort != "" {
			if !validPort(otelPort) {
				env.Fail(envPort, otelPort, "a whole number from 0 to 65535")
			}
			port, names = otelPort, append(names, envPort)
		}
		if len(names) < 2 {
			names = append(names, from...)
		}
		from = names
	}
	switch {
	case option != "":
		return bindAddress{option, "WithAddress"}
	case len(from) == 0:
		return bindAddress{net.JoinHostPort(host, port), "the default"}
	}
	return bindAddress{net.JoinHostPort(host, port), strings.Join(from, ", ")}
}

func splitAddress(address string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(address)
	if err != nil {
		return "", "", err
	}
	if !validPort(port) || strings.ContainsAny(host, " /") {
		return "", "", errors.New("not " + allowedAddress)
	}
	return host, port, nil
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == port
}

func (b bindAddress) listen(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", b.address)
	if err == nil {
		return l, nil
	}
	var syscallErr *os.SyscallError
	if errors.As(err, &syscallErr) {
		err = syscallErr.Err // without the address, which stands before it
	}
	advice := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		advice = ": stop what listens there or choose another address"
	case errors.Is(err, syscall.EACCES):
		advice = ": choose a port from 1024 on or give the process the right to this one"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = ": choose an address that this host has, or 0.0.0.0 for all"
	}
	if b.from == "the default" && advice != "" {
		advice += " with WithAddress or " + envAddress
	}
	return nil, fmt.Errorf("listen on %s (%s): %w%s", b.address, b.from, err, advice)
}
