package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// server is one of a fleet: a demo and the Collector beside it.
type server struct {
	*demo
	name  string
	agent *peer.Deployed
	start launch
}

// fellowship is a fleet on this machine: three servers that hand mail on, an agent each, and
// a gateway that decides about whole traces.
type fellowship struct {
	*testing.T
	edge, hub, mailbox *server

	gateway     *peer.Deployed
	gatewayGRPC string
	killed      time.Time       // when the mailbox server was
	all, kept   *peer.Collector // what reached the gateway, and what came out of it
}

// keptShare is the share of what is well that the gateway keeps, in percent. fleetWait is how long it
// waits for the rest of a trace: longer than agents come back one after the other when it was away.
const (
	keptShare = 20
	fleetWait = 20 * time.Second
)

func newFellowship(t *testing.T) *fellowship {
	f := &fellowship{T: t, all: peer.StartCollector(t), kept: peer.StartCollector(t)}
	f.gateway, f.gatewayGRPC = startSampler(t, f.all, f.kept, fleetWait, keptShare)
	web := peer.FreeAddresses(t, 3)
	smtp := peer.FreeAddresses(t, 3)
	f.mailbox = f.server("mailbox", web[0], smtp[0], "")
	f.hub = f.server("hub", web[1], smtp[1], smtp[0])
	f.edge = f.server("edge", web[2], smtp[2], smtp[1])
	return f
}

// startSampler starts a gateway that decides after a while and keeps so many percent of what is
// well. all gets every span that reaches it, kept what it keeps.
func startSampler(t *testing.T, all, kept *peer.Collector, wait time.Duration, percent int) (gateway *peer.Deployed, grpc string) {
	t.Helper()
	return startGateway(t, kept, fmt.Sprintf(`
exporters:
  otlp_grpc/all: {endpoint: %q, tls: {insecure: true}, sending_queue: {enabled: false}}
service: {pipelines: {traces/all: {receivers: [otlp], exporters: [otlp_grpc/all]}}}
`, all.GRPC()), "DECISION_WAIT="+wait.String(), "KEEP_PERCENT="+strconv.Itoa(percent))
}

// server starts one. What it starts with is the same after a restart.
func (f *fellowship) server(name, web, smtp, next string) *server {
	f.Helper()
	agent, _, http := startAgent(f.T, "the agent of "+name, f.gatewayGRPC, "")
	flags := []string{"--http", web, "--smtp", smtp, "--fleet", "127.0.0.0/8", "--spool", filepath.Join(f.TempDir(), "spool")}
	if next != "" {
		flags = append(flags, "--relayhost", next)
	}
	s := &server{name: name, agent: agent, start: launch{flags: flags, env: []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + http, "RUSMES_OTLP_BUFFER_DIR=" + filepath.Join(f.TempDir(), "buffer"),
		"OTEL_BSP_SCHEDULE_DELAY=200", "OTEL_METRIC_EXPORT_INTERVAL=2000", "OTEL_RESOURCE_ATTRIBUTES=server=" + name,
	}}}
	s.demo = startDemo(f.T, s.start)
	return s
}

// again starts a server that was killed.
func (f *fellowship) again(s *server) {
	f.Helper()
	s.demo = startDemo(f.T, s.start)
}

// The messages of which the fates are known.
const (
	wellTo     = own                                      // delivered
	bouncedTo  = "reject-" + marker + "@supplier.example" // refused for good
	deferredTo = "defer-" + marker + "%d@slow.example"    // refused twice, then delivered
)

// mailboxKilled is the number of the message before which the mailbox server is killed.
const mailboxKilled = 300

// send brings n messages to the edge, each by a session of its own: those of one session are
// one trace. One in ten bounces and one in twenty is deferred. Each has an id of its own.
func (f *fellowship) send(from, n int) (bounced []string) {
	f.Helper()
	for i := from; i < from+n; i++ {
		to, id := wellTo, fmt.Sprintf("<%d.%s@shop.example>", i, marker)
		switch {
		case i%10 == 0:
			to = bouncedTo
			bounced = append(bounced, id)
		case i%20 == 1 && i > mailboxKilled+100: // who refuses is forgotten with the server
			to = fmt.Sprintf(deferredTo, i)
		}
		text := strings.Replace(letter("stranger-"+marker+"@shop.example", to, "Good morning."), "<"+marker+"@client.example>", id, 1)
		if err := f.edge.bring(to, text); err != nil {
			f.Fatalf("message %d: %v", i, err)
		}
	}
	return bounced
}

// settled waits until no server has anything left to do.
func (f *fellowship) settled() {
	f.Helper()
	for _, s := range []*server{f.edge, f.hub, f.mailbox} {
		s.settled()
	}
}

// A thousand messages cross a fleet, while one server is killed and comes back, the gateway is away
// and comes back, and the disk of an agent is full. The gateway keeps every failure whole, from
// the first server to the last, and a share of the rest that stands for all of it.
func TestFleet(t *testing.T) {
	f := newFellowship(t)
	prometheus := peer.StartPrometheusWith(t, peer.WithTargets(f.edge.web, f.hub.web, f.mailbox.web))
	prometheus.WaitUp(patience)

	const messages = 1000
	bounced := f.send(0, mailboxKilled)
	f.killed = time.Now()
	f.mailbox.kill()
	bounced = append(bounced, f.send(mailboxKilled, 50)...)
	f.again(f.mailbox)
	bounced = append(bounced, f.send(mailboxKilled+50, 250)...)
	f.settled()
	f.decided()

	f.gateway.Stop()
	full := f.fillDisk(f.hub)
	bounced = append(bounced, f.send(600, 100)...)
	f.gateway.Start()
	full()
	bounced = append(bounced, f.send(700, 300)...)
	f.settled()
	f.decided()

	f.wantWholeTraces(bounced, messages)
	f.wantCounters(prometheus, messages)
	f.wantNoChurn(prometheus)
	f.wantSameLife(bounced[len(bounced)/2])
}

// decided waits until the gateway has every span of the servers, and has decided.
func (f *fellowship) decided() {
	f.Helper()
	for _, s := range []*server{f.edge, f.hub, f.mailbox} {
		s.catchUp()
	}
	quiet(f.T, fleetWait, f.all, f.kept)
}

func traces(spans []peer.Span) map[string][]peer.Span {
	all := map[string][]peer.Span{}
	for _, s := range spans {
		all[s.TraceID] = append(all[s.TraceID], s)
	}
	return all
}

// lives are the traces of messages: those that have a span of the queue.
func lives(spans []peer.Span) map[string][]peer.Span {
	all := traces(spans)
	for id, trace := range all {
		if !slices.ContainsFunc(trace, func(s peer.Span) bool { return s.Name == "queue enqueue" }) {
			delete(all, id)
		}
	}
	return all
}

func spanIDs(spans []peer.Span) []string {
	var ids []string
	for _, s := range spans {
		ids = append(ids, s.SpanID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// hosts are the servers that a trace has passed.
func hosts(spans []peer.Span) []string {
	var names []string
	for _, s := range spans {
		names = append(names, fmt.Sprint(s.Resource["server"]))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func failed(spans []peer.Span) bool {
	return slices.ContainsFunc(spans, func(s peer.Span) bool { return s.Attributes["email.delivery.outcome"] == "failed" })
}

// received is what reached the gateway and what it kept, once that is whole or a busy machine has had its time.
func (f *fellowship) received() (all, kept map[string][]peer.Span) {
	for end := time.Now().Add(patience); ; time.Sleep(time.Second) {
		all, kept = lives(f.all.Traces()), lives(f.kept.Traces())
		late := false
		for id, trace := range kept {
			late = late || torn(all[id], trace) && !wentOn(all[id])
		}
		if !late || time.Now().After(end) {
			return all, kept
		}
	}
}

// wentOn is whether a trace may have gone on after the gateway's decision, where a span may need ten
// seconds to get there. What comes then is judged by itself (docs/scale.md).
func wentOn(trace []peer.Span) bool { return !within(trace, fleetWait-10*time.Second) }

// torn is whether the gateway has not kept all spans of a trace that it kept.
func torn(all, kept []peer.Span) bool { return !slices.Equal(spanIDs(all), spanIDs(kept)) }

// compared lists the spans of a trace by their end, and says which were not kept.
func compared(all, kept []peer.Span) string {
	var text strings.Builder
	ids := spanIDs(kept)
	slices.SortFunc(all, func(a, b peer.Span) int { return a.End.Compare(b.End) })
	for _, s := range all {
		state := "kept"
		if _, ok := slices.BinarySearch(ids, s.SpanID); !ok {
			state = "lost"
		}
		fmt.Fprintf(&text, "%s %s %v %s %v\n", state, s.End.Format(time.StampMilli), s.Resource["server"], s.Name, s.Attributes)
	}
	return text.String()
}

// wantWholeTraces compares what the gateway kept with all that reached it. A failure is what the
// mailbox server bounced, and what those before it gave up while it was away.
func (f *fellowship) wantWholeTraces(bounced []string, messages int) {
	f.Helper()
	all, kept := f.received()
	failures, rest, lost, long := 0, 0, 0, 0
	estimate := 0.0
	givenUp := int(f.edge.page()["rusmes_mail_bounced_total"] + f.hub.page()["rusmes_mail_bounced_total"])
	crossed := []string{"edge", "hub", "mailbox"}
	for id, trace := range all {
		got, isKept := kept[id]
		switch fails := failed(trace); {
		case fails && !isKept:
			f.Errorf("the trace %s of a failure was not kept", id)
		case fails:
			failures++
		default:
			if f.lostByKill(trace) {
				lost++
			} else if !slices.Equal(hosts(trace), crossed) {
				f.Errorf("the trace %s is on %q, want it on %q", id, hosts(trace), crossed)
			}
		}
		if !isKept {
			rest++
			continue
		}
		switch {
		case torn(trace, got) && wentOn(trace):
			long++
		case torn(trace, got):
			f.Errorf("of the kept trace %s %d spans came to the gateway, and %d out of it:\n%s", id, len(spanIDs(trace)), len(spanIDs(got)), compared(trace, got))
		}
		weight := weightOf(f.T, got[0])
		if weight > 1 {
			rest++
		}
		estimate += weight
	}
	f.Logf("%d traces of messages, %d failures, %d kept, which stand for %.0f; %d lost their last part by the kill, %d went on after the decision", len(all), failures, len(kept), estimate, lost, long)
	if want := len(bounced) + givenUp; len(all) != messages || failures > want || failures < want-lost {
		f.Errorf("%d messages, %d of them failed; want %d and %d, %d of these given up before", len(all), failures, messages, want, givenUp)
	}
	const p = keptShare / 100.0
	if off := estimate - float64(messages); off*off > 25*float64(rest)*(1-p)/p { // five standard deviations
		f.Errorf("%.0f messages by the weights of what was kept, want about %d", estimate, messages)
	}
}

// lostByKill is whether a message was handed to the mailbox server when that was killed: its spans
// there, or the last of them, were in memory still, for OTEL_BSP_SCHEDULE_DELAY and what a busy machine adds.
func (f *fellowship) lostByKill(trace []peer.Span) bool {
	ended := slices.ContainsFunc(trace, func(s peer.Span) bool {
		return s.Resource["server"] == "mailbox" && s.Attributes["email.delivery.outcome"] != nil
	})
	return !ended && slices.ContainsFunc(trace, func(s peer.Span) bool {
		return s.Name == "deliver smtp" && s.Resource["server"] == "hub" && s.End.After(f.killed.Add(-2*time.Second)) && s.End.Before(f.killed.Add(time.Second))
	})
}

// weightOf is for how many a span stands (docs/sampling.md).
func weightOf(t *testing.T, s peer.Span) float64 {
	t.Helper()
	const ids = 1 << 56
	_, th, found := strings.Cut(s.TraceState, "th:")
	if th, _, _ = strings.Cut(th, ";"); !found {
		t.Fatalf("%s says not for how many it stands: %q", s.Name, s.TraceState)
	}
	threshold, err := strconv.ParseUint(th+strings.Repeat("0", 14-len(th)), 16, 64)
	if err != nil {
		t.Fatalf("%q: %v", s.TraceState, err)
	}
	return ids / float64(ids-threshold)
}

// wantCounters compares the counters in Prometheus with what was sent.
func (f *fellowship) wantCounters(prometheus *peer.Prometheus, messages int) {
	f.Helper()
	peer.Eventually(f.T, patience, func() error {
		for _, s := range []*server{f.edge, f.hub} {
			got := prometheus.Query(fmt.Sprintf(`rusmes_smtp_messages_received_total{instance=%q}`, s.web))
			if len(got) != 1 || got[0].Value != float64(messages) {
				return fmt.Errorf("%s received %v by Prometheus, want %d", s.name, got, messages)
			}
		}
		return nil
	})
}

// wantNoChurn wants the server that was restarted to have begun no new series: neither those that
// are scraped nor those that are pushed.
func (f *fellowship) wantNoChurn(prometheus *peer.Prometheus) {
	f.Helper()
	names := func(expr string) map[string]bool {
		all := map[string]bool{}
		for _, sample := range prometheus.Query(fmt.Sprintf(expr, f.mailbox.web)) {
			all[fmt.Sprint(sample.Labels)] = true
		}
		return all
	}
	now := names(`{instance=%q}`)
	for series := range names(`last_over_time({instance=%q}[1h])`) {
		if !now[series] {
			f.Errorf("the series %s ended with the restart", series)
		}
	}
	ids := map[any]map[any]bool{}
	for _, metric := range f.kept.Metrics() {
		server := metric.Resource["server"]
		if ids[server] == nil {
			ids[server] = map[any]bool{}
		}
		ids[server][metric.Resource["service.instance.id"]] = true
	}
	for _, s := range []*server{f.edge, f.hub, f.mailbox} {
		if len(ids[s.name]) != 1 {
			f.Errorf("%s pushed metrics as %v, want one instance", s.name, ids[s.name])
		}
	}
}

// wantSameLife asks all servers where a message is.
func (f *fellowship) wantSameLife(messageID string) {
	f.Helper()
	args := []string{"where"}
	for _, s := range []*server{f.edge, f.hub, f.mailbox} {
		args = append(args, "--server", "http://"+s.web)
	}
	cmd := exec.CommandContext(f.Context(), executable, append(args, messageID)...)
	cmd.Env = append(cleanEnv(), "NO_PROXY=*")
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.Fatalf("otelmail where: %v\n%s", err, out)
	}
	at := 0
	for _, want := range []string{f.edge.web, "Delivered to", f.hub.web, "Delivered to", f.mailbox.web, "550 5.1.1", "told by a bounce"} {
		i := strings.Index(string(out)[at:], want)
		if i < 0 {
			f.Errorf("otelmail where does not say %q next:\n%s", want, out)
			break
		}
		at += i
	}
}
