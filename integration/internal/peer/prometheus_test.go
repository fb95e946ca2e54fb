package peer_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

const patience = time.Minute

// servePage serves one page of metrics, in OpenMetrics; /closed needs the password "open".
func servePage(t *testing.T, page string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "open" && r.URL.Path == "/closed" {
			http.Error(w, "who is there?", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
		fmt.Fprint(w, page)
	}))
	t.Cleanup(server.Close)
	return server
}

const page = `# TYPE mail counter
mail_total{tls="no"} 3
mail_total{tls="yes"} 4
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.5"} 1 # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"} 0.25
latency_seconds_bucket{le="+Inf"} 1
latency_seconds_count 1
latency_seconds_sum 0.25
# EOF
`

func TestPrometheusScrapes(t *testing.T) {
	server := servePage(t, page)
	prometheus := peer.StartPrometheus(t, strings.TrimPrefix(server.URL, "http://"))
	prometheus.WaitUp(patience)

	if got := prometheus.Targets(); len(got) != 1 || got[0].URL != server.URL+"/metrics" || got[0].Health != "up" || got[0].LastError != "" {
		t.Errorf("targets %+v", got)
	}
	samples := prometheus.Query(`sort(mail_total{job="otelmail"})`)
	if len(samples) != 2 || samples[0].Value != 3 || samples[1].Value != 4 || samples[1].Labels["tls"] != "yes" {
		t.Errorf("mail_total: %+v", samples)
	} else if age := time.Since(samples[0].Time); age.Abs() > time.Minute {
		t.Errorf("mail_total is of %v, want now", samples[0].Time)
	}
	if scalar := prometheus.Query("1 / 0"); len(scalar) != 1 || !math.IsInf(scalar[0].Value, 1) {
		t.Errorf("1 / 0: %+v", scalar)
	}
	now := time.Now().Truncate(time.Millisecond)
	series := prometheus.QueryRange(`mail_total{tls="yes"} / 0`, now.Add(-time.Hour), now, 30*time.Minute)
	if len(series) != 1 || series[0].Labels["tls"] != "yes" || len(series[0].Samples) != 1 || !math.IsInf(series[0].Samples[0].Value, 1) {
		t.Errorf("mail_total / 0 within the last hour: %+v", series)
	}
	times := prometheus.QueryRange("time()", now.Add(-time.Hour), now, 30*time.Minute)
	if len(times) != 1 || len(times[0].Samples) != 3 {
		t.Fatalf("time() each half hour: %+v", times)
	}
	for i, at := range times[0].Samples {
		if want := now.Add(time.Duration(i-2) * 30 * time.Minute); !at.Time.Equal(want) || math.Abs(at.Value-float64(want.UnixMilli())/1000) > 1e-3 {
			t.Errorf("%d: time() is %v at %v, want that of %v", i, at.Value, at.Time, want)
		}
	}
	if none := prometheus.Query("nonesuch"); len(none) != 0 {
		t.Errorf("nonesuch: %+v", none)
	}

	peer.Eventually(t, patience, func() error {
		exemplars := prometheus.Exemplars("latency_seconds_bucket")
		if len(exemplars) != 1 {
			return fmt.Errorf("%d exemplars, want 1", len(exemplars))
		}
		if one := exemplars[0]; one.Value != 0.25 || one.Labels["trace_id"] != traceID || one.Labels["span_id"] != spanID || one.Series["le"] != "0.5" {
			return fmt.Errorf("exemplar %+v", one)
		}
		return nil
	})
	prometheus.Stop()
	prometheus.Stop() // a second one does nothing
}

func TestPrometheusSaysWhyATargetIsDown(t *testing.T) {
	server := servePage(t, "no metrics at all\n# EOF\n")
	prometheus := peer.StartPrometheus(t, server.URL+"/broken", server.URL+"/closed")
	peer.Eventually(t, patience, func() error {
		why := map[string]string{}
		for _, target := range prometheus.Targets() {
			if target.Health == "down" {
				why[target.URL] = target.LastError
			}
		}
		if why[server.URL+"/broken"] == "" || !strings.Contains(why[server.URL+"/closed"], "401") {
			return fmt.Errorf("down: %v", why)
		}
		return nil
	})
}

func TestPrometheusWithSettingsAndRules(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	err := os.WriteFile(rules, []byte("groups: [{name: g, rules: [{alert: Mail, expr: mail_total > 3}]}]"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	prometheus := peer.StartPrometheusWith(t,
		peer.WithTargets(servePage(t, page).URL+"/closed"),
		peer.WithScrapeSettings("basic_auth:\n  username: me\n  password: open"),
		peer.WithRules(rules))
	prometheus.WaitUp(patience)
	peer.Eventually(t, patience, func() error {
		alerts := prometheus.Query(`ALERTS{alertname="Mail",alertstate="firing"}`)
		if len(alerts) != 1 || alerts[0].Labels["tls"] != "yes" {
			return fmt.Errorf("alerts %+v", alerts)
		}
		return nil
	})
}

// A further job scrapes in its own way, and a range has the samples as they were scraped.
func TestPrometheusWithTwoJobs(t *testing.T) {
	server := servePage(t, page)
	prometheus := peer.StartPrometheusWith(t, peer.WithTargets(server.URL),
		peer.WithJob("open", server.URL+"/closed", "basic_auth: {username: me, password: open}"))
	prometheus.WaitUp(patience)
	var series []peer.Series
	peer.Eventually(t, patience, func() error {
		series = prometheus.Samples(time.Now(), `mail_total{job="open",tls="no"}[1h]`)
		if len(series) != 1 || len(series[0].Samples) < 2 {
			return fmt.Errorf("samples %+v", series)
		}
		return nil
	})
	first, second := series[0].Samples[0], series[0].Samples[1]
	if first.Value != 3 || second.Value != 3 || !first.Time.Before(second.Time) {
		t.Errorf("samples %+v", series)
	}
	at := prometheus.QueryAt(first.Time, `timestamp(mail_total{job="open",tls="no"})`)
	if want := float64(first.Time.UnixMilli()) / 1000; len(at) != 1 || at[0].Value != want {
		t.Errorf("the sample of %v is of %+v", want, at)
	}
}

// The histogram comes as an exponential one, which Prometheus keeps as a native one.
func TestPrometheusTakesOTLP(t *testing.T) {
	prometheus := peer.StartPrometheusWith(t, peer.WithOTLPReceiver())
	now := time.Now().UnixNano()
	// The receiver speaks protobuf only, so a collector translates.
	collector := peer.StartCollector(t, peer.WithConfig(fmt.Sprintf(`
exporters: {otlp_http: {metrics_endpoint: %q}}
service: {pipelines: {metrics: {exporters: [otlp_http]}}}`, prometheus.OTLPMetricsURL())))
	status := post(t, collector, "/v1/metrics", fmt.Sprintf(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
		{"name":"pushed","gauge":{"dataPoints":[{"timeUnixNano":"%d","asInt":"5"}]}},
		{"name":"native","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"%d",
			"count":"4","sum":8,"positive":{"bucketCounts":["4"]}}]}}]}]}]}`, now, now))
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	peer.Eventually(t, patience, func() error {
		if pushed := prometheus.Query("pushed"); len(pushed) != 1 || pushed[0].Value != 5 {
			return fmt.Errorf("pushed: %+v", pushed)
		}
		native := prometheus.Query("native")
		if len(native) != 1 || !reflect.DeepEqual(native[0].Histogram, &peer.SampleHistogram{Count: 4, Sum: 8, Buckets: map[string]float64{"2": 4}}) {
			return fmt.Errorf("native: %+v", native)
		}
		return nil
	})
}
