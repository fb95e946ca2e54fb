package prometheus

import (
	"net"
	"strconv"
	"strings"

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
	if !validAddress(address) {
		env.Fail(settings.MetricsBindAddress, name, address, settings.MetricsBindAddress.Wants())
	}
	if isSocket(address) {
		for _, half := range []*settings.Setting{settings.PrometheusHost, settings.PrometheusPort} {
			if value, other := env.String(half); other != "" {
				env.Fail(half, other, value, "it unset, because "+name+" is "+address)
			}
		}
		return bindAddress{address, name, true}
	}
	host, port, _ := splitAddress(address)
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
	if address != "" && !validAddress(address) {
		env.Fail(settings.ProbesBindAddress, name, address, settings.ProbesBindAddress.Wants())
	}
	return bindAddress{address: address, from: name}
}

// What an address that is no host:port begins with.
const (
	unixPrefix    = "unix:"
	systemdPrefix = "systemd:"
)

// isSocket reports whether address has no host and no port.
func isSocket(address string) bool {
	return strings.HasPrefix(address, unixPrefix) || strings.HasPrefix(address, systemdPrefix)
}

func validAddress(address string) bool {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return strings.HasPrefix(path, "/") && !strings.HasSuffix(path, "/") && !strings.Contains(path, "\x00")
	}
	if name, ok := strings.CutPrefix(address, systemdPrefix); ok {
		return !strings.Contains(name, ":") // which separates names
	}
	_, _, ok := splitAddress(address)
	return ok
}

func splitAddress(address string) (host, port string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	return host, port, err == nil && validPort(port) && !strings.ContainsAny(host, " /")
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == port
}
