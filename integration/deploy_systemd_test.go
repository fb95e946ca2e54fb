package integration

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

const unitFolder = "../deploy/systemd"

// What the units name is there: settings, the feature gate, the directory in which the queue is by default,
// and the socket by its name.
func TestUnitsFit(t *testing.T) {
	text := func(name string) string { return readFile(t, filepath.Join(unitFolder, name)) }
	env := map[string]string{}
	for _, found := range regexp.MustCompile(`(?m)^Environment=(\w+)=(.*)$`).FindAllStringSubmatch(text("mailserver.service"), -1) {
		env[found[1]] = found[2]
	}
	wantSettings(t, "mailserver.service", env)
	name, ok := strings.CutPrefix(env["RUSMES_METRICS_BIND_ADDRESS"], "systemd:")
	if socket := text("mailserver-metrics.socket"); !ok || !strings.Contains(socket, "\nFileDescriptorName="+name+"\n") {
		t.Errorf("the server waits for the socket %q, and gets another one", name)
	}
	if decision := regexp.MustCompile(`DECISION_WAIT:-(\w+)`).FindStringSubmatch(readFile(t, gatewayFile)); decision == nil || decision[1] != env["RUSMES_QUEUE_LINK_AFTER"] {
		t.Errorf("linked traces from %s on, and the gateway decides after %q", env["RUSMES_QUEUE_LINK_AFTER"], decision)
	}
	for unit, file := range map[string]string{"otelcol-agent": agentFile, "otelcol-gateway": gatewayFile} {
		service := text(unit + ".service")
		if !strings.Contains(service, "\nStateDirectory="+unit+"\n") || !strings.Contains(readFile(t, file), "${env:STATE_DIRECTORY:-/var/lib/"+unit+"}") {
			t.Errorf("%s.service and %s name different directories", unit, file)
		}
		if gate := strings.Contains(service, "--feature-gates="+peer.TraceStateGate); gate != (file == gatewayFile) {
			t.Errorf("%s.service has the feature gate: %v", unit, gate)
		}
		if !strings.Contains(service, "\nExecStart=/usr/bin/otelcol-contrib --config=/etc/"+unit+"/config.yaml") {
			t.Errorf("%s.service reads another configuration than its comment says", unit)
		}
	}
}
