package prometheus_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
)

// The SDK serves /metrics, /health, /ready and /live. Without WithAddress that
// is on 0.0.0.0:9090.
func ExampleServe() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, prometheus.Serve(prometheus.WithAddress("127.0.0.1:0")))
	if err != nil {
		log.Fatal(err)
	}
	// … the mail server runs …
	if err := tel.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
}

// An application with its own MeterProvider and mux mounts the handler on the mux.
func ExampleNewHandler() {
	reader, err := otelmail.NewReader()
	if err != nil {
		log.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(reader.Views()...))
	tel, err := otelmail.New(otelmail.WithMeterProvider(provider))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()

	metrics, err := prometheus.NewHandler(reader)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/internal/metrics", metrics)

	tel.Queue.Size.Set(12)

	server := httptest.NewServer(mux)
	defer server.Close()
	res, err := http.Get(server.URL + "/internal/metrics")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "rusmes_queue_size") {
			fmt.Print(line)
		}
	}
	// Output: rusmes_queue_size 12
}

// Where the page is, who may read it, and what stands beside it.
func ExampleServe_options() {
	ctx := context.Background()
	admin := http.NotFoundHandler()
	tel, err := otelmail.Start(ctx, prometheus.Serve(
		prometheus.WithAddress("127.0.0.1:0"),
		prometheus.WithPath("/internal/metrics"),
		prometheus.WithBasicAuth("prometheus", "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"), // or WithWebConfigFile
		prometheus.WithPage("/admin", admin),
		prometheus.WithPprof(), // /debug/pprof/, for whoever has the password
	))
	if err != nil {
		log.Fatal(err)
	}
	if err := tel.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
}

// TLS, users and rate limits in the file that Prometheus's own exporters take.
func ExampleWithWebConfigFile() {
	prometheus.Serve(prometheus.WithWebConfigFile("/etc/mymail/web.yml", webconfig.Read))
}

// Where the web configuration file demands client certificates, an orchestrator that has
// none asks on another port.
func ExampleWithProbeAddress() {
	ctx := context.Background()
	server := prometheus.NewServer(
		prometheus.WithAddress("127.0.0.1:0"),      // with WithWebConfigFile
		prometheus.WithProbeAddress("127.0.0.1:0"), // ":8081" in production
	)
	tel, err := otelmail.Start(ctx, otelmail.WithExporter(server))
	if err != nil {
		log.Fatal(err)
	}
	res, err := http.Get("http://" + server.ProbeAddr().String() + "/live")
	if err != nil {
		log.Fatal(err)
	}
	_ = res.Body.Close()
	fmt.Println(res.Status)
	if err := tel.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: 200 OK
}

// On a Unix socket, and on one that systemd has opened: for those of this host alone who may
// write to its file.
func ExampleWithAddress() {
	prometheus.Serve(prometheus.WithAddress("unix:/run/mymail/metrics.sock"))
	prometheus.Serve(prometheus.WithAddress("systemd:metrics")) // FileDescriptorName=metrics
}

// What else is on the page, and what bounds a scrape.
func ExampleNewHandler_options() {
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals(), otelmail.WithNamespace("mymail"))
	if err != nil {
		log.Fatal(err)
	}
	jobs := prom.NewGauge(prom.GaugeOpts{Name: "mymail_jobs"})
	_, err = prometheus.NewHandler(tel.Reader(),
		prometheus.WithCollectors(jobs),
		prometheus.WithGatherers(prom.DefaultGatherer),
		prometheus.WithoutRuntimeMetrics(), // process_* and go_* come from the gatherer
		prometheus.WithoutOpenMetrics(),    // Content-Type text/plain or protobuf alone
		prometheus.WithMaxConcurrentScrapes(2),
		prometheus.WithScrapeTimeout(5*time.Second),
		prometheus.WithErrorHandler(func(err error) { log.Print("metrics: ", err) }),
	)
	fmt.Println(err)
	// Output: <nil>
}

// The registry that the application's own series are in is on the page, too.
func ExampleWithGatherers() {
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	registry := prom.NewRegistry()
	registry.MustRegister(prom.NewGaugeFunc(prom.GaugeOpts{Name: "mymail_aliases"}, func() float64 { return 40 }))

	metrics, err := prometheus.NewHandler(tel.Reader(), prometheus.WithGatherers(registry))
	if err != nil {
		log.Fatal(err)
	}
	page := httptest.NewRecorder()
	metrics.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(page.Body.String()) {
		if strings.HasPrefix(line, "mymail_aliases ") || strings.HasPrefix(line, "rusmes_queue_size ") {
			fmt.Print(line)
		}
	}
	// Output:
	// mymail_aliases 40
	// rusmes_queue_size 0
}
