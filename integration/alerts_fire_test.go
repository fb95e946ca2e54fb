package integration

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// inFastMotion is by how much faster time passes for the rules: an hour is a minute, and the shortest
// window, of five minutes, still has two scrapes.
const inFastMotion = 60

// live is a demo that is well until it is told otherwise, which pushes to a Collector; one
// without mail, to be missed; and a Prometheus that scrapes both, with the rules in fast motion.
type live struct {
	*testing.T
	demo, idle *demo
	collector  *peer.Collector
	prometheus *peer.Prometheus
	smallDisk  bool // the demo's spool is on one
}

// act is trouble of several kinds that do not disturb each other, and the alerts that it has fire.
type act struct {
	troubles   []string
	begin, end func() // what the demo cannot do to itself; may be nil
	alerts     []firing
}

// firing is an alert, and what tells it from others of the same name. Burn rates are those over the
// shorter windows: the others last for days.
type firing struct{ alert, severity string }

func (f firing) is(a peer.Alert) bool {
	return a.State == "firing" && a.Labels["alertname"] == f.alert && a.Labels["severity"] == f.severity && a.Labels["burn"] != "slow"
}

// TestTenAlertsFireAndEnd: trouble is made in earnest, the alerts that are about it fire, and end when
// it does. Before it nothing fires.
func TestTenAlertsFireAndEnd(t *testing.T) {
	l := startLive(t)
	over := map[firing]time.Time{} // when the trouble of each was
	for _, a := range l.acts() {
		l.play(a)
		for _, f := range a.alerts {
			over[f] = time.Now()
		}
	}
	if len(over) < 10 {
		t.Errorf("%d alerts have fired", len(over))
	}
	peer.Eventually(t, longest, func() error {
		fire := l.firing(slices.Collect(maps.Keys(over))...)
		for f, since := range over {
			if !slices.Contains(fire, f) {
				t.Logf("%s is over, at most %v after its trouble", f, time.Since(since).Round(time.Second))
				delete(over, f)
			}
		}
		if len(over) > 0 {
			return fmt.Errorf("still firing: %v", fire)
		}
		return nil
	})
	t.Logf("scrapes that failed: %v", l.prometheus.Query(`count_over_time(up[1h]) - sum_over_time(up[1h])`))
}

// longest is how long an alert may take to fire or to end: the longest windows are of an hour, and on a
// busy machine a scrape that fails has an alert wait anew.
const longest = 8 * time.Minute

func (l *live) acts() []act {
	acts := []act{{
		troubles: []string{"tls"}, // alone: what is delivered so is no storm of retries
		alerts:   []firing{{"MailPlaintextFallback", "ticket"}},
	}, {
		troubles: []string{"outbound", "panics", "passwords", "certificate", "blocklist"},
		begin: func() {
			l.collector.Stop()
			l.signal(l.idle, syscall.SIGSTOP)
		},
		end: func() {
			l.collector.Restart()
			l.signal(l.idle, syscall.SIGCONT)
		},
		alerts: []firing{
			{"MailBounces", "ticket"}, {"MailRetryStorm", "ticket"}, {"MailPanics", "ticket"},
			{"MailPasswordGuessingOneAccount", "ticket"}, {"MailPasswordGuessingSpread", "ticket"},
			{"MailCertificateExpiring", "page"}, {"MailAddressListed", "ticket"},
			{"MailTargetDown", "page"}, {"MailScrapeBudgetBurn", "ticket"},
			{"MailTelemetryDropped", "ticket"}, {"MailTelemetryWaiting", "ticket"}, {"MailPushBudgetBurn", "ticket"},
		},
	}, {
		troubles: []string{"storage", "logins"},
		alerts: []firing{
			{"MailHealthCheckDown", "page"}, {"MailRejectedByUs", "ticket"}, {"MailAcceptanceBudgetBurn", "page"}, {"MailLoginBudgetBurn", "page"},
		},
	}, {
		troubles: []string{"queue"},
		alerts:   []firing{{"MailQueueStuck", "page"}, {"MailQueueGrowing", "ticket"}},
	}}
	if l.smallDisk {
		last := &acts[len(acts)-1]
		last.troubles = append(last.troubles, "disk")
		last.alerts = append(last.alerts, firing{"MailDiskFilling", "page"})
	}
	return acts
}

func startLive(t *testing.T) *live {
	t.Helper()
	l := &live{T: t, collector: peer.StartCollector(t)}
	well := func() launch {
		// This machine's own disk may be full.
		dir, small := ownDisk(t, 64)
		l.smallDisk = small
		return launch{flags: []string{"--trouble", "127.0.0.1:0", "--spool", filepath.Join(dir, "spool")}}
	}
	l.idle = startDemo(t, well())
	busy := well()
	busy.rate, busy.env = 5, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + l.collector.HTTP()}
	l.demo = startDemo(t, busy)
	l.prometheus = peer.StartPrometheusWith(t, peer.WithTargets(l.demo.web, l.idle.web),
		peer.WithRules(peer.FastMotion(t, writeRules(t), inFastMotion)),
		// On a busy machine a scrape may take a second, and one that fails has every alert wait anew.
		peer.WithScrapeSettings("scrape_interval: 2s\nscrape_timeout: 2s"))
	l.prometheus.WaitUp(patience)
	// What an alert looks back to is there: mail of a quarter of an hour, which is as many seconds.
	peer.Eventually(t, patience, func() error {
		if got := l.prometheus.Query(`rusmes_smtp_messages_received_total offset 15s > 0`); len(got) != 1 {
			return fmt.Errorf("mail that long ago: %v", got)
		}
		return nil
	})
	peer.Eventually(t, longest, func() error {
		if got := l.prometheus.Query(`ALERTS{alertstate="firing",alertname!="MailWatchdog"}`); len(got) > 0 {
			return fmt.Errorf("all is well, and there fire %v", got)
		}
		return nil
	})
	return l
}

// play has one act's trouble begin, waits until each of its alerts fires, and ends it.
func (l *live) play(a act) {
	l.Helper()
	peer.Eventually(l, longest, func() error {
		if early := l.firing(a.alerts...); len(early) > 0 {
			return fmt.Errorf("before %v fire %v", a.troubles, early)
		}
		return nil
	})
	begun := time.Now()
	for _, name := range a.troubles {
		l.demo.trouble(http.MethodPut, name)
	}
	if a.begin != nil {
		a.begin()
	}
	waiting := slices.Clone(a.alerts)
	peer.Eventually(l, longest, func() error {
		fire := l.firing(waiting...)
		waiting = slices.DeleteFunc(waiting, func(f firing) bool {
			if slices.Contains(fire, f) {
				l.Logf("%v: %s fires", time.Since(begun).Round(time.Second), f)
				return true
			}
			return false
		})
		if len(waiting) > 0 {
			return fmt.Errorf("not firing: %v", waiting)
		}
		return nil
	})
	for _, name := range a.troubles {
		l.demo.trouble(http.MethodDelete, name)
	}
	if a.end != nil {
		a.end()
	}
}

// firing are those of some alerts that fire. Each has its runbook.
func (l *live) firing(some ...firing) (fire []firing) {
	l.Helper()
	for _, a := range l.prometheus.Alerts() {
		for _, f := range some {
			if !f.is(a) || slices.Contains(fire, f) {
				continue
			}
			fire = append(fire, f)
			page := "docs/runbooks/" + f.alert + ".md"
			_, err := os.Stat(filepath.Join("..", page))
			if url := a.Annotations["runbook_url"]; err != nil || !strings.HasSuffix(url, "/"+page) || a.Annotations["summary"] == "" {
				l.Errorf("%s: runbook %q, summary %q, %v", f.alert, url, a.Annotations["summary"], err)
			}
		}
	}
	return fire
}

func (l *live) signal(d *demo, s syscall.Signal) {
	l.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		l.Fatal(err)
	}
}
