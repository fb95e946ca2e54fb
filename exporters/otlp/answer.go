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
	a.rejected, _ = partialSuccess(reply)
}

// partialSuccess is what a reply says of items that were not taken, and why; the
// reason may also be a warning about items that were.
func partialSuccess(reply any) (rejected int64, text string) {
	switch r := reply.(type) {
	case *coltraces.ExportTraceServiceResponse:
		return r.GetPartialSuccess().GetRejectedSpans(), r.GetPartialSuccess().GetErrorMessage()
	case *colmetrics.ExportMetricsServiceResponse:
		return r.GetPartialSuccess().GetRejectedDataPoints(), r.GetPartialSuccess().GetErrorMessage()
	case *collogs.ExportLogsServiceResponse:
		return r.GetPartialSuccess().GetRejectedLogRecords(), r.GetPartialSuccess().GetErrorMessage()
	}
	return 0, ""
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
