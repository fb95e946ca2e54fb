package prometheus_test

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

var update = flag.Bool("update", false, "write the golden scrapes anew")

// golden compares a page with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", file, firstDifference(string(want), got))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "want " + w[i] + "\ngot  " + g[i]
		}
	}
	return "one is a part of the other"
}

func TestGoldenCatalogueBeforeAnyEvent(t *testing.T) {
	reader, _, _ := newReader(t, func(err error) { t.Error(err) })
	url := serve(t, newHandler(t, reader, prometheus.WithoutRuntimeMetrics()))
	page := get(t, url)
	if page.code != 200 {
		t.Fatal(page.code, page.body)
	}
	golden(t, "catalogue.txt", strings.NewReplacer(runtime.Version(), "GO", `otelmail="`+otelmail.Version+`"`, `otelmail="VERSION"`).Replace(page.body))
}

// applicationPage records into instruments of an application's own, whose names
// get the usual translation.
func applicationPage(t *testing.T, accept string) string {
	t.Helper()
	reader, mp, _ := newReader(t, func(err error) { t.Error(err) })
	ctx := t.Context()
	meter := mp.Meter("example.org/app", metric.WithInstrumentationVersion("1.2.3"))
	latency, err := meter.Float64Histogram("http.server.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of HTTP server requests."), metric.WithExplicitBucketBoundaries(0.1, 1))
	if err != nil {
		t.Fatal(err)
	}
	latency.Record(ctx, 0.25, metric.WithAttributes(attribute.String("http.route", "/jmap/api")))
	spam, err := meter.Int64Counter("spam.verdicts", metric.WithDescription("Verdicts."))
	if err != nil {
		t.Fatal(err)
	}
	spam.Add(ctx, 3, metric.WithAttributes(attribute.String("verdict", "ham \"quoted\"\nsecond line")))
	size, err := meter.Int64UpDownCounter("cache.size", metric.WithUnit("By"))
	if err != nil {
		t.Fatal(err)
	}
	size.Add(ctx, 4096)
	url := serve(t, newHandler(t, reader, prometheus.WithoutRuntimeMetrics()))
	page := get(t, url+"?name[]=http_server_request_duration_seconds&name[]=spam_verdicts_total"+
		"&name[]=cache_size_bytes&name[]=rusmes_mailboxes_total", "Accept: "+accept)
	if page.code != 200 {
		t.Fatal(page.code, page.body)
	}
	return page.body
}

func TestGoldenApplication(t *testing.T) {
	golden(t, "application.txt", applicationPage(t, "text/plain"))
	golden(t, "application.openmetrics", applicationPage(t, "application/openmetrics-text; version=1.0.0"))
}

func TestPageIsClean(t *testing.T) {
	reader, _, _ := newReader(t, func(err error) { t.Error(err) })
	page := get(t, serve(t, newHandler(t, reader)))
	problems, err := promlint.New(strings.NewReader(page.body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	// These two names are what operators rely on.
	allowed := map[string]bool{"rusmes_mailboxes_total": true, "rusmes_messages_total": true}
	for _, p := range problems {
		if !allowed[p.Metric] {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
		delete(allowed, p.Metric)
	}
	if len(allowed) > 0 {
		t.Errorf("gauges renamed or of another type: %v", allowed)
	}
	for _, unwanted := range []string{"otel_scope_", "target_info"} {
		if strings.Contains(page.body, unwanted) {
			t.Errorf("%s is on the page", unwanted)
		}
	}
	for _, name := range []string{"process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds", "go_goroutines"} {
		if !strings.Contains(page.body, "\n"+name+" ") {
			t.Errorf("%s is missing", name)
		}
	}
}

// TestAnIdleServersPageIsShort: the whole page, with what Go and the process say.
func TestAnIdleServersPageIsShort(t *testing.T) {
	page := get(t, start(t).url+"/metrics")
	if lines := strings.Count(page.body, "\n"); page.code != http.StatusOK || lines >= 600 || len(page.body) >= 100_000 || lines < 300 {
		t.Errorf("status %d, %d lines, %d bytes; want fewer than 600 lines and 100,000 bytes", page.code, lines, len(page.body))
	} else {
		t.Logf("%d lines, %d bytes", lines, len(page.body))
	}
}
