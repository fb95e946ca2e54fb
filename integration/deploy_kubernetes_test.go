package integration

import (
	"bytes"
	"fmt"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// kubernetesObjects are those of a file, by kind and name, as they are written.
type kubernetesObjects map[string][]byte

func readObjects(t *testing.T, path string) kubernetesObjects {
	t.Helper()
	objects := kubernetesObjects{}
	for part := range bytes.SplitSeq([]byte(readFile(t, path)), []byte("\n---\n")) {
		var object struct {
			metav1.TypeMeta
			Metadata metav1.ObjectMeta
		}
		if err := yaml.Unmarshal(part, &object); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		objects[object.Kind+"/"+object.Metadata.Name] = part
	}
	return objects
}

// read wants an object of a type, without a field that the type does not have.
func (o kubernetesObjects) read(t *testing.T, name string, into any) {
	t.Helper()
	part, ok := o[name]
	if !ok {
		t.Fatalf("no %s among %q", name, slices.Sorted(maps.Keys(o)))
	}
	if err := yaml.UnmarshalStrict(part, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// Every object of the files is of its type.
func TestKubernetesObjectsAreOfTheirTypes(t *testing.T) {
	types := map[string]func() any{
		"Deployment": func() any { return &appsv1.Deployment{} }, "DaemonSet": func() any { return &appsv1.DaemonSet{} },
		"StatefulSet": func() any { return &appsv1.StatefulSet{} }, "Service": func() any { return &corev1.Service{} },
		"NetworkPolicy":  func() any { return &networkingv1.NetworkPolicy{} },
		"ServiceMonitor": func() any { return &monitoringv1.ServiceMonitor{} },
	}
	for _, file := range []string{"../deploy/kubernetes.yaml", "../deploy/kubernetes-collectors.yaml"} {
		objects := readObjects(t, file)
		for name := range objects {
			kind, _, _ := strings.Cut(name, "/")
			if types[kind] == nil {
				t.Errorf("%s: %s is of no kind that is known here", file, name)
				continue
			}
			objects.read(t, name, types[kind]())
		}
	}
}

// Prometheus finds the pods' metrics, and nobody but the monitoring gets at them.
func TestTheServiceMonitorFindsThePods(t *testing.T) {
	objects := readObjects(t, "../deploy/kubernetes.yaml")
	var service corev1.Service
	var monitor monitoringv1.ServiceMonitor
	var policy networkingv1.NetworkPolicy
	objects.read(t, "Service/mailserver-metrics", &service)
	objects.read(t, "ServiceMonitor/mailserver", &monitor)
	objects.read(t, "NetworkPolicy/mailserver", &policy)
	if !maps.Equal(monitor.Spec.Selector.MatchLabels, service.Labels) {
		t.Errorf("the ServiceMonitor looks for %v, and the Service has %v", monitor.Spec.Selector.MatchLabels, service.Labels)
	}
	ports := portsOf(readManifest(t).container)
	for _, endpoint := range monitor.Spec.Endpoints {
		if !slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
			return p.Name == endpoint.Port && ports[p.TargetPort.StrVal] == p.Port
		}) {
			t.Errorf("the ServiceMonitor asks the port %s, which the Service does not have, or not as the pod", endpoint.Port)
		}
	}
	wantPolicy(t, policy, map[string]string{"app": "mailserver"}, ports)
	for _, rule := range policy.Spec.Ingress {
		if slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool { return p.Port.StrVal == "http" }) && len(rule.From) == 0 {
			t.Error("metrics are open to everybody")
		}
	}
}

func portsOf(c corev1.Container) map[string]int32 {
	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	return ports
}

// wantPolicy wants a policy for pods with these labels that names ports that they have.
func wantPolicy(t *testing.T, policy networkingv1.NetworkPolicy, labels map[string]string, ports map[string]int32) {
	t.Helper()
	if !maps.Equal(policy.Spec.PodSelector.MatchLabels, labels) {
		t.Errorf("the policy %s is for pods with %v, want %v", policy.Name, policy.Spec.PodSelector.MatchLabels, labels)
	}
	for _, rule := range policy.Spec.Ingress {
		for _, p := range rule.Ports {
			if ports[p.Port.StrVal] == 0 {
				t.Errorf("the policy %s names the port %v, which no container has", policy.Name, p.Port)
			}
		}
	}
}

// What the containers of agent and gateway are given fits the configuration that they run.
func TestTheCollectorsManifestFits(t *testing.T) {
	t.Parallel()
	objects := readObjects(t, "../deploy/kubernetes-collectors.yaml")
	var agent appsv1.DaemonSet
	var gateway appsv1.StatefulSet
	objects.read(t, "DaemonSet/otelcol-agent", &agent)
	objects.read(t, "StatefulSet/otelcol-gateway", &gateway)
	for _, tc := range []struct {
		name, file string
		template   corev1.PodTemplateSpec
		matches    map[string]string
		addresses  map[string]string // variable to port
	}{
		{"otelcol-agent", agentFile, agent.Spec.Template, agent.Spec.Selector.MatchLabels,
			map[string]string{"AGENT_GRPC": "grpc", "AGENT_HTTP": "http", "AGENT_HEALTH": "health"}},
		{"otelcol-gateway", gatewayFile, gateway.Spec.Template, gateway.Spec.Selector.MatchLabels,
			map[string]string{"GATEWAY_GRPC": "grpc", "GATEWAY_HEALTH": "health"}},
	} {
		container := tc.template.Spec.Containers[0]
		ports := portsOf(container)
		env := map[string]string{}
		for _, e := range container.Env {
			env[e.Name] = e.Value
		}
		wantCollector(t, tc.file, container.Image, container.Args, env)
		for variable, name := range tc.addresses {
			if _, port, err := net.SplitHostPort(env[variable]); err != nil || port != strconv.Itoa(int(ports[name])) {
				t.Errorf("%s: %s is %q, and the port %s %d", tc.name, variable, env[variable], name, ports[name])
			}
		}
		if want := defaultOf(t, tc.file, "METRICS_PORT"); want != strconv.Itoa(int(ports["metrics"])) {
			t.Errorf("%s: its own series are on %s, and the port metrics is %d", tc.name, want, ports["metrics"])
		}
		if !slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == env["STATE_DIRECTORY"] }) {
			t.Errorf("%s: no volume at %s, where the queue is", tc.name, env["STATE_DIRECTORY"])
		}
		var service corev1.Service
		var policy networkingv1.NetworkPolicy
		objects.read(t, "Service/"+tc.name, &service)
		objects.read(t, "NetworkPolicy/"+tc.name, &policy)
		wantPolicy(t, policy, tc.matches, ports)
		if !maps.Equal(service.Spec.Selector, tc.matches) || !maps.Equal(tc.template.Labels, tc.matches) {
			t.Errorf("%s: Service %v, pods %v, selector %v", tc.name, service.Spec.Selector, tc.template.Labels, tc.matches)
		}
	}
}

// defaultOf is the default of the one variable of a file whose name ends so.
func defaultOf(t *testing.T, file, suffix string) string {
	t.Helper()
	found := regexp.MustCompile(`\$\{env:[A-Z]+_` + suffix + `:-([^}]*)\}`).FindStringSubmatch(readFile(t, file))
	if found == nil {
		t.Fatalf("%s has no variable …_%s", file, suffix)
	}
	return found[1]
}

// wantCollector wants a Collector of the version that the tests have, with the feature gate if it
// is a gateway, and variables that its configuration reads, with which it starts.
func wantCollector(t *testing.T, file, image string, args []string, env map[string]string) {
	t.Helper()
	version := regexp.MustCompile(`(?m)^  version: (.*)$`).FindStringSubmatch(readFile(t, "peers/collector/manifest.yaml"))
	if version == nil || !strings.HasSuffix(image, "opentelemetry-collector-contrib:"+version[1]) {
		t.Errorf("%s is run by %s, and tested with %q", file, image, version)
	}
	name := file[strings.LastIndexByte(file, '/')+1:]
	want := []string{"--config=/etc/otelcol/" + name}
	if file == gatewayFile {
		want = append(want, "--feature-gates="+peer.TraceStateGate)
	}
	if !slices.Equal(args, want) {
		t.Errorf("%s is started with %q, want %q", file, args, want)
	}
	text := readFile(t, file)
	variables := []string{}
	for variable, value := range env {
		if variable != "NODE_NAME" && variable != "GOMEMLIMIT" && !strings.Contains(text, variable) {
			t.Errorf("%s does not read %s", file, variable)
		}
		if variable == "STATE_DIRECTORY" {
			value = t.TempDir()
		}
		variables = append(variables, variable+"="+value)
	}
	if err := peer.ValidateCollector(t, file, variables...); err != nil {
		t.Errorf("%s with %v: %v", file, env, err)
	}
}

// wantSettings wants variables of ours and of OpenTelemetry's to be settings.
func wantSettings(t *testing.T, where string, env map[string]string) {
	t.Helper()
	page := readFile(t, "../docs/settings.md")
	for variable := range env {
		if !strings.Contains(page, "`"+variable+"`") {
			t.Errorf("%s sets %s, which is no setting", where, variable)
		}
	}
}

// wantFile wants a file or folder of this repository.
func wantFile(t *testing.T, where, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Error(fmt.Errorf("%s: %w", where, err))
	}
}
