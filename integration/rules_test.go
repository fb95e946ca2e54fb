package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// writeRules has the program write its rules, and returns the file.
func writeRules(t *testing.T, flags ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "otelmail.rules.yaml")
	if output, err := exec.Command(executable, append([]string{"rules", "--out", file}, flags...)...).CombinedOutput(); err != nil {
		t.Fatalf("otelmail rules %q: %v\n%s", flags, err, output)
	}
	return file
}

func TestPromtoolChecksTheRules(t *testing.T) {
	for _, flags := range [][]string{nil, {"--namespace", "acme", "--job", `m"x{}`, "--slo", "99.95"}} {
		if output, exit := peer.Promtool(t, nil, "check", "rules", "--lint=all", "--lint-fatal", writeRules(t, flags...)); exit != 0 {
			t.Errorf("%q: exit %d\n%s", flags, exit, output)
		}
	}
}

// TestAlerts asks promtool what fires.
func TestAlerts(t *testing.T) {
	for name, flags := range map[string][]string{"every job": nil, "one job": {"--job", "mail"}} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(writeRules(t, flags...))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			args := []string{"test", "rules"}
			for n, c := range alertCases() {
				if flags != nil && c.step == tenMinutes {
					continue // days take long, and a matcher changes nothing about them
				}
				rules, groups := rulesOf(string(text), c.alert)
				ruleFile := filepath.Join(dir, c.alert+".yaml")
				file := filepath.Join(dir, fmt.Sprintf("%03d %s.json", n, c))
				err := errors.Join(os.WriteFile(ruleFile, []byte(rules), 0o600), os.WriteFile(file, c.test(t, ruleFile, groups), 0o600))
				if err != nil {
					t.Fatal(err)
				}
				args = append(args, file)
			}
			output, exit := peer.Promtool(t, nil, args...)
			if exit == 0 {
				return
			}
			for _, failed := range regexp.MustCompile(`(?s)[^/\n]*\.json\n  FAILED:.*?\n\n`).FindAllString(output, -1) {
				t.Error(failed)
			}
			t.Errorf("exit %d", exit)
		})
	}
}

// rulesOf is the part of the rules that an alert needs, because promtool evaluates all that it
// is given: the alert and the recordings that it names. groups are the names of their groups.
func rulesOf(text, alert string) (rules string, groups []string) {
	records := map[string]bool{}
	for _, block := range regexp.MustCompile(`(?m)^      - `).Split(text, -1) {
		if strings.HasPrefix(block, "alert: "+alert+"\n") {
			for _, record := range regexp.MustCompile(`job:rusmes_\w+:\w+`).FindAllString(block, -1) {
				records[record] = true
			}
		}
	}
	rules = "groups:\n"
	for _, group := range strings.Split(text, "\n  - name: ")[1:] {
		head, all, _ := strings.Cut(group, "    rules:\n")
		kept := ""
		for _, block := range strings.Split("\n"+strings.TrimSuffix(all, "\n"), "\n      - ")[1:] {
			first, _, _ := strings.Cut(block, "\n")
			if record, is := strings.CutPrefix(first, "record: "); first == "alert: "+alert || is && records[record] {
				kept += "      - " + block + "\n"
			}
		}
		if kept != "" {
			rules += "  - name: " + head + "    rules:\n" + kept
			name, _, _ := strings.Cut(head, "\n")
			groups = append(groups, name)
		}
	}
	return rules, groups
}

// TestAlertsOfTwoServers: with the same trouble on both, an alert that names its server fires
// for each of them, and one of all servers of a job once.
func TestAlertsOfTwoServers(t *testing.T) {
	text, err := os.ReadFile(writeRules(t))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, r := range shippedRules(t) {
		names[r.Alert] = names[r.Alert] || strings.Contains(fmt.Sprint(r.Annotations), "$labels.instance")
	}
	dir := t.TempDir()
	args, seen := []string{"test", "rules"}, map[string]bool{}
	for _, c := range alertCases() {
		if !c.fires || c.step == tenMinutes || seen[c.alert] || c.alert == "MailWatchdog" {
			continue
		}
		seen[c.alert] = true
		both := maps.Clone(c.series)
		for name, values := range c.series {
			if !strings.Contains(name, "instance=") {
				both[strings.Replace(name, "{", `{instance="b",`, 1)] = values
			}
		}
		for _, name := range []string{`rusmes_build_info{version="1"}`, "up{}"} {
			if _, there := c.series[name]; !there {
				both[strings.Replace(name, "{", `{instance="b",`, 1)] = fmt.Sprintf("1x%d", c.at)
			}
		}
		c.series, c.servers = both, 1
		if names[c.alert] {
			c.servers = 2
		}
		rules, groups := rulesOf(string(text), c.alert)
		ruleFile, file := filepath.Join(dir, c.alert+".yaml"), filepath.Join(dir, c.String()+".json")
		if err := errors.Join(os.WriteFile(ruleFile, []byte(rules), 0o600), os.WriteFile(file, c.test(t, ruleFile, groups), 0o600)); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	if output, exit := peer.Promtool(t, nil, args...); exit != 0 || len(seen) < 30 {
		t.Errorf("%d alerts, exit %d\n%s", len(seen), exit, output)
	}
}

// TestEveryAlertHasCases: one at least in which it fires, and one in which it does not.
func TestEveryAlertHasCases(t *testing.T) {
	text, err := os.ReadFile(writeRules(t))
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, c := range alertCases() {
		has[fmt.Sprint(c.alert, " ", c.which, " ", c.fires)] = true
	}
	alerts := regexp.MustCompile(`(?s)- alert: (\w+)\n.*?labels:\n(?: +burn: (\w+)\n)? +severity: (\w+)\n`).FindAllStringSubmatch(string(text), -1)
	if want := strings.Count(string(text), "- alert:"); len(alerts) != want || want < 40 {
		t.Fatalf("found %d alerts of %d", len(alerts), want)
	}
	for _, a := range alerts {
		which := a[3]
		if a[2] != "" {
			which = a[2]
		}
		for _, fires := range []bool{true, false} {
			if a[1] == "MailWatchdog" && !fires {
				continue // it always does
			}
			if !has[fmt.Sprint(a[1], " ", which, " ", fires)] {
				t.Errorf("%s (%s): no case in which fires is %v", a[1], which, fires)
			}
		}
	}
}

// alertCase is what Prometheus has seen, in promtool's notation, and whether an alert fires.
type alertCase struct {
	alert, which string // which is the severity, or the burn where two alerts have the same
	fires        bool
	name         string
	at           int // the step at which is looked
	step         string
	series       map[string]string
	servers      int // for how many it fires; 0 is for one, or for as many as the series have
}

func (c alertCase) String() string {
	return fmt.Sprintf("%s (%s) %s", c.alert, c.which, strings.ReplaceAll(c.name, "/", " "))
}

// test is a file for promtool: JSON is YAML, too.
func (c alertCase) test(t *testing.T, rules string, groups []string) []byte {
	t.Helper()
	length := fmt.Sprintf("1x%d", c.at)
	all := map[string]string{`rusmes_build_info{version="1"}`: length, "up{}": length}
	maps.Copy(all, c.series)
	type object = map[string]any
	var input []object
	for name, values := range all {
		if values == "" {
			continue // it is not there
		}
		if !strings.Contains(name, "instance=") {
			name = strings.Replace(name, "{", `{instance="a",`, 1)
		}
		if !strings.Contains(name, "job=") {
			name = strings.Replace(name, "{", `{job="mail",`, 1)
		}
		input = append(input, object{"series": name, "values": values})
	}
	which := "severity"
	if c.which == "fast" || c.which == "slow" {
		which = "burn"
	}
	firing, count := 0, "count"
	if c.fires {
		firing = 1
	}
	if c.servers > 0 {
		firing, count = c.servers, "count(count by (instance)"
	}
	text, err := json.Marshal(object{
		"rule_files": []string{rules}, "evaluation_interval": c.step, "group_eval_order": groups,
		"tests": []object{{
			"interval": c.step, "input_series": input,
			"promql_expr_test": []object{{
				"expr":      fmt.Sprintf(`%s(ALERTS{alertname=%q,%s=%q,alertstate="firing"})%s or vector(0)`, count, c.alert, which, c.which, strings.Repeat(")", strings.Count(count, "(count"))),
				"eval_time": times(c.at, c.step), "exp_samples": []object{{"labels": "{}", "value": firing}},
			}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// times is n steps of a minute or of ten.
func times(n int, step string) string {
	if step == tenMinutes {
		n *= 10
	}
	return fmt.Sprintf("%dm", n)
}

const (
	minute     = "1m"
	tenMinutes = "10m"
)
