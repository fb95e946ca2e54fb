package reference

import (
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/seriesname"
	"github.com/rusmes/otelmail/internal/settings"
)

const limits = "Not counted is what cannot be followed on a connection: IMAP after COMPRESS, " +
	"and what no RFC allows. Each such session is one in `{selfUnfollowed}`."

// Limits is what the counters cannot see. The README says it in the same words.
func Limits(root fs.FS) (string, error) {
	names, err := seriesname.Read(root)
	if err != nil {
		return "", err
	}
	return names.Fill(limits)
}

// Series writes docs/series.md from the Catalog, and from the dashboards and rules that were
// made of it.
func Series(w io.Writer, root fs.FS) error {
	used, err := readUses(root)
	if err != nil {
		return err
	}
	notCounted, err := Limits(root)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(Generated)
	b.WriteString(`# The series

Every series of otelmail, as it stands on /metrics and in OTLP. The prefix
` + "`" + settings.Namespace + "`" + ` is the default namespace; ` + "`otelmail.WithNamespace`" + ` replaces it. Names are the
same on both sides: OTLP carries them as written here.

Counters are exact, inside TLS too. ` + notCounted + `

All series without labels, and counters and gauges with up to 64 combinations of closed
label values, are there with 0 from the first scrape on; the others from their first event
on, or from when what they show is registered. No other label is added unless you ask for it.

` + "`increase()` and `rate()`" + ` stretch what they see to the whole window, so that they seldom say a whole
number: ` + "`x - x offset 1h`" + ` is exact while the server is not restarted. They do not see what a series begins
with, so that of one that appears with its first event, what the first scrape finds of it is missing. This has it,
with the name of the series in place of x, and so have the alerts and the dashboards:

` + "```promql" + `
(x unless x offset 1h) or increase(x[1h])
` + "```" + `

It is not for the busiest domains and senders, which appear with what they had under ` + "`_other`" + `. Prometheus'
` + "`created-timestamp-zero-ingestion`" + ` does not help: /metrics has created timestamps of native histograms alone,
and they tell when the process started.

Each series says how its values on several servers are put together: ` + "`sum`" + ` by the increase or the rate of a
counter or of a histogram's buckets, and by the value of a gauge; ` + "`max`" + ` or ` + "`min`" + ` where a sum means nothing;
` + "`by host`" + ` where nothing else does. A quantile is made of summed buckets, and a ratio of summed counters:
neither is averaged over servers, nor added up. Where each server shows its own busiest, the sum over
all label values is exact, and that of one lacks what servers have of it under ` + "`_other`" + `, unless each of them
always shows it ([settings.md](settings.md#one-list-of-domains-for-all-servers)). What several servers tell of
one store, as all of them may of a shared one, is there once for each.

/metrics has more than these: ` + "`process_*`" + ` and ` + "`go_*`" + ` of the process, and
` + "`" + settings.Namespace + "_telemetry_scrape_errors_total`" + `, which counts what a scrape could not show, by
` + "`reason`" + `: a collection that failed (` + "`source`" + `) or was late (` + "`timeout`" + `), a series that is
invalid or a duplicate (` + "`series`" + `), a family that could not be written (` + "`encode`" + `), a
scrape refused because too many ran at once (` + "`busy`" + `). Where ` + "`prometheus.Serve`" + ` serves it,
` + "`" + settings.Namespace + "_telemetry_server_problems_total`" + ` counts what the server refused, by ` + "`reason`" + `: a
connection too many (` + "`connection`" + `), a password that could not be verified in time
(` + "`login`" + `) or was wrong (` + "`password`" + `), requests beyond the ` + "`rate_limit`" + ` of the web
configuration file (` + "`rate`" + `), and that file itself, each time that it was looked at and could
not be used (` + "`config`" + `): what it said before holds on then. It also counts what came when
the process had no file descriptor left (` + "`descriptors`" + `), and was answered from a reserve.

The two gauges named ` + "`*_total`" + ` keep their names because dashboards rely on them;
` + "`promtool check metrics`" + ` reports them, and only them.

| series | type | unit | labels | moves when, or is |
|---|---|---|---|---|
`)
	all := otelmail.Catalog()
	for _, m := range all {
		fmt.Fprintf(&b, "| [`%s`](#%[1]s) | %s | %s | %s | %s |\n", m.FullName(settings.Namespace), m.Kind, unit(m), labelKeys(m), m.Help)
	}
	for _, m := range all {
		fmt.Fprintf(&b, "\n## `%s`\n\n%s.\n\n- Type: %s; unit: %s\n", m.FullName(settings.Namespace), m.Help, m.Kind, unit(m))
		for _, l := range m.Labels {
			fmt.Fprintf(&b, "- Label `%s`: %s. Values: %s\n", l.Key, l.Help, labelValues(l))
		}
		if len(m.Buckets) > 0 {
			fmt.Fprintf(&b, "- Bucket bounds: %s\n", numbers(m.Buckets))
		}
		fmt.Fprintf(&b, "- Over several servers: %s\n", m.Fleet)
		fmt.Fprintf(&b, "- Since: %s\n", m.Since)
		if panels := used.panels(m); panels != "" {
			fmt.Fprintf(&b, "- Panels: %s\n", panels)
		}
		if alerts := used.alertsOn(m); alerts != "" {
			fmt.Fprintf(&b, "- Alerts: %s\n", alerts)
		}
		fmt.Fprintf(&b, "\nWhat a rise means: %s\n", m.Rise)
	}
	b.WriteString("\nNext: [spans.md](spans.md), every span.\n")
	_, err = io.WriteString(w, b.String())
	return err
}

func unit(m catalog.Metric) string {
	switch m.Unit {
	case "s":
		return "seconds"
	case "By":
		return "bytes"
	}
	return strings.Trim(m.Unit, "{}")
}

func labelKeys(m catalog.Metric) string {
	var keys []string
	for _, l := range m.Labels {
		keys = append(keys, "`"+l.Key+"`")
	}
	return strings.Join(keys, ", ")
}

func labelValues(l catalog.Label) string {
	if l.Values == nil {
		return "open, bounded in number"
	}
	return "`" + strings.Join(l.Values, "`, `") + "`"
}

func numbers(list []float64) string {
	out := make([]string, len(list))
	for i, f := range list {
		out[i] = strconv.FormatFloat(f, 'g', -1, 64)
	}
	return strings.Join(out, " ")
}
