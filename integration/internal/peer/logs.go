package peer

import (
	"slices"
	"time"
)

// Log is a log record as the Collector received it.
type Log struct {
	Time           time.Time // when it happened; zero when not given
	Observed       time.Time // when it was collected
	Severity       string    // as the source calls it: INFO, WARN, ...
	SeverityNumber int       // 1 to 24 as OTLP defines them (9 is INFO, 17 is ERROR); 0 when not given
	EventName      string
	Body           any // a string for most; else any type an attribute can have
	Attributes     map[string]any
	TraceID        string // 32 hexadecimal digits, empty outside a trace
	SpanID         string // 16 hexadecimal digits, empty outside a span
	Scope          Scope
	Resource       map[string]any
	SchemaURL      string // of the resource
}

type wireLogs struct {
	ResourceLogs []struct {
		Resource  wireResource
		SchemaURL string
		ScopeLogs []struct {
			Scope      wireScope
			SchemaURL  string
			LogRecords []struct {
				Time           int64 `json:"timeUnixNano,string"`
				Observed       int64 `json:"observedTimeUnixNano,string"`
				SeverityNumber int
				SeverityText   string
				EventName      string
				Body           wireValue
				Attributes     wireAttributes
				TraceID        string
				SpanID         string
			}
		}
	}
}

// Logs returns every log record received so far, in the order of arrival.
func (c *Collector) Logs() []Log {
	c.t.Helper()
	return slices.Concat(c.LogRequests()...)
}

// LogRequests returns the log records received so far, grouped by request.
func (c *Collector) LogRequests() [][]Log {
	c.t.Helper()
	var requests [][]Log
	for _, batch := range readBatches[wireLogs](c, logs, `{"resourceLogs":[`) {
		requests = append(requests, batch.flatten())
	}
	return requests
}

func (batch wireLogs) flatten() []Log {
	var records []Log
	for _, resource := range batch.ResourceLogs {
		attributes := resource.Resource.Attributes.asMap()
		for _, scope := range resource.ScopeLogs {
			for _, wire := range scope.LogRecords {
				records = append(records, Log{
					Time: instant(wire.Time), Observed: instant(wire.Observed),
					Severity: wire.SeverityText, SeverityNumber: wire.SeverityNumber,
					EventName: wire.EventName, Body: wire.Body.value(), Attributes: wire.Attributes.asMap(),
					TraceID: wire.TraceID, SpanID: wire.SpanID,
					Scope: scope.Scope.of(scope.SchemaURL), Resource: attributes, SchemaURL: resource.SchemaURL,
				})
			}
		}
	}
	return records
}
