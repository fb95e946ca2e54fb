package integration

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
)

// The demo's pipeline has one mailet that fails for every 20th message that it gets; that
// message passes the pipeline once more.
const pipelineFailsEvery = 20

// TestEveryCounterIsExact sends a known number of everything and compares the whole page:
// what no event should change has to be 0.
func TestEveryCounterIsExact(t *testing.T) {
	t.Parallel()
	d := startDemo(t, launch{})
	first := d.page()
	want := atRest(first)
	dropTimes(first)
	for _, difference := range differences("the first page", first, want) {
		t.Error(difference)
	}
	moves := page{}
	for _, e := range allEvents() {
		for range e.times {
			if err := e.happen(d); err != nil {
				t.Fatalf("%s: %v", e.name, err)
			}
			moves.add(e.moves)
		}
	}
	want = d.wantMoved(first, moves)

	// The summary shows the same numbers.
	for series, value := range d.stop().page() {
		if value != want[series] {
			t.Errorf("%s is %v in the summary, want %v", series, value, want[series])
		}
	}
	d.wantEmptyLog()
}

// add adds the changes of one more event.
func (p page) add(moves page) {
	for series, n := range moves {
		p[series] += n
	}
}

// wantMoved waits until nobody is connected and the queue is empty, and wants the whole
// page to show these changes and no others since the first page. It returns the page that
// it wanted.
func (d *demo) wantMoved(first, moves page) page {
	d.t.Helper()
	want := atRest(first)
	want.add(moves)
	// Spam is gone before it reaches the mailet that fails.
	if shown := int(want[processed] - want[spam]); shown > 0 {
		want[processed] += float64((shown - 1) / (pipelineFailsEvery - 1))
	}
	delete(want, spam)
	_, pushes := want[pushed]
	delete(want, pushed)
	want["rusmes_smtp_session_duration_seconds_count"] = want[connections]
	want["rusmes_message_processing_latency_seconds_count"] = want[processed]

	got := d.settled()
	if size := got[bytesStored]; size < 100*want[stored] {
		d.t.Errorf("%v bytes in %v messages", size, want[stored])
	}
	want[bytesStored] = got[bytesStored]
	for _, signal := range []string{"traces", "logs"} {
		if series := `rusmes_telemetry_waiting{signal="` + signal + `"}`; pushes {
			want[series] = got[series]
		}
	}
	if series := `rusmes_health_check_status{check="otlp"}`; pushes { // 1 once something was sent
		want[series] = got[series]
	}
	dropTimes(got)
	for _, difference := range differences("/metrics", got, want) {
		d.t.Error(difference)
	}
	return want
}

// atRest is what a page without events shows: the same series at 0, except the gauges of
// what exists.
func atRest(p page) page {
	want := maps.Clone(p)
	for series := range want {
		want[series] = 0
	}
	want["rusmes_mailboxes_total"] = 6
	want[`rusmes_health_check_status{check="storage"}`] = 1
	want[`rusmes_health_check_status{check="queue"}`] = 1
	want[`rusmes_health_check_status{check="descriptors"}`] = 1
	dropTimes(want)
	return want
}

// countedElsewhere are series whose numbers another test holds against what was done, and
// which one.
var countedElsewhere = map[string]string{
	"command_duration_seconds":     "TestSignalsAreExact",
	"replies_total":                "TestSignalsAreExact",
	"auth_attempts_total":          "TestSignalsAreExact",
	"rejections_total":             "TestSignalsAreExact",
	"connections_lost_total":       "TestSignalsAreExact",
	"tls_handshakes_total":         "TestSignalsAreExact",
	"tls_handshake_failures_total": "TestSignalsAreExact",
	"message_size_bytes":           "TestSignalsAreExact",
	"message_recipients":           "TestSignalsAreExact",
	// The queue and deliveries: TestTheFlowIsCountedExactly of the demo.
	"delivery_attempts_total":                 flowTest,
	"delivery_attempt_duration_seconds":       flowTest,
	"delivery_phase_duration_seconds":         flowTest,
	"delivery_total_seconds":                  flowTest,
	"delivery_throttled_total":                flowTest,
	"dns_lookup_duration_seconds":             flowTest,
	"last_success_timestamp_seconds":          flowTest,
	"outbound_connect_failures_total":         flowTest,
	"outbound_tls_total":                      flowTest,
	"queue_expired_total":                     flowTest,
	"queue_scheduler_lag_seconds":             flowTest,
	"tlsrpt_sessions_total":                   flowTest,
	"telemetry_source_age_seconds":            "TestSourceAge", // of the root
	"certificate_not_after_timestamp_seconds": "TestTheHostIsWatched",
	"disk_free_ratio":                         "TestTheHostIsWatched",
	"inode_free_ratio":                        "TestDisks",
	"dnsbl_listed":                            "TestTheHostIsWatched",
	"dnsbl_lookup_duration_seconds":           "TestTheHostIsWatched",
	"acme_errors_total":                       "TestTheHostIsWatched",
	"build_info":                              "TestBuildInfo",
	"messages_per_sender_total":               "TestAStolenAccount",
	"sender_networks":                         "TestAStolenAccount",
	"authentication_results_total":            "TestAuthenticationResults",
	"stage_duration_seconds":                  "TestEachEventMovesExactlyItsSeries",
	"store_operation_duration_seconds":        "TestEachEventMovesExactlyItsSeries",
	"spam_verdicts_total":                     "TestVerdictsAndPanics",
	"ratelimit_total":                         "TestASenderIsThrottled",
	"log_records_total":                       "TestEachEventMovesExactlyItsSeries",
	"index_lag_seconds":                       "TestTheIndexIsBehind",
}

const flowTest = "TestTheFlowIsCountedExactly"

// dropTimes leaves out how long things took, of which only the count can be predicted, and
// what another test looks at.
func dropTimes(p page) {
	for _, m := range otelmail.Catalog() {
		if countedElsewhere[m.Name] != "" {
			maps.DeleteFunc(p, func(series string, _ float64) bool {
				rest, ours := strings.CutPrefix(series, m.FullName(namespace))
				return ours && (rest == "" || rest[0] == '{' || m.Kind == catalog.Histogram)
			})
		}
		if m.Kind != catalog.Histogram {
			continue
		}
		maps.DeleteFunc(p, func(series string, _ float64) bool {
			rest, ours := strings.CutPrefix(series, m.FullName(namespace))
			return ours && !strings.HasPrefix(rest, "_count")
		})
	}
}

// pageName turns a name of the summary, smtp_errors_total or
// replies_total{smtp,RCPT,2xx}, into the one on the page.
func pageName(series string) string {
	name, value, labelled := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	if !labelled {
		return namespace + "_" + name
	}
	values := strings.Split(value, ",")
	for _, m := range otelmail.Catalog() {
		if m.Name == strings.TrimSuffix(strings.TrimSuffix(name, "_count"), "_sum") && len(m.Labels) == len(values) {
			labels := make([]string, len(values))
			for i, l := range m.Labels {
				labels[i] = fmt.Sprintf("%s=%q", l.Key, values[i])
			}
			slices.Sort(labels)
			return namespace + "_" + name + braced(labels)
		}
	}
	return series
}
