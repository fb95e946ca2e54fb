package otelmail_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
)

// promised is what operators rely on: dashboards, alerts and probes are written
// against these names, types, labels and bounds. It is typed out here, and not
// taken from the Catalog, because it is what the Catalog is checked against.
var promised = []struct {
	name   string
	kind   catalog.Kind
	label  string
	values []string // nil for an open label
	bounds []float64
}{
	{name: "rusmes_smtp_connections_total"},
	{name: "rusmes_smtp_messages_received_total"},
	{name: "rusmes_smtp_messages_sent_total"},
	{name: "rusmes_smtp_errors_total"},
	{name: "rusmes_smtp_auth_success_total"},
	{name: "rusmes_smtp_auth_failure_total"},
	{name: "rusmes_smtp_messages_rejected_total"},
	{name: "rusmes_smtp_connections_rejected_blocked_total"},
	{name: "rusmes_smtp_connections_rejected_overload_total"},
	{name: "rusmes_imap_connections_total"},
	{name: "rusmes_imap_commands_total"},
	{name: "rusmes_imap_errors_total"},
	{name: "rusmes_jmap_requests_total"},
	{name: "rusmes_jmap_errors_total"},
	{name: "rusmes_push_deliveries_total"},
	{name: "rusmes_push_delivery_failures_total"},
	{name: "rusmes_mail_processed_total"},
	{name: "rusmes_mail_delivered_total"},
	{name: "rusmes_mail_bounced_total"},
	{name: "rusmes_mail_dropped_total"},
	{name: "rusmes_queue_size", kind: catalog.Gauge},
	{name: "rusmes_queue_retries_total"},
	{name: "rusmes_mailboxes_total", kind: catalog.Gauge},
	{name: "rusmes_messages_total", kind: catalog.Gauge},
	{name: "rusmes_storage_bytes", kind: catalog.Gauge},
	{name: "rusmes_message_processing_latency_seconds", kind: catalog.Histogram,
		bounds: []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}},
	{name: "rusmes_smtp_session_duration_seconds", kind: catalog.Histogram,
		bounds: []float64{0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600}},
	{name: "rusmes_active_connections", kind: catalog.Gauge, label: "protocol",
		values: []string{"imap", "jmap", "pop3", "smtp"}},
	{name: "rusmes_tls_sessions_total", label: "tls", values: []string{"no", "starttls", "yes"}},
	{name: "rusmes_messages_per_domain_total", label: "domain"},
}

// The bounds of the series beside those that are promised: of durations, of the ages of
// messages, of sizes and of lookups.
var (
	dur  = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120}
	life = []float64{0.5, 1, 2, 5, 10, 30, 60, 300, 900, 1800, 3600, 14400, 43200, 86400, 172800, 432000}
	size = []float64{1e3, 1e4, 1e5, 1e6, 5e6, 1e7, 2.5e7, 5e7, 1e8}
	dns  = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
)

// further are the series that stand beside those that are promised, typed out for the same
// reason.
var further = []struct {
	name   string
	kind   catalog.Kind
	labels []string
	bounds []float64
}{
	{name: "rusmes_command_duration_seconds", kind: catalog.Histogram, labels: []string{"protocol", "command"}, bounds: dur},
	{name: "rusmes_replies_total", labels: []string{"protocol", "command", "class"}},
	{name: "rusmes_auth_attempts_total", labels: []string{"protocol", "mechanism", "result"}},
	{name: "rusmes_rejections_total", labels: []string{"role", "stage", "class", "reason", "fault"}},
	{name: "rusmes_tls_handshakes_total", labels: []string{"direction", "version"}},
	{name: "rusmes_tls_handshake_failures_total", labels: []string{"direction", "reason"}},
	{name: "rusmes_connections_lost_total", labels: []string{"stage"}},
	{name: "rusmes_message_size_bytes", kind: catalog.Histogram, labels: []string{"direction"}, bounds: size},
	{name: "rusmes_message_recipients", kind: catalog.Histogram, labels: []string{"direction"}, bounds: []float64{1, 2, 5, 10, 50, 100, 500}},
	// The queue and deliveries.
	{"rusmes_delivery_attempts_total", catalog.Counter, []string{"transport", "outcome", "reason"}, nil},
	{"rusmes_queue_messages", catalog.Gauge, []string{"state"}, nil},
	{"rusmes_queue_bytes", catalog.Gauge, []string{"state"}, nil},
	{"rusmes_queue_oldest_age_seconds", catalog.Gauge, []string{"state"}, nil},
	{"rusmes_delivery_total_seconds", catalog.Histogram, []string{"outcome"}, life},
	{"rusmes_delivery_attempt_duration_seconds", catalog.Histogram, []string{"transport", "outcome"}, dur},
	{"rusmes_delivery_phase_duration_seconds", catalog.Histogram, []string{"phase"}, dur},
	{"rusmes_last_success_timestamp_seconds", catalog.Gauge, []string{"direction"}, nil},
	{"rusmes_queue_expired_total", catalog.Counter, nil, nil},
	{"rusmes_delivery_throttled_total", catalog.Counter, []string{"reason"}, nil},
	{"rusmes_queue_scheduler_lag_seconds", catalog.Histogram, nil, dur},
	{"rusmes_outbound_tls_total", catalog.Counter, []string{"policy", "result"}, nil},
	{"rusmes_plaintext_fallback_total", catalog.Counter, nil, nil},
	{"rusmes_tlsrpt_sessions_total", catalog.Counter, []string{"type"}, nil},
	{"rusmes_outbound_connections", catalog.Gauge, nil, nil},
	{"rusmes_outbound_connect_failures_total", catalog.Counter, []string{"kind"}, nil},
	{"rusmes_dns_lookup_duration_seconds", catalog.Histogram, []string{"type", "result"}, dns},
	// The machine, the policy, the store and the stages.
	{name: "rusmes_certificate_not_after_timestamp_seconds", kind: catalog.Gauge, labels: []string{"listener"}},
	{name: "rusmes_disk_free_ratio", kind: catalog.Gauge, labels: []string{"path"}},
	{name: "rusmes_inode_free_ratio", kind: catalog.Gauge, labels: []string{"path"}},
	{name: "rusmes_dnsbl_listed", kind: catalog.Gauge, labels: []string{"zone"}},
	{name: "rusmes_dnsbl_lookup_duration_seconds", kind: catalog.Histogram, labels: []string{"zone", "result"}, bounds: dns},
	{name: "rusmes_build_info", kind: catalog.Gauge, labels: []string{"version", "goversion", "otelmail"}},
	{name: "rusmes_messages_per_sender_total", labels: []string{"user_hash"}},
	{name: "rusmes_sender_networks", kind: catalog.Gauge, labels: []string{"user_hash"}},
	{name: "rusmes_authentication_results_total", labels: []string{"method", "result"}},
	{name: "rusmes_stage_duration_seconds", kind: catalog.Histogram, labels: []string{"stage"}, bounds: dur},
	{name: "rusmes_store_operation_duration_seconds", kind: catalog.Histogram, labels: []string{"op", "result"}, bounds: dur},
	{name: "rusmes_spam_verdicts_total", labels: []string{"action"}},
	{name: "rusmes_ratelimit_total", labels: []string{"limiter", "action"}},
	{name: "rusmes_panics_total", labels: []string{"component"}},
	{name: "rusmes_log_records_total", labels: []string{"level"}},
	{name: "rusmes_acme_errors_total", labels: []string{"kind"}},
	{name: "rusmes_index_lag_seconds", kind: catalog.Gauge},
	// Health.
	{name: "rusmes_health_check_changes_total", labels: []string{"check"}},
	{name: "rusmes_round_trip_duration_seconds", kind: catalog.Histogram, bounds: []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300}},
}

// start starts a Telemetry whose metrics can be collected in the test.
func start(t testing.TB, opts ...otelmail.StartOption) (*otelmail.Telemetry, *otelmail.Reader) {
	t.Helper()
	opts = append([]otelmail.StartOption{
		otelmail.WithoutGlobals(),
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		otelmail.WithErrorHandler(func(err error) { t.Errorf("background error: %v", err) }),
	}, opts...)
	tel, err := otelmail.Start(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return tel, tel.Reader()
}

// collect returns the metrics of our scope by name.
func collect(t testing.TB, r sdkmetric.Reader) map[string]metricdata.Metrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	all := map[string]metricdata.Metrics{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if _, twice := all[m.Name]; twice {
				t.Errorf("%s: collected twice", m.Name)
			}
			all[m.Name] = m
		}
	}
	return all
}

// TestContract looks at the first collection, before any event, in every mode.
func TestContract(t *testing.T) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) { m.run(t, func(t *testing.T) { checkContract(t, m) }) })
	}
}

func checkContract(t *testing.T, m mode) {
	_, reader, _ := m.open(t)
	got := collect(t, reader)
	for _, want := range promised {
		m, ok := got[want.name]
		if !ok {
			t.Errorf("%s: not there at the first collection", want.name)
			continue
		}
		if m.Description == "" || m.Unit == "" {
			t.Errorf("%s has no help or unit: %q %q", want.name, m.Description, m.Unit)
		}
		kind := catalog.Counter
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			if !data.IsMonotonic || data.Temporality != metricdata.CumulativeTemporality {
				t.Errorf("%s: monotonic %t, %v", want.name, data.IsMonotonic, data.Temporality)
			}
			checkZeros(t, data.DataPoints, want.label, want.values)
		case metricdata.Gauge[int64]:
			kind = catalog.Gauge
			checkZeros(t, data.DataPoints, want.label, want.values)
		case metricdata.Histogram[float64]:
			kind = catalog.Histogram
			p := data.DataPoints[0]
			if len(data.DataPoints) != 1 || p.Count != 0 || !slices.Equal(p.Bounds, want.bounds) || len(p.BucketCounts) != len(want.bounds)+1 {
				t.Errorf("%s: %+v, want one that is empty, with the bounds %v", want.name, data.DataPoints, want.bounds)
			}
		case metricdata.ExponentialHistogram[float64]:
			kind = catalog.Histogram
			if p := data.DataPoints[0]; len(data.DataPoints) != 1 || p.Count != 0 || len(p.PositiveBucket.Counts) != 0 {
				t.Errorf("%s: %+v, want one that is empty", want.name, data.DataPoints)
			}
		}
		if kind != want.kind {
			t.Errorf("%s is a %T, want a %v", want.name, m.Data, want.kind)
		}
	}
}

func checkZeros(t *testing.T, points []metricdata.DataPoint[int64], label string, values []string) {
	t.Helper()
	var got []string
	for _, p := range points {
		if p.Value != 0 {
			t.Errorf("value %d before any event", p.Value)
		}
		for _, kv := range p.Attributes.ToSlice() {
			if string(kv.Key) != label {
				t.Errorf("label %q, want %q", kv.Key, label)
			}
			got = append(got, kv.Value.AsString())
		}
	}
	slices.Sort(got)
	switch {
	case label == "" && (len(points) != 1 || len(got) != 0):
		t.Errorf("%d points with labels %v, want one without", len(points), got)
	case values != nil && !slices.Equal(got, values):
		t.Errorf("label values %v, want %v", got, values)
	}
}

// TestCatalogHoldsThePromise compares the Catalog with the promise in the other
// direction: a series that is not promised is one of a few that are documented.
func TestCatalogHoldsThePromise(t *testing.T) {
	ours := map[string]catalog.Metric{}
	for _, m := range otelmail.Catalog() {
		ours[m.FullName("rusmes")] = m
		if m.Help == "" || m.Rise == "" || m.Unit == "" {
			t.Errorf("%s lacks a help text, a meaning or a unit", m.Name)
		}
	}
	for _, want := range promised {
		m, ok := ours[want.name]
		if !ok {
			t.Errorf("%s is not in the Catalog", want.name)
			continue
		}
		if m.Kind != want.kind {
			t.Errorf("%s is a %v in the Catalog, want a %v", want.name, m.Kind, want.kind)
		}
		delete(ours, want.name)
	}
	for _, want := range further {
		m, ok := ours[want.name]
		if !ok {
			t.Errorf("%s is not in the Catalog", want.name)
			continue
		}
		var labels []string
		for _, l := range m.Labels {
			labels = append(labels, l.Key)
		}
		if m.Kind != want.kind || !slices.Equal(labels, want.labels) || !slices.Equal(m.Buckets, want.bounds) {
			t.Errorf("%s is a %v of %v with the bounds %v, want a %v of %v with %v",
				want.name, m.Kind, labels, m.Buckets, want.kind, want.labels, want.bounds)
		}
		delete(ours, want.name)
	}
	for name := range ours {
		if name != "rusmes_health_check_status" && !strings.HasPrefix(name, "rusmes_telemetry_") {
			t.Errorf("%s is in the Catalog and typed out nowhere here", name)
		}
	}
}

func TestNamespace(t *testing.T) {
	tel, reader := start(t, otelmail.WithNamespace("acme_mail"))
	tel.WebPush.GaveUp()
	got := collect(t, reader)
	for _, m := range otelmail.Catalog() {
		if !m.Preset() {
			continue // nothing has happened that would show it
		}
		if _, ok := got["acme_mail_"+m.Name]; !ok {
			t.Errorf("acme_mail_%s is missing", m.Name)
		}
		if _, ok := got["rusmes_"+m.Name]; ok {
			t.Errorf("rusmes_%s is there beside the other namespace", m.Name)
		}
	}
}

// TestSumOfLongSessions: thousands of sessions that stay open for days must not
// turn the sum of their durations negative.
func TestSumOfLongSessions(t *testing.T) {
	tel, reader := start(t)
	record := otelmail.HistogramRecorder(tel)
	for range 3 {
		record(t.Context(), math.MaxInt64)
	}
	m := collect(t, reader)["rusmes_message_processing_latency_seconds"]
	if p := m.Data.(metricdata.Histogram[float64]).DataPoints[0]; p.Sum < 2.7e10 || p.Count != 3 {
		t.Errorf("sum %v of %d records, want 3 times 292 years", p.Sum, p.Count)
	}
}

// patience is for what takes a moment: long, because a busy machine is slow.
const patience = 60 * time.Second

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}
