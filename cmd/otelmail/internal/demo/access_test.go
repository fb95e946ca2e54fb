package demo

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
)

const (
	imapConnections = "imap_connections_total"
	imapCommands    = "imap_commands_total"
	imapErrors      = "imap_errors_total"
	jmapAnswered    = "jmap_requests_total"
	jmapErrors      = "jmap_errors_total"
	pushed          = "push_deliveries_total"
	pushGivenUp     = "push_delivery_failures_total"
)

// visitEffects is what one call of each visitor changes, to the last count, when
// there is mail. JMAP clients connect for the session object and for the call.
var visitEffects = []struct {
	client client
	counts counts
}{
	// LOGIN, LIST, SELECT, SEARCH, FETCH, STORE, LOGOUT.
	{reader, counts{imapConnections: 1, imapCommands: 7, plaintext: 1}},
	// STARTTLS, CAPABILITY, LOGIN, SELECT, IDLE, LOGOUT.
	{waiter, counts{imapConnections: 1, imapCommands: 6, plaintext: 1, starttls: 1}},
	// LOGIN, CREATE, APPEND, DELETE, LOGOUT.
	{filer, counts{imapConnections: 1, imapCommands: 5, plaintext: 1}},
	// LOGIN, SELECT, LOGOUT.
	{stranded, counts{imapConnections: 1, imapCommands: 3, imapErrors: 1, plaintext: 1}},
	// LOGIN, LOGOUT.
	{imapGuesser, counts{imapConnections: 1, imapCommands: 2, imapErrors: 1, plaintext: 1}},
	{jmapHello, counts{jmapAnswered: 1, plaintext: 2}},
	{jmapReader, counts{jmapAnswered: 1, plaintext: 2}},
	{jmapUnknown, counts{jmapAnswered: 1, jmapErrors: 1, plaintext: 2}},
	{jmapBroken, counts{jmapAnswered: 1, jmapErrors: 1, plaintext: 2}},
	{popReader, counts{plaintext: 1}},
	{popTaker, counts{plaintext: 1, messages: -1}},
	{popGuesser, counts{plaintext: 1}},
	{phone, counts{}},
}

func TestEveryVisitIsCountedExactly(t *testing.T) {
	d := running(t, quick())
	const rounds, letters = 3, 5
	for n := range letters {
		if err := d.traffic.sendInbound(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	idle(t, d)
	want := counts{
		connections: letters, plaintext: letters, received: letters, processed: letters, delivered: letters, messages: letters,
		mailboxes: 6, queueSize: 0, pushed: 0, pushGivenUp: 0, implicitTLS: 0,
	}
	for range rounds {
		for i, e := range visitEffects {
			if err := e.client.call(d.traffic, t.Context(), i); err != nil {
				t.Errorf("%s: %v", e.client.name, err)
			}
			want.add(e.counts)
		}
	}
	nobodyConnected(t, d)
	compare(t, d, want)
	if got := d.pop3.total.Load(); got != 3*rounds {
		t.Errorf("%d POP3 sessions, want %d", got, 3*rounds)
	}
}

// nobodyConnected waits until the sessions of all protocols have ended.
func nobodyConnected(t *testing.T, d *Demo) {
	t.Helper()
	idle(t, d)
	for _, protocol := range []string{"imap", "jmap", "pop3"} {
		eventually(t, "nobody is connected over "+protocol, func() bool { return value(t, d, "active_connections", protocol) == 0 })
	}
}

func TestEveryVisitorComesWithinSixSeconds(t *testing.T) {
	missing := map[string]bool{}
	for _, e := range visitEffects {
		missing[e.client.name] = true
	}
	for _, c := range visits {
		delete(missing, c.name)
	}
	if len(missing) > 0 {
		t.Errorf("never comes: %v", missing)
	}
	if took := time.Duration(float64(len(visits)) / Default().Rate / visitsPerMessage * float64(time.Second)); took > 6*time.Second {
		t.Errorf("one round takes %v, want at most 6 s", took)
	}
}

func TestVisitorsNoticeAServerThatIsGone(t *testing.T) {
	const nobody = "127.0.0.1:1"
	gone := &traffic{user: "demo", password: "demo", imap: nobody, jmap: nobody, pop3: nobody, push: nobody}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for _, e := range visitEffects {
		if err := e.client.call(gone, ctx, 1); err == nil {
			t.Errorf("%s: no error", e.client.name)
		}
	}
}

// Whoever looks for half a minute must have seen every series move. Those about
// the telemetry itself and its checks move when something is wrong.
func TestEverySeriesMoves(t *testing.T) {
	c := quick()
	c.Rate, c.backoff = Default().Rate, Default().backoff
	d := running(t, c)
	still := map[string]bool{}
	for _, m := range otelmail.Catalog() {
		if strings.HasPrefix(m.Name, "telemetry_") || strings.HasPrefix(m.Name, "health_") {
			continue
		}
		for _, name := range seriesOf(m) {
			still[name] = true
		}
	}
	if len(still) < 30 {
		t.Fatalf("only %d series to look at", len(still))
	}
	deadline := time.Now().Add(30 * time.Second)
	for len(still) > 0 && time.Now().Before(deadline) {
		status, page := get(t, "http://"+d.web.Addr().String()+"/metrics")
		if status != 200 {
			t.Fatalf("/metrics: %d", status)
		}
		for line := range strings.Lines(page) {
			series, number, _ := cutLast(strings.TrimSpace(line), " ")
			if number != "0" {
				family, _, _ := strings.Cut(series, "{")
				delete(still, series)
				delete(still, family)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	if len(still) > 0 {
		t.Errorf("not in 30 s: %v", slices.Sorted(maps.Keys(still)))
	}
}

// seriesOf is what has to move of a series: it, or each value of its one label if the set is
// there from the beginning, or else any of its label sets.
func seriesOf(m catalog.Metric) []string {
	name := m.FullName("rusmes")
	if m.Kind == catalog.Histogram {
		name += "_count"
	}
	if len(m.Labels) != 1 || !m.Preset() || anyOf[m.Name] {
		return []string{name}
	}
	var names []string
	for _, v := range m.Labels[0].Values {
		names = append(names, name+"{"+m.Labels[0].Key+`="`+v+`"}`)
	}
	return names
}

// anyOf are the series of which the demo cannot move every value.
var anyOf = map[string]bool{
	"connections_lost_total": true,
	"queue_messages":         true, "queue_bytes": true, "queue_oldest_age_seconds": true, // nothing is ready for long
	"delivery_throttled_total": true, "tlsrpt_sessions_total": true, "outbound_connect_failures_total": true,
	"panics_total": true, "spam_verdicts_total": true, "acme_errors_total": true, "log_records_total": true,
}
