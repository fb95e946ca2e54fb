package integration

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// manifest is deploy/kubernetes.yaml.
type manifest struct {
	pod       corev1.PodSpec
	container corev1.Container
	ports     []corev1.ServicePort
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	var deployment appsv1.Deployment
	var service corev1.Service
	objects := readObjects(t, "../deploy/kubernetes.yaml")
	objects.read(t, "Deployment/mailserver", &deployment)
	objects.read(t, "Service/mailserver", &service)
	template := deployment.Spec.Template
	for key, value := range service.Spec.Selector {
		if template.Labels[key] != value || deployment.Spec.Selector.MatchLabels[key] != value {
			t.Errorf("the selector %s=%s finds no pod", key, value)
		}
	}
	if len(template.Spec.Containers) != 1 {
		t.Fatalf("%d containers, want one", len(template.Spec.Containers))
	}
	return manifest{template.Spec, template.Spec.Containers[0], service.Spec.Ports}
}

// flag returns the value of an argument of the container.
func (m manifest) flag(t *testing.T, name string) string {
	t.Helper()
	for _, arg := range m.container.Args {
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value
		}
	}
	t.Fatalf("no --%s among %q", name, m.container.Args)
	return ""
}

// The ports are those that the arguments name, and the times fit each other.
func TestTheManifestFits(t *testing.T) {
	m := readManifest(t)
	ports := map[string]int32{}
	for _, p := range m.container.Ports {
		ports[p.Name] = p.ContainerPort
		if _, port, err := net.SplitHostPort(m.flag(t, p.Name)); err != nil || port != strconv.Itoa(int(p.ContainerPort)) {
			t.Errorf("--%s=%s and the port %d are not the same", p.Name, m.flag(t, p.Name), p.ContainerPort)
		}
	}
	for _, p := range m.ports {
		if ports[p.TargetPort.StrVal] == 0 {
			t.Errorf("the port %s of the Service leads to %v, which no container has", p.Name, p.TargetPort)
		}
	}
	for name, probe := range map[string]*corev1.Probe{
		"startup": m.container.StartupProbe, "readiness": m.container.ReadinessProbe, "liveness": m.container.LivenessProbe,
	} {
		if probe == nil || probe.HTTPGet == nil || ports[probe.HTTPGet.Port.StrVal] != ports["http"] {
			t.Fatalf("the %s probe is %v, want a GET of the port http", name, probe)
		}
	}

	drain, err := time.ParseDuration(m.flag(t, "drain"))
	if err != nil {
		t.Fatal(err)
	}
	ready := m.container.ReadinessProbe
	if noticed := probeSeconds(ready.PeriodSeconds)*time.Duration(ready.FailureThreshold) + probeSeconds(ready.TimeoutSeconds); noticed > drain {
		t.Errorf("/ready says 503 for %v before the door closes, and it may take %v to be noticed", drain, noticed)
	}
	// What the demo takes after that at most: sessions 3 s, workers 5, push 2, the rest 1, telemetry 5.
	if all, grace := drain+16*time.Second, time.Duration(*m.pod.TerminationGracePeriodSeconds)*time.Second; all > grace {
		t.Errorf("draining takes up to %v, and after %v it is killed", all, grace)
	}
}

func probeSeconds(n int32) time.Duration { return time.Duration(n) * time.Second }

// prober does what the kubelet does with a probe.
type prober struct {
	probe *corev1.Probe
	url   string

	asked, flips atomic.Int64
	fails        atomic.Bool // as often as failureThreshold says
}

func (d *demo) probe(p *corev1.Probe) *prober {
	return &prober{probe: p, url: "http://" + d.web + p.HTTPGet.Path}
}

func (p *prober) run(done <-chan struct{}) {
	p.fails.Store(true)
	client := http.Client{Timeout: probeSeconds(p.probe.TimeoutSeconds), Transport: &http.Transport{DisableKeepAlives: true}}
	var good, bad int32
	for tick := time.NewTicker(probeSeconds(p.probe.PeriodSeconds)); ; {
		response, err := client.Get(p.url)
		if err == nil {
			_ = response.Body.Close()
		}
		if err == nil && response.StatusCode >= 200 && response.StatusCode < 400 {
			good, bad = good+1, 0
		} else {
			good, bad = 0, bad+1
		}
		fails := p.fails.Load()
		if fails && good >= max(1, p.probe.SuccessThreshold) || !fails && bad >= p.probe.FailureThreshold {
			p.fails.Store(!fails)
			p.flips.Add(1)
		}
		p.asked.Add(1)
		select {
		case <-tick.C:
		case <-done:
			tick.Stop()
			return
		}
	}
}

func (p *prober) state(fails bool) error {
	if p.asked.Load() == 0 || p.fails.Load() != fails {
		return fmt.Errorf("after %d questions it is %v that %s fails", p.asked.Load(), p.fails.Load(), p.url)
	}
	return nil
}

// TestTheManifestsProbes asks a demo with the manifest's arguments what the kubelet would: it is
// started, ready, and, while it drains, not ready and not to be restarted. Idle clients
// that hold every descriptor do not have it restarted either.
func TestTheManifestsProbes(t *testing.T) {
	t.Parallel()
	m := readManifest(t)
	args := []string{}
	for _, arg := range m.container.Args[1:] {
		name, _, _ := strings.Cut(arg, "=")
		switch name {
		case "--http", "--smtp", "--imap":
			arg = name + "=127.0.0.1:0"
		case "--spool":
			arg = name + "=" + t.TempDir()
		}
		args = append(args, arg)
	}
	// The times are compared above; here none of them is to decide.
	args = append(args, "--drain=30s")
	d := run(t, launch{flags: args, within: []string{"sh", "-c", `ulimit -n 80 && exec "$0" "$@"`}})
	d.readAddresses()
	done := make(chan struct{})
	defer close(done)
	start, ready, live := d.probe(m.container.StartupProbe), d.probe(m.container.ReadinessProbe), d.probe(m.container.LivenessProbe)
	for _, p := range []*prober{start, ready, live} {
		go p.run(done)
	}
	for _, p := range []*prober{start, ready, live} {
		peer.Eventually(t, patience, func() error { return p.state(false) })
	}

	var idle []net.Conn
	for range 150 {
		c, err := net.Dial("tcp", d.imap)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
	}
	peer.Eventually(t, patience, func() error { return ready.state(true) })
	for _, c := range idle {
		_ = c.Close()
	}
	peer.Eventually(t, patience, func() error { return ready.state(false) })

	d.terminate()
	peer.Eventually(t, patience, func() error { return ready.state(true) })
	if err := d.bringLetter(own); err != nil {
		t.Errorf("a client that has not heard of it: %v", err)
	}
	if live.fails.Load() || live.flips.Load() != 1 {
		t.Errorf("the liveness probe has changed %d times: the server is restarted", live.flips.Load()-1)
	}
	d.farewell()
}
