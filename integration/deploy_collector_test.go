package integration

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/internal/mailspan"
	faults "github.com/rusmes/otelmail/internal/refusal"
	"github.com/rusmes/otelmail/internal/settings"
)

const (
	agentFile   = "../deploy/collector/agent.yaml"
	gatewayFile = "../deploy/collector/gateway.yaml"
	frontFile   = "../deploy/collector/gateway-front.yaml"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// offOption is what stands before a line of configuration that is there to be switched on.
var offOption = regexp.MustCompile(`(?m)^( *)#\| `)

// The Collector takes the files, and takes them with all that can be switched on; what
// has no default it asks for.
func TestCollectorsConfigurationIsValid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	env := []string{"STATE_DIRECTORY=" + dir, "GATEWAY=gateway.example:4317", "TRACES_ENDPOINT=traces.example:4317", "GATEWAYS=gateways.example"}
	// The exporter loadbalancing is not in the tests' Collector: all of the file but that.
	front := regexp.MustCompile(`(?ms)^  loadbalancing:.*?^  # Metrics`).ReplaceAllString(readFile(t, frontFile), "  # Metrics")
	front = strings.Replace(front, "exporters: [loadbalancing]", "exporters: [otlp_grpc]", 1)
	for name, file := range map[string]string{
		"agent": agentFile, "gateway": gatewayFile,
		"front, without loadbalancing": write("front.yaml", front),
		"agent, all on":                write("agent.yaml", offOption.ReplaceAllString(readFile(t, agentFile), "$1")),
		"gateway, all on":              write("gateway.yaml", offOption.ReplaceAllString(readFile(t, gatewayFile), "$1")),
	} {
		if err := peer.ValidateCollector(t, file, env...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, file := range []string{agentFile, gatewayFile} {
		if err := peer.ValidateCollector(t, file, env[0]); err == nil || !strings.Contains(err.Error(), "otlp_grpc") {
			t.Errorf("%s without an address to send to: %v, want an error that names the exporter", file, err)
		}
	}
}

// An agent listens where otelmail pushes without being told.
func TestTheAgentListensWhereWePush(t *testing.T) {
	text := readFile(t, agentFile)
	for name, url := range map[string]string{"AGENT_GRPC": settings.LocalGRPC, "AGENT_HTTP": settings.LocalHTTP} {
		want := "${env:" + name + ":-" + strings.Replace(url, "http://localhost", "127.0.0.1", 1) + "}"
		if !strings.Contains(text, want) {
			t.Errorf("%s has no %s", agentFile, want)
		}
	}
}

// policy is one of the gateway's policies.
type policy struct {
	Name      string
	Condition struct{ Span []string } `json:"ottl_condition"`
	Numeric   struct{ Key string }    `json:"numeric_attribute"`
	String    struct{ Key string }    `json:"string_attribute"`
	And       struct {
		Policies []policy `json:"and_sub_policy"`
	}
}

// policies are those of the gateway, those within others too, by name.
func policies(t *testing.T) map[string]policy {
	t.Helper()
	var file struct {
		Processors struct {
			TailSampling struct{ Policies []policy } `json:"tail_sampling"`
		}
	}
	if err := yaml.Unmarshal([]byte(readFile(t, gatewayFile)), &file); err != nil {
		t.Fatal(err)
	}
	all := map[string]policy{}
	for _, p := range file.Processors.TailSampling.Policies {
		all[p.Name] = p
		for _, sub := range p.And.Policies {
			all[sub.Name] = sub
		}
	}
	return all
}

var attributeOfSpan = regexp.MustCompile(`span\.attributes\["([^"]+)"\]`)

// The policies name attributes that our spans have, or the HTTP span of a JMAP request.
func TestPoliciesNameAttributesOfSpans(t *testing.T) {
	known := map[string]bool{"http.response.status_code": true}
	for _, span := range mailspan.All() {
		for _, use := range span.Uses {
			known[string(use.Key)] = true
		}
	}
	for name, p := range policies(t) {
		keys := []string{p.Numeric.Key, p.String.Key}
		for _, condition := range p.Condition.Span {
			for _, found := range attributeOfSpan.FindAllStringSubmatch(condition, -1) {
				keys = append(keys, found[1])
			}
		}
		for _, key := range keys {
			if key != "" && !known[key] {
				t.Errorf("policy %s: no span has the attribute %q", name, key)
			}
		}
	}
}

// What the gateway takes for our own fault is what docs/fault.md has as ours.
func TestThePolicyKnowsWhoseFaultItIs(t *testing.T) {
	var pattern *regexp.Regexp
	for _, condition := range policies(t)["our-fault"].Condition.Span {
		if found := regexp.MustCompile(`SERVER and IsMatch\(.*, "(.*)"\)$`).FindStringSubmatch(condition); found != nil {
			pattern = regexp.MustCompile(strings.ReplaceAll(found[1], `\\`, `\`))
		}
	}
	if pattern == nil {
		t.Fatal("the policy our-fault has no pattern for error.type")
	}
	// Each code is asked for by the row that decides it: x.3.4 has one of its own, x.3.9 that of x.3.
	table := map[string]bool{}
	for _, row := range faults.Rules() {
		table[row.When] = !row.Theirs
	}
	checked := 0
	for when, ours := range table {
		subject, enhanced := strings.CutPrefix(when, "x.")
		errorTypes := []string{when}
		if enhanced {
			errorTypes = nil
			details := []string{subject}
			if !strings.Contains(subject, ".") {
				details = nil
				for detail := range 30 {
					if _, own := table[fmt.Sprintf("x.%s.%d", subject, detail)]; !own {
						details = append(details, fmt.Sprintf("%s.%d", subject, detail))
					}
				}
			}
			for _, detail := range details {
				errorTypes = append(errorTypes, "4."+detail, "5."+detail)
			}
		}
		for _, errorType := range errorTypes {
			if strings.Contains(errorType, " ") {
				continue // the last row: all else
			}
			checked++
			if pattern.MatchString(errorType) != ours {
				t.Errorf("%s is ours: %v by docs/fault.md, and the gateway has it otherwise", errorType, ours)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d values were compared", checked)
	}
}

// What is slow for the gateway is late by the rules.
func TestPoliciesHaveTheObjectivesOfTheRules(t *testing.T) {
	rules := readFile(t, "../rules/otelmail.rules.yaml")
	all := policies(t)
	for _, tc := range []struct{ policy, seconds, record string }{
		{"late", `> (\d+)\.0$`, "first_attempt"},
		{"slow", `> (\d+)000000000$`, "delivery_time"},
	} {
		found := regexp.MustCompile(tc.seconds).FindStringSubmatch(strings.Join(all[tc.policy].Condition.Span, "\n"))
		if found == nil {
			t.Errorf("policy %s has no number of seconds", tc.policy)
			continue
		}
		want := regexp.MustCompile(`record: job:\w+_sli_` + tc.record + `_errors:ratio5m\n\s+expr: \|-\n.*le=~"` + found[1] + `\|`)
		if !want.MatchString(rules) {
			t.Errorf("policy %s has %s s, and the rules have another number for %s", tc.policy, found[1], tc.record)
		}
	}
	names := slices.Sorted(maps.Keys(all))
	for _, want := range []string{"bounced", "our-fault", "deferred-an-hour", "first-attempt-late", "slow", "watched-users", "rest"} {
		if !slices.Contains(names, want) {
			t.Errorf("no policy %s among %q", want, names)
		}
	}
}
