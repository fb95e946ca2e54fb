package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// startGateway starts the gateway of deploy/collector, with more configuration merged over its
// own, and variables besides those of where it listens and what it sends to. grpc is where agents come.
func startGateway(t *testing.T, to *peer.Collector, more string, env ...string) (gateway *peer.Deployed, grpc string) {
	t.Helper()
	a := peer.FreeAddresses(t, 3)
	return peer.StartDeployed(t, "the gateway", a[1], merged(t, gatewayFile, more), append([]string{
		"GATEWAY_GRPC=" + a[0], "GATEWAY_HEALTH=" + a[1], "GATEWAY_METRICS_PORT=" + portOf(a[2]),
		"TRACES_ENDPOINT=" + to.GRPC(), "TRACES_INSECURE=true",
		"METRICS_URL=http://" + to.HTTP(), "LOGS_URL=http://" + to.HTTP(),
	}, env...)), a[0]
}

// startAgent is the same for an agent; gateway is where it sends to, grpc and http are where mail servers push.
func startAgent(t *testing.T, name, gateway, more string, env ...string) (agent *peer.Deployed, grpc, http string) {
	t.Helper()
	a := peer.FreeAddresses(t, 4)
	return peer.StartDeployed(t, name, a[1], merged(t, agentFile, more), append([]string{
		"GATEWAY=" + gateway, "GATEWAY_INSECURE=true", "AGENT_GRPC=" + a[0], "AGENT_HEALTH=" + a[1],
		"AGENT_HTTP=" + a[2], "AGENT_METRICS_PORT=" + portOf(a[3]),
	}, env...)), a[0], a[2]
}

// merged are the files of a configuration and of what is merged over it.
func merged(t *testing.T, file, more string) []string {
	t.Helper()
	if more == "" {
		return []string{file}
	}
	over := filepath.Join(t.TempDir(), "more.yaml")
	if err := os.WriteFile(over, []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{file, over}
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
