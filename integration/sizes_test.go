//go:build sizes

package integration

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/internal/sampling"
)

var (
	sizesRate = flag.Int("messages", 1000, "messages a second")
	sizesFor  = flag.Duration("for", time.Minute, "how long, after a warm-up")
)

// sizesWarm is longer than the gateway waits with its first decisions.
const sizesWarm = 40 * time.Second

// TestSizes measures what an agent and a gateway take of the machine, with the files of deploy/, where the
// spans of so many messages a second come in: those of a message of the demo, again and again.
func TestSizes(t *testing.T) {
	stores := peer.StartCollector(t, peer.WithConfig("exporters: {debug: {}}\nservice: {pipelines: {traces: {exporters: [debug]}}}"))
	seen := peer.StartCollector(t)
	d := startDemo(t, launch{rate: 10, env: pushTo(seen, "grpc")})
	time.Sleep(8 * time.Second)
	d.stop()
	message := messageOf(t, seen)
	t.Logf("a message has %d spans", len(message))

	gateway, gatewayGRPC := startGateway(t, stores, "", "GOMEMLIMIT=4GiB")
	agent, grpc, _ := startAgent(t, "the agent", gatewayGRPC, "", "GOMEMLIMIT=230MiB")
	exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(grpc), otlptracegrpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	var exported, refused int
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(counting{exporter, &exported, &refused}, sdktrace.WithMaxQueueSize(1<<18), sdktrace.WithMaxExportBatchSize(4096)),
		sdktrace.WithSampler(sampling.ParentBased(sampling.Probability(1))),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "sizes"))),
	)
	tracer := provider.Tracer("sizes")

	started, sent, peakAgent, peakGateway := time.Now(), 0, 0, 0
	var cpuAgent, cpuGateway time.Duration
	var warm time.Time
	for tick := time.NewTicker(10 * time.Millisecond); time.Since(started) < sizesWarm+*sizesFor; <-tick.C {
		if warm.IsZero() && time.Since(started) > sizesWarm {
			warm, cpuAgent, cpuGateway = time.Now(), cpuOf(t, agent.Pid()), cpuOf(t, gateway.Pid())
		}
		for due := int(time.Since(started).Seconds() * float64(*sizesRate)); sent < due; sent++ {
			replay(tracer, message)
		}
		peakAgent, peakGateway = max(peakAgent, residentOf(t, agent.Pid())), max(peakGateway, residentOf(t, gateway.Pid()))
	}
	took, measured := time.Since(started), time.Since(warm)
	cpuAgent, cpuGateway = cpuOf(t, agent.Pid())-cpuAgent, cpuOf(t, gateway.Pid())-cpuGateway
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := provider.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	fmt.Printf("%.0f messages/s, %.0f spans/s taken, %d refused\n", float64(sent)/took.Seconds(), float64(exported)/took.Seconds(), refused)
	for _, one := range []struct {
		name string
		cpu  time.Duration
		peak int
	}{{"agent", cpuAgent, peakAgent}, {"gateway", cpuGateway, peakGateway}} {
		fmt.Printf("%-8s %.2f cores, %d MiB at most\n", one.name, one.cpu.Seconds()/measured.Seconds(), one.peak>>10)
	}
}

// messageOf is the trace of a message that was delivered, the earliest span first.
func messageOf(t *testing.T, c *peer.Collector) []peer.Span {
	t.Helper()
	for _, spans := range traces(c.Traces()) {
		if len(spans) >= 14 && !slices.ContainsFunc(spans, func(s peer.Span) bool { return s.Status == "error" }) &&
			slices.ContainsFunc(spans, func(s peer.Span) bool { return s.Attributes["email.delivery.outcome"] == "delivered" }) {
			slices.SortFunc(spans, func(a, b peer.Span) int {
				return cmp.Or(a.Start.Compare(b.Start), b.End.Compare(a.End))
			})
			return spans
		}
	}
	t.Fatal("no message was delivered")
	return nil
}

// replay records the same spans in a new trace.
func replay(tracer trace.Tracer, message []peer.Span) {
	contexts := map[string]context.Context{}
	for _, s := range message {
		parent, ok := contexts[s.ParentID]
		if !ok {
			parent = context.Background()
			if len(contexts) > 0 {
				parent = contexts[message[0].SpanID]
			}
		}
		ctx, span := tracer.Start(parent, s.Name)
		for key, value := range s.Attributes {
			span.SetAttributes(attribute.String(key, fmt.Sprint(value)))
		}
		span.SetStatus(codes.Unset, "")
		contexts[s.SpanID] = ctx
		span.End()
	}
}

// counting counts what an exporter has delivered.
type counting struct {
	sdktrace.SpanExporter
	exported, refused *int
}

func (c counting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := c.SpanExporter.ExportSpans(ctx, spans)
	if err != nil {
		*c.refused += len(spans)
	} else {
		*c.exported += len(spans)
	}
	return err
}

// cpuOf is the processor time that a process has taken.
func cpuOf(t *testing.T, pid int) time.Duration {
	t.Helper()
	fields := strings.Fields(readFile(t, fmt.Sprintf("/proc/%d/stat", pid)))
	var ticks int64
	for _, field := range fields[13:15] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// residentOf is how much of memory a process has, in KiB.
func residentOf(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	n, _ := strconv.Atoi(strings.Fields(after)[0])
	return n
}
