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

// bindAddress is where to listen, and which settings say so.
type bindAddress struct {
	address, from string
	hostChosen    bool // by one of them
}

// readAddress applies option, then OTEL_EXPORTER_PROMETHEUS_HOST and _PORT, then
// RUSMES_METRICS_BIND_ADDRESS. Each of the two OpenTelemetry variables
// replaces only its half: with only the port set, the host stays what it was.
func readAddress(option string, env *settings.Env) bindAddress {
	if option != "" {
		return bindAddress{option, "WithAddress", true}
	}
	address, name := env.String(settings.MetricsBindAddress)
	host, port, ok := splitAddress(address)
	if !ok {
		env.Fail(settings.MetricsBindAddress, name, address, settings.MetricsBindAddress.Wants())
	}
	var from []string
	if name != "" {
		from = []string{name}
	}
	otelHost, hostName := env.String(settings.PrometheusHost)
	otelPort, portName := env.String(settings.PrometheusPort)
	if otelHost != "" || otelPort != "" {
		var names []string
		if otelHost != "" {
			if strings.ContainsAny(otelHost, " /[]") {
				env.Fail(settings.PrometheusHost, hostName, otelHost, settings.PrometheusHost.Wants())
			}
			host, names = otelHost, append(names, hostName)
		}
		if otelPort != "" {
			if !validPort(otelPort) {
				env.Fail(settings.PrometheusPort, portName, otelPort, settings.PrometheusPort.Wants())
			}
			port, names = otelPort, append(names, portName)
		}
		if len(names) < 2 {
			names = append(names, from...)
		}
		from = names
	}
	if len(from) == 0 {
		return bindAddress{net.JoinHostPort(host, port), "the default", false}
	}
	return bindAddress{net.JoinHostPort(host, port), strings.Join(from, ", "), name != "" || otelHost != ""}
}

// readProbeAddress is empty where the probes have no address of their own.
func readProbeAddress(option string, env *settings.Env) bindAddress {
	if option != "" {
		return bindAddress{address: option, from: "WithProbeAddress"}
	}
	address, name := env.String(settings.ProbesBindAddress)
	if _, _, ok := splitAddress(address); !ok && address != "" {
		env.Fail(settings.ProbesBindAddress, name, address, settings.ProbesBindAddress.Wants())
	}
	return bindAddress{address: address, from: name}
}

func splitAddress(address string) (host, port string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	return host, port, err == nil && validPort(port) && !strings.ContainsAny(host, " /")
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
		advice += " with WithAddress or " + settings.MetricsBindAddress.Name()
	}
	return nil, fmt.Errorf("listen on %s (%s): %w%s", b.address, b.from, err, advice)
}
