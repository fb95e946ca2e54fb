package otlp

import (
	"context"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// answer is what the receiver said to one request. The stock exporters return
// one kind of error for a request that was refused and for one that was taken
// but for a few items, so the transport notes the difference here.
type answer struct {
	taken    bool
	rejected int64 // of the items in a request that was taken
}

type answerKey struct{}

func withAnswer(ctx context.Context, a *answer) context.Context {
	return context.WithValue(ctx, answerKey{}, a)
}

// noteTaken records that the request of ctx was taken, with the reply to it.
func noteTaken(ctx context.Context, reply any) {
	a, ok := ctx.Value(answerKey{}).(*answer)
	if !ok {
		return
	}
	a.taken = true
	switch r := reply.(type) {
	case *coltraces.ExportTraceServiceResponse:
		a.rejected = r.GetPartialSuccess().GetRejectedSpans()
	case *colmetrics.ExportMetricsServiceResponse:
		a.rejected = r.GetPartialSuccess().GetRejectedDataPoints()
	case *collogs.ExportLogsServiceResponse:
		a.rejected = r.GetPartialSuccess().GetRejectedLogRecords()
	}
}

// newReply returns an empty reply to a request of s.
func (s signal) newReply() proto.Message {
	switch s.name {
	case traces.name:
		return new(coltraces.ExportTraceServiceResponse)
	case metrics.name:
		return new(colmetrics.ExportMetricsServiceResponse)
	}
	return new(collogs.ExportLogsServiceResponse)
}
