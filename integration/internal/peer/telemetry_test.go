package peer_test

import (
	"math"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	spanID  = "b7ad6b7169203331"
)

var resource = map[string]any{"service.name": "mail"}

// assertEqual compares two values in depth.
func assertEqual(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestTraces(t *testing.T) {
	collector := peer.StartCollector(t)
	status := post(t, collector, "/v1/traces", `{"resourceSpans":[{
		"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"mail"}}]},
		"scopeSpans":[{"scope":{"name":"otelmail","version":"1"},"spans":[{
			"traceId":"0AF7651916CD43DD8448EB211C80319C","spanId":"b7ad6b7169203331","parentSpanId":"00f067aa0ba902b7",
			"traceState":"a=b","name":"SMTP RCPT {\"resourceSpans\":[","kind":2,
			"startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000000002",
			"attributes":[
				{"key":"text","value":{"stringValue":""}},
				{"key":"yes","value":{"boolValue":false}},
				{"key":"whole","value":{"intValue":"9223372036854775807"}},
				{"key":"real","value":{"doubleValue":0.5}},
				{"key":"endless","value":{"doubleValue":"-Infinity"}},
				{"key":"bytes","value":{"bytesValue":"AQI="}},
				{"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":"0"}]}}},
				{"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}},
				{"key":"nothing","value":{}}],
			"status":{"code":2,"message":"refused"},
			"events":[{"timeUnixNano":"1700000000000000003","name":"retry","attributes":[{"key":"n","value":{"intValue":"1"}}]}],
			"links":[{"traceId":"11111111111111111111111111111111","spanId":"2222222222222222","traceState":"c=d",
				"attributes":[{"key":"why","value":{"stringValue":"queue"}}]}]
		},{
			"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203332","name":"bare","kind":77
		}]}]}]}`)
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	scope := peer.Scope{Name: "otelmail", Version: "1"}
	assertEqual(t, collector.Traces(), []peer.Span{{
		TraceID: traceID, SpanID: spanID, ParentID: "00f067aa0ba902b7", TraceState: "a=b",
		Name: `SMTP RCPT {"resourceSpans":[`, Kind: "server",
		Start: time.Unix(1700000000, 1), End: time.Unix(1700000000, 2),
		Attributes: map[string]any{
			"text": "", "yes": false, "whole": int64(math.MaxInt64), "real": 0.5, "endless": math.Inf(-1),
			"bytes": []byte{1, 2}, "list": []any{"a", int64(0)}, "map": map[string]any{"k": "v"}, "nothing": nil,
		},
		Status: "error", StatusMessage: "refused",
		Events: []peer.Event{{Name: "retry", Time: time.Unix(1700000000, 3), Attributes: map[string]any{"n": int64(1)}}},
		Links: []peer.Link{{
			TraceID: "11111111111111111111111111111111", SpanID: "2222222222222222", TraceState: "c=d",
			Attributes: map[string]any{"why": "queue"},
		}},
		Scope: scope, Resource: resource,
	}, {
		TraceID: traceID, SpanID: "b7ad6b7169203332", Name: "bare", Kind: "77", Status: "unset",
		Attributes: map[string]any{}, Scope: scope, Resource: resource,
	}})
}

func TestLogs(t *testing.T) {
	collector := peer.StartCollector(t)
	status := post(t, collector, "/v1/logs", `{"resourceLogs":[{
		"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"mail"}}]},
		"scopeLogs":[{"scope":{"name":"otelmail"},"logRecords":[{
			"timeUnixNano":"1700000000000000001","observedTimeUnixNano":"1700000000000000002",
			"severityNumber":13,"severityText":"WARN","eventName":"bounce","body":{"stringValue":"over quota"},
			"attributes":[{"key":"code","value":{"intValue":"552"}}],
			"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"
		},{}]}]}]}`)
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	scope := peer.Scope{Name: "otelmail"}
	assertEqual(t, collector.Logs(), []peer.Log{{
		Time: time.Unix(1700000000, 1), Observed: time.Unix(1700000000, 2),
		Severity: "WARN", SeverityNumber: 13, EventName: "bounce", Body: "over quota",
		Attributes: map[string]any{"code": int64(552)}, TraceID: traceID, SpanID: spanID,
		Scope: scope, Resource: resource,
	}, {
		Attributes: map[string]any{}, Scope: scope, Resource: resource,
	}})
}
