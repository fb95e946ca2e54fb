package servers

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/mailconv"
)

// counts is what a server in another process has counted, as its page and its spans.
type counts struct {
	seen  map[string]int64 // spans
	spans []sdktrace.ReadOnlySpan
}

func (c *counts) read(url string) (page string, err error) {
	answer, err := http.Get(url)
	if err != nil {
		return "", fmt.Errorf("read the counts: %w", err)
	}
	defer answer.Body.Close()
	var all map[string]int64
	if err := json.NewDecoder(answer.Body).Decode(&all); err != nil {
		return "", fmt.Errorf("read the counts: %w", err)
	}
	if c.seen == nil {
		c.seen = map[string]int64{}
	}
	var b strings.Builder
	for name, n := range all {
		span, ok := strings.CutPrefix(name, "span ")
		if !ok {
			fmt.Fprintf(&b, "rusmes_%s %d\n", name, n)
			continue
		}
		for ; c.seen[span] < n; c.seen[span]++ {
			c.spans = append(c.spans, SpanOf(span))
		}
	}
	return b.String(), nil
}

// SpanOf is another span of which the name and the reply are known: "SMTP RCPT 250", "SMTP session".
func SpanOf(name string) sdktrace.ReadOnlySpan {
	var id trace.SpanID
	binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	stub := tracetest.SpanStub{Name: name, SpanContext: trace.NewSpanContext(trace.SpanContextConfig{SpanID: id})}
	if !strings.HasSuffix(name, " session") {
		protocol, _, _ := strings.Cut(name, " ")
		at := strings.LastIndexByte(name, ' ')
		status := map[string]attribute.Key{"SMTP": "smtp.response.status_code", "POP3": mailconv.POP3StatusKey}[protocol]
		stub.Name, stub.Attributes = name[:at], []attribute.KeyValue{status.String(name[at+1:])}
	}
	return stub.Snapshot()
}
