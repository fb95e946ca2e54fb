package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/integration/internal/peer"
)

// The formats of /metrics, as a client asks for them and as Prometheus calls them.
var pageFormats = []struct{ name, accept, protocol string }{
	{"text", "text/plain;version=0.0.4", "PrometheusText0.0.4"},
	{"openmetrics", "application/openmetrics-text;version=1.0.0", "OpenMetricsText1.0.0"},
	{"protobuf", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "PrometheusProto"},
}

// TestOneStateEveryWay: what one Telemetry has recorded is the same number for every series,
// every label set and every bucket by each way out, as Prometheus and the Collector have it:
// the page as text, OpenMetrics and protobuf, with classic and with native histograms; OTLP
// with totals and with differences, with classic and with exponential histograms.
func TestOneStateEveryWay(t *testing.T) {
	t.Parallel()
	ways := startWays(t)
	somethingOfEverything(t, ways.tel)
	added := func() page { return withSumsOf(ways.shown(t), sumOf(ways.differences)) }
	ways.same(t, "the Collector, of the first differences", added)
	somethingOfEverything(t, ways.tel) // further differences say that
	scraper := startScraper(t, ways.page, ways.native)
	ways.wantAllMoved(t)

	for _, format := range pageFormats {
		ways.same(t, "the page as "+format.name, func() page { return readFormat(t, ways.page.URL, format.accept) })
		ways.same(t, "Prometheus, of the page as "+format.name, func() page { return heldBy(scraper, format.name) })
	}
	ways.same(t, "Prometheus, of totals", func() page { return heldBy(ways.receivers["cumulative"], "") })
	ways.same(t, "Prometheus, of differences", func() page { return withSumsOf(ways.shown(t), heldBy(ways.receivers["delta"], "")) })
	ways.same(t, "the Collector, of totals", func() page { return lastOf(ways.totals) })
	ways.same(t, "the Collector, of the sum of all differences", added)

	// Native histograms have the same count and sum as those with the documented buckets, and
	// buckets of their own, which are the same by each way.
	native := func() page { return heldBy(scraper, "native") }
	ways.compare(t, "Prometheus, of native histograms", func() (got, want page) {
		return withoutBuckets(native()), withoutBuckets(ways.shown(t))
	})
	peer.Eventually(t, patience, func() error { return wholeBuckets(native()) })
	for _, name := range []string{"exponential cumulative", "exponential delta"} {
		ways.compare(t, "Prometheus, of OTLP, "+name, func() (got, want page) {
			want = native()
			return withSumsOf(want, heldBy(ways.receivers[name], "")), want
		})
	}
}

// ways are the ways out of one Telemetry.
type ways struct {
	tel                 *otelmail.Telemetry
	page, native        *httptest.Server            // /metrics, and with native histograms
	receivers           map[string]*peer.Prometheus // of OTLP
	totals, differences *peer.Collector
}

func startWays(t *testing.T) *ways {
	t.Helper()
	w := &ways{receivers: map[string]*peer.Prometheus{}, totals: peer.StartCollector(t), differences: peer.StartCollector(t)}
	options := []otelmail.StartOption{
		otelmail.WithoutGlobals(), otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		otelmail.WithService("ways", "1"), otelmail.WithHashKey([]byte("a key for this test only")),
		otelmail.WithLogHandler(slog.NewTextHandler(io.Discard, nil)),
		otelmail.WithCheck("storage", func(context.Context) error { return nil }),
		otelmail.WithCheck("relay", failsLater(), health.Interval(10*time.Millisecond)),
	}
	push := func(temporality otlp.Preference, url string) *otlp.Pusher {
		return otlp.NewPusher(otlp.Metrics(otlp.Endpoint(url)), otlp.Temporality(temporality), otlp.Interval(time.Second))
	}
	for temporality, collector := range map[otlp.Preference]*peer.Collector{otlp.Cumulative: w.totals, otlp.Delta: w.differences} {
		name := temporality.String()
		w.receivers[name] = peer.StartPrometheusWith(t, peer.WithOTLPReceiver(), peer.WithFlags("--enable-feature=otlp-deltatocumulative"))
		w.receivers["exponential "+name] = peer.StartPrometheusWith(t, peer.WithOTLPReceiver(), peer.WithFlags("--enable-feature=otlp-deltatocumulative"))
		exponential := push(temporality, w.receivers["exponential "+name].OTLPMetricsURL())
		options = append(options,
			otelmail.WithExporter(push(temporality, "http://"+collector.HTTP()+"/v1/metrics")),
			otelmail.WithExporter(push(temporality, w.receivers[name].OTLPMetricsURL())),
			otelmail.WithExporter(export.Func(func(ctx context.Context, p export.Pipeline) error {
				return exponential.Open(ctx, exponentialHistograms{p})
			})))
	}
	var native sdkmetric.Producer
	options = append(options, otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		native = p.NewReader(sdkmetric.CumulativeTemporalitySelector, true)
		p.AddSpanProcessor(sdktrace.NewSimpleSpanProcessor(tracetest.NewNoopExporter())) // so that there are exemplars
		return nil
	})))
	var err error
	if w.tel, err = otelmail.Start(t.Context(), options...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.tel.Shutdown(context.Background()) }) // its last push is not looked at
	w.page, w.native = servePage(t, w.tel.Reader()), servePage(t, native)
	return w
}

// exponentialHistograms is the environment in which a push sends these.
type exponentialHistograms struct{ export.Pipeline }

func (exponentialHistograms) LookupEnv(name string) (value string, set bool) {
	if name == "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION" {
		return "base2_exponential_bucket_histogram", true
	}
	return "", false
}

func servePage(t *testing.T, producer sdkmetric.Producer) *httptest.Server {
	t.Helper()
	handler, err := prometheus.NewHandler(producer, prometheus.WithoutRuntimeMetrics(),
		prometheus.WithErrorHandler(func(error) {})) // a busy machine may be late, and what is missing shows
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// shown is the page as text.
func (w *ways) shown(t *testing.T) page {
	t.Helper()
	return readFormat(t, w.page.URL, pageFormats[0].accept)
}

// startScraper starts a Prometheus that scrapes /metrics in each of its formats, and another
// page of the same series with native histograms. The jobs have the names of the formats.
func startScraper(t *testing.T, page, native *httptest.Server, more ...peer.PrometheusOption) *peer.Prometheus {
	t.Helper()
	const slow = "scrape_interval: 2s\nscrape_timeout: 2s\n" // a busy machine may take a second for anything
	for _, format := range pageFormats {
		more = append(more, peer.WithJob(format.name, page.URL, slow+"scrape_protocols: ["+format.protocol+"]"))
	}
	server := peer.StartPrometheusWith(t, append(more, peer.WithJob("native", native.URL, slow+"scrape_native_histograms: true"))...)
	server.WaitUp(patience)
	return server
}

// whileWaiting are the series that change though nothing happens: with the time, or with each
// push and scrape.
var whileWaiting = []string{
	"queue_oldest_age_seconds", "disk_free_ratio", "inode_free_ratio",
	"telemetry_sent_total", "telemetry_source_age_seconds", "telemetry_waiting",
}

// atRestNow is the page without the values that change meanwhile, but with their names; and
// without what only a page has.
func atRestNow(p page) page {
	p = maps.Clone(p)
	for series := range p {
		for _, name := range whileWaiting {
			if rest, found := strings.CutPrefix(series, namespace+"_"+name); found && (rest == "" || rest[0] == '{') {
				p[series] = 0
			}
		}
		if strings.HasPrefix(series, namespace+"_telemetry_scrape_errors_total") {
			delete(p, series)
		}
	}
	return p
}

// same wants a way to come to the numbers that the page shows.
func (w *ways) same(t *testing.T, name string, read func() page) {
	t.Helper()
	w.compare(t, name, func() (got, want page) { return read(), w.shown(t) })
}

// compare waits until two ways have the same numbers. If they never have, the table of what is
// different ends the test.
func (w *ways) compare(t *testing.T, name string, read func() (got, want page)) {
	t.Helper()
	peer.Eventually(t, patience, func() error {
		got, want := read()
		if all := differences(name, atRestNow(got), atRestNow(want)); len(all) > 0 {
			return fmt.Errorf("%d of %d series are different:\n%s", len(all), len(want), strings.Join(all, "\n"))
		}
		return nil
	})
}

// wantAllMoved wants each series of the Catalog to be more than 0, but for those that cannot.
// failsLater is a check that is healthy once and then never again.
func failsLater() func(context.Context) error {
	var runs atomic.Int64
	return func(context.Context) error {
		if runs.Add(1) > 1 {
			return errors.New("away")
		}
		return nil
	}
}

func (w *ways) wantAllMoved(t *testing.T) {
	t.Helper()
	peer.Eventually(t, patience, func() error { // a block list is asked in the background
		return notMoved(w.shown(t))
	})
}

func notMoved(p page) error {
	var all []error
	for _, m := range otelmail.Catalog() {
		name := m.FullName(namespace)
		if m.Kind == catalog.Histogram {
			name += "_count"
		}
		moved := slices.ContainsFunc(slices.Collect(maps.Keys(p)), func(series string) bool {
			rest, ours := strings.CutPrefix(series, name)
			return ours && (rest == "" || rest[0] == '{') && p[series] > 0
		})
		if why := neverMoves[m.Name]; moved == (why != "") {
			all = append(all, fmt.Errorf("%s moves: %t; why it does not: %q", m.Name, moved, why))
		}
	}
	return errors.Join(all...)
}
