package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestPrometheusEvaluatesTheRules against the demo: each expression works out, what service
// levels are measured by is recorded, and of what wakes people only the watchdog's is heard.
func TestPrometheusEvaluatesTheRules(t *testing.T) {
	file := writeRules(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "interval: 2m", "interval: 1s")), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, launch{rate: 20, flags: []string{"--trouble", "127.0.0.1:0"}}) // without it a little of each trouble is always there
	p := peer.StartPrometheusWith(t, peer.WithTargets(d.web), peer.WithRules(file))
	p.WaitUp(patience)
	peer.Eventually(t, time.Minute, func() error { return evaluated(p.Address()) })
	for _, sli := range []string{"acceptance", "delivery_time", "first_attempt", "login", "scrape"} {
		peer.Eventually(t, time.Minute, func() error {
			for _, window := range []string{"5m", "3d"} {
				name := "job:rusmes_sli_" + sli + "_errors:ratio" + window
				if got := p.Query(name); len(got) != 1 || got[0].Value < 0 || got[0].Value > 1 {
					return fmt.Errorf("%s is %v, want one share", name, got)
				}
			}
			return nil
		})
	}
	peer.Eventually(t, time.Minute, func() error {
		if got := p.Query(`ALERTS{alertname="MailWatchdog",alertstate="firing"}`); len(got) != 1 {
			return fmt.Errorf("the watchdog says %v", got)
		}
		return nil
	})
	if got := p.Query(`ALERTS{alertstate="firing",severity="page"}`); len(got) > 0 {
		t.Errorf("somebody is woken: %v", got)
	}
}

// evaluated is nil once each rule has been evaluated, and without an error.
func evaluated(prometheus string) error {
	answer, err := http.Get("http://" + prometheus + "/api/v1/rules")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var found struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
		return err
	}
	rules := 0
	for _, g := range found.Data.Groups {
		for _, r := range g.Rules {
			rules++
			if r.Health != "ok" {
				return fmt.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if rules < 80 {
		return fmt.Errorf("%d rules", rules)
	}
	return nil
}
