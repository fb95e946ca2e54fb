package integration

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/rusmes/otelmail/internal/settings"
)

// The compose file is one by its schema, its services find each other, and what it gives the
// Collectors is what they read.
func TestTheComposeFileFits(t *testing.T) {
	t.Parallel()
	const path = "../deploy/compose.yaml"
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: "../deploy", ConfigFiles: []types.ConfigFile{{Filename: path, Content: []byte(readFile(t, path))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(project.Services))
	for name, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeBind {
				wantFile(t, name, volume.Source)
			}
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s is open to the network on %s", name, port.Published)
			}
		}
		for variable, value := range service.Environment {
			_, address, isURL := strings.Cut(*value, "://")
			if !isURL && !strings.HasSuffix(variable, "_ENDPOINT") && variable != "GATEWAY" {
				continue
			}
			if !isURL {
				address = *value
			}
			if host, _, _ := strings.Cut(address, ":"); !slices.Contains(names, host) {
				t.Errorf("%s: %s=%s leads to none of %q", name, variable, *value, names)
			}
		}
	}
	environment := func(name string) map[string]string {
		all := map[string]string{}
		for variable, value := range project.Services[name].Environment {
			all[variable] = *value
		}
		return all
	}
	for name, file := range map[string]string{"agent": agentFile, "gateway": gatewayFile} {
		wantCollector(t, file, project.Services[name].Image, project.Services[name].Command, environment(name))
	}
	wantSettings(t, "the mail server", environment("mailserver"))

	_, port, _ := strings.Cut(settings.MetricsBindAddress.Default, ":")
	collectors := defaultOf(t, agentFile, "METRICS_PORT")
	for config, want := range map[string][]string{
		"mail-targets": {"mailserver:" + port}, "collector-targets": {"agent:" + collectors, "gateway:" + collectors},
	} {
		for _, target := range want {
			if !strings.Contains(project.Configs[config].Content, target) {
				t.Errorf("%s has no %s: %s", config, target, project.Configs[config].Content)
			}
		}
	}
}
