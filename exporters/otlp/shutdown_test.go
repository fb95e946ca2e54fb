package otlp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/otlp"
)

func TestShutdownWithDeadReceiver(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"HTTP", "gRPC"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			r := absentReceiver(t)
			tel, _ := start(t, env(), push(protocols(r)[protocol]...))
			emitSpans(tel, "a", 1400)
			emitLogs(tel, "b", 20)
			count(t, tel, "c", 1)
			begun := time.Now()
			err := shutdown(tel, 4*time.Second)
			if took := time.Since(begun); took > patience/2 {
				t.Errorf("Shutdown took %v of 4 s", took)
			}
			where := r.httpURL() + "/v1/"
			if protocol == "gRPC" {
				where = r.grpcURL()
			}
			wantParts(t, err,
				"otlp traces: 1400 of 1400 spans not delivered to "+where,
				"otlp logs: 20 of 20 log records not delivered to "+where,
				"data points of the last collection not delivered to "+where,
				"connection refused")
			if protocol == "HTTP" && !errors.Is(err, syscall.ECONNREFUSED) {
				t.Error("the error does not wrap its cause")
			}
			if again := shutdown(tel, time.Second); again == nil || again.Error() != err.Error() {
				t.Errorf("the second Shutdown says %v", again)
			}
		})
	}
}

// A receiver that accepts and never answers must not hold up the shutdown.
func TestShutdownWithSilentReceiver(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, protocol := range []otlp.Transport{otlp.HTTP, otlp.GRPC} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			tel, _ := start(t, env(), push(otlp.Endpoint("http://"+l.Addr().String()), otlp.Protocol(protocol)))
			emitSpans(tel, "a", 5)
			emitLogs(tel, "b", 5)
			begun := time.Now()
			err := shutdown(tel, 10*time.Second)
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("Shutdown took %v of 10 s", took)
			}
			wantParts(t, err, "5 of 5 spans not delivered", "5 of 5 log records not delivered", "of the last collection not delivered")
		})
	}
}

// A context that is cancelled before its deadline ends all attempts as well.
func TestShutdownIsCancelled(t *testing.T) {
	for _, protocol := range []string{"HTTP", "gRPC"} {
		t.Run(protocol, func(t *testing.T) {
			noLeak(t)
			tel, b := start(t, env("OTEL_METRIC_EXPORT_INTERVAL", "10"), otelmail.WithShutdownTimeout(time.Minute),
				push(protocols(absentReceiver(t))[protocol]...))
			emitSpans(tel, "a", 5)
			emitLogs(tel, "b", 5)
			eventually(t, "the metrics are being tried", func() bool { return len(b.all()) > 0 })
			ctx, cancel := context.WithCancel(t.Context())
			defer time.AfterFunc(200*time.Millisecond, cancel).Stop()
			if err := tel.Shutdown(ctx); err == nil {
				t.Error("no error although nothing was delivered")
			}
		})
	}
}

func TestEarlierLossIsInTheLastWord(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	r.setAnswer(func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusBadRequest); return true })
	// One request holds all that is lost, however slowly the seven are ended.
	tel, b := start(t, env("OTEL_BSP_SCHEDULE_DELAY", "600000", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "7"),
		push(append(only("traces"), otlp.Endpoint(r.httpURL()))...))
	emitSpans(tel, "lost", 7)
	eventually(t, "the loss is reported", func() bool { return len(b.all()) > 0 })
	r.setAnswer(nil)
	emitSpans(tel, "sent", 5)
	wantParts(t, shutdown(tel, patience), "7 of 12 spans not delivered", "400 Bad Request")
	if n := r.spanNames()["sent"]; n != 5 {
		t.Errorf("%d later spans arrived, want 5", n)
	}
}

func TestFullQueueIsCounted(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	block := make(chan struct{})
	r.setAnswer(func(http.ResponseWriter) bool { <-block; return false })
	tel, _ := start(t, env(
		"OTEL_BSP_MAX_QUEUE_SIZE", "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5",
		"OTEL_BLRP_MAX_QUEUE_SIZE", "10", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "5",
	), push(otlp.Endpoint(r.httpURL()), otlp.Metrics(otlp.Off())))
	begun := time.Now()
	emitSpans(tel, "a", 500)
	emitLogs(tel, "b", 500)
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("1000 events took %v while the receiver hung", took)
	}
	close(block)
	err := shutdown(tel, patience)
	spans, records, _ := r.counts()
	wantParts(t, err,
		fmt.Sprintf("otlp traces: %d of 500 spans not delivered", 500-spans),
		fmt.Sprintf("otlp logs: %d of 500 log records not delivered", 500-records),
		"never left the queue of 10")
	if spans == 0 || spans > 20 {
		t.Errorf("%d spans arrived, want a queue's worth", spans)
	}
}

func TestForceFlushTellsTheTruth(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	tel, _ := start(t, env(), push(append(only("traces"), otlp.Endpoint(r.httpURL()))...))
	flush := func() error {
		return tel.TracerProvider().(interface{ ForceFlush(context.Context) error }).ForceFlush(t.Context())
	}
	emitSpans(tel, "a", 3)
	if err := flush(); err != nil {
		t.Errorf("ForceFlush: %v", err)
	}
	if n, _, _ := r.counts(); n != 3 {
		t.Errorf("%d spans arrived, want 3", n)
	}
	r.setAnswer(func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusBadRequest); return true })
	emitSpans(tel, "a", 2)
	wantParts(t, flush(), "2 spans not delivered", "400 Bad Request")
}

func TestHangingCallbackDoesNotHoldUpShutdown(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	tel, _ := start(t, env(), push(append(only("metrics"), otlp.Endpoint(r.httpURL()))...))
	release := make(chan struct{})
	defer close(release)
	_, err := tel.MeterProvider().Meter("test").Int64ObservableGauge("g", metric.WithInt64Callback(
		func(context.Context, metric.Int64Observer) error { <-release; return nil }))
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	err = shutdown(tel, time.Second)
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("Shutdown took %v of 1 s", took)
	}
	wantParts(t, err, "otlp metrics: the last collection has not ended")
}

func TestFailedStartLeavesNothingBehind(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	for _, protocol := range []string{"HTTP", "gRPC"} {
		wrong := otelmail.WithExporter(failing{})
		_, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), env(), push(protocols(r)[protocol]...), wrong)
		wantParts(t, err, "this one never opens")
	}
}

// failing is an exporter that does not open.
type failing struct{}

func (failing) Open(context.Context, export.Pipeline) error {
	return errors.New("this one never opens")
}
