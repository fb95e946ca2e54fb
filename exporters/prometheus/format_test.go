package prometheus_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/rusmes/otelmail/exporters/prometheus"
)

const (
	wantsOpenMetrics = "Accept: application/openmetrics-text; version=1.0.0"
	wantsProtobuf    = "Accept: application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)

// exemplarPage records one value inside a sampled span.
func exemplarPage(t *testing.T) (url string) {
	t.Helper()
	reader, mp, _ := newReader(t, func(err error) { t.Error(err) })
	h, err := mp.Meter("app").Float64Histogram("app_work_seconds")
	if err != nil {
		t.Fatal(err)
	}
	span := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0xab, 15: 0xcd}, SpanID: trace.SpanID{0x12, 7: 0x34}, TraceFlags: trace.FlagsSampled,
	})
	h.Record(trace.ContextWithSpanContext(t.Context(), span), 0.3)
	return serve(t, newHandler(t, reader, prometheus.WithoutRuntimeMetrics()))
}

const traceID = "ab0000000000000000000000000000cd"

func TestOpenMetricsShowsTheTraceOfAnExemplar(t *testing.T) {
	page := get(t, exemplarPage(t), wantsOpenMetrics)
	if got := page.header.Get("Content-Type"); !strings.HasPrefix(got, "application/openmetrics-text; version=1.0.0") {
		t.Errorf("Content-Type %q", got)
	}
	if !strings.HasSuffix(page.body, "\n# EOF\n") {
		t.Error("no # EOF at the end")
	}
	line := regexp.MustCompile(`(?m)^app_work_seconds_bucket\{le="5\.0"\} 1 # (.*)$`).FindStringSubmatch(page.body)
	if line == nil || !strings.Contains(line[1], `trace_id="`+traceID+`"`) || !strings.Contains(line[1], `span_id="1200000000000034"`) {
		t.Errorf("no exemplar with the trace id: %q", line)
	}
	// Without exemplars and EOF it must be a page that the classic parser accepts.
	classic := regexp.MustCompile(`(?m) # \{.*$`).ReplaceAllString(page.body, "")
	if err := parseText(classic); err != nil {
		t.Error(err)
	}
}

func TestProtobufShowsTheTraceOfAnExemplar(t *testing.T) {
	all := families(t, get(t, exemplarPage(t), wantsProtobuf))
	for _, b := range all["app_work_seconds"].GetMetric()[0].GetHistogram().GetBucket() {
		for _, l := range b.GetExemplar().GetLabel() {
			if l.GetName() == "trace_id" && l.GetValue() == traceID {
				return
			}
		}
	}
	t.Error("no exemplar with the trace id")
}

func TestFormats(t *testing.T) {
	reader, _, _ := newReader(t, func(err error) { t.Error(err) })
	// In OpenMetrics two of the go_* series share a family name, which the parser
	// for the classic text does not accept.
	url := serve(t, newHandler(t, reader, prometheus.WithoutRuntimeMetrics()))
	for _, tc := range []struct{ accept, contentType string }{
		{"", "text/plain; version=0.0.4; charset=utf-8"},
		{"*/*", ""}, // whatever comes first
		{"text/html", "text/plain; version=0.0.4"},
		{"text/plain", "text/plain; version=0.0.4"},
		{"application/openmetrics-text", "application/openmetrics-text; version=0.0.1"},
		{"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8,text/plain;q=0.5", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"},
		{strings.TrimPrefix(wantsProtobuf, "Accept: "), "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"},
		{"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text"},
		{";;;q=x,,\x7f", "text/plain; version=0.0.4"},
	} {
		page := get(t, url, "Accept: "+strings.TrimRight(tc.accept, "\x7f"))
		got := page.header.Get("Content-Type")
		if page.code != 200 || !strings.HasPrefix(got, tc.contentType) {
			t.Errorf("Accept %q: %d, Content-Type %q, want %q", tc.accept, page.code, got, tc.contentType)
			continue
		}
		switch {
		case strings.HasPrefix(got, "text/plain"), strings.Contains(got, "delimited"):
			if n := len(families(t, page)); n < 31 {
				t.Errorf("Accept %q: %d families", tc.accept, n)
			}
		case strings.Contains(got, "openmetrics"):
			if err := parseText(page.body); err != nil {
				t.Errorf("Accept %q: %v", tc.accept, err)
			}
		default:
			first, _, _ := strings.Cut(page.body, "\n\n")
			if err := prototext.Unmarshal([]byte(first), &dto.MetricFamily{}); err != nil {
				t.Errorf("Accept %q: %v", tc.accept, err)
			}
		}
	}
}

func TestWithoutOpenMetrics(t *testing.T) {
	reader, _, _ := newReader(t, func(err error) { t.Error(err) })
	page := get(t, serve(t, newHandler(t, reader, prometheus.WithoutOpenMetrics())), wantsOpenMetrics)
	if got := page.header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("Content-Type %q", got)
	}
	families(t, page)
}

func TestCompression(t *testing.T) {
	reader, _, _ := newReader(t, func(err error) { t.Error(err) })
	url := serve(t, newHandler(t, reader, prometheus.WithoutRuntimeMetrics()))
	plain := get(t, url)
	for accept, zipped := range map[string]bool{
		"gzip": true, "GZIP": true, "br, gzip;q=0.5": true, "deflate,gzip ; q=1.0": true,
		"": false, "identity": false, "gzip;q=0": false, "gzip;q=0.000": false, "*": false, "gzip;q=NaN": false, "xgzip": false,
	} {
		page := get(t, url, "Accept-Encoding: "+accept)
		if got := page.header.Get("Content-Encoding") == "gzip"; got != zipped {
			t.Errorf("Accept-Encoding %q: compressed %v", accept, got)
			continue
		}
		body := page.body
		if zipped {
			body = gunzip(t, body)
		}
		if body != plain.body {
			t.Errorf("Accept-Encoding %q: another page", accept)
		}
		if vary := page.header.Get("Vary"); vary != "Accept, Accept-Encoding" {
			t.Errorf("Vary %q", vary)
		}
	}
}

func TestMethods(t *testing.T) {
	reader, _, _ := newReader(t, func(err error) { t.Error(err) })
	url := serve(t, newHandler(t, reader, prometheus.WithoutRuntimeMetrics()))
	whole := get(t, url)
	head := ask(t, plainClient, http.MethodHead, url)
	if head.code != 200 || head.body != "" || head.header.Get("Content-Length") != whole.header.Get("Content-Length") ||
		head.header.Get("Content-Type") != whole.header.Get("Content-Type") {
		t.Errorf("HEAD: %+v", head)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, "NONSENSE"} {
		r := ask(t, plainClient, method, url)
		if r.code != http.StatusMethodNotAllowed || r.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, r.code, r.header.Get("Allow"))
		}
	}
}
