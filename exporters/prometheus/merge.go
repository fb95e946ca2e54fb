package prometheus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	prom "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// merge makes one sorted list of the page's own families and the sources'. Where
// two have a series of the same name and labels, the earlier one's is shown.
func merge(own []*dto.MetricFamily, sources []*source, parts []part) ([]*dto.MetricFamily, []problem) {
	m := merged{at: make(map[string]int)}
	m.add("the page's own series", own)
	for i, p := range parts {
		families := p.families
		if i > 0 { // the first is OpenTelemetry's, see addSources
			families = withoutCopies(parts[0].families, families)
		}
		m.add(sources[i].name, families)
	}
	slices.SortFunc(m.families, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return m.families, m.problems
}

type merged struct {
	families []*dto.MetricFamily
	at       map[string]int // index in families, by name
	problems []problem
}

func (m *merged) add(source string, families []*dto.MetricFamily) {
	for _, mf := range families {
		name := mf.GetName()
		i, taken := m.at[name]
		switch {
		case !taken:
			if other := m.shadowed(name, mf.GetType()); other != "" {
				m.problems = append(m.problems, problem{reasonSeries, fmt.Errorf(
					"%s: %s is left out: its lines would be taken for those of %s", source, name, other)})
				continue
			}
			m.at[name] = len(m.families)
			m.families = append(m.families, mf)
		case ofRuntime(name):
			// Every default registry has them: the second copy is left out without a report.
		default:
			both, err := joined(m.families[i], mf)
			m.problems = append(m.problems, seriesProblems(source, err)...)
			m.families[i] = both
		}
	}
}

// scopeLabel stands on every series of OpenTelemetry's own Prometheus exporter.
const scopeLabel = "otel_scope_name"

// withoutCopies leaves out what an exporter of the application's own shows of the
// instruments that are on the page already. Its label would make two series of each.
func withoutCopies(ours, theirs []*dto.MetricFamily) []*dto.MetricFamily {
	var kept []*dto.MetricFamily
	for _, mf := range theirs {
		same := func(other *dto.MetricFamily) bool { return other.GetName() == mf.GetName() }
		if slices.ContainsFunc(mf.GetMetric(), scoped) && slices.ContainsFunc(ours, same) {
			mf = &dto.MetricFamily{Name: mf.Name, Help: mf.Help, Type: mf.Type, Unit: mf.Unit,
				Metric: slices.DeleteFunc(slices.Clone(mf.GetMetric()), scoped)}
			if len(mf.GetMetric()) == 0 {
				continue
			}
		}
		kept = append(kept, mf)
	}
	return kept
}

func scoped(m *dto.Metric) bool {
	return slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == scopeLabel })
}

func ofRuntime(name string) bool {
	return strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_")
}

// joined lets client_golang combine two families of one name.
func joined(a, b *dto.MetricFamily) (*dto.MetricFamily, error) {
	one := func(mf *dto.MetricFamily) prom.Gatherer {
		return prom.GathererFunc(func() ([]*dto.MetricFamily, error) { return []*dto.MetricFamily{mf}, nil })
	}
	both, err := prom.Gatherers{one(a), one(b)}.Gather()
	if len(both) != 1 {
		return a, err
	}
	return both[0], err
}

// lineSuffixes are what histograms and summaries append to their names.
var lineSuffixes = []string{"_bucket", "_count", "_sum"}

// shadowed names a family already on the page that has lines with the same names as
// lines of the new one. client_golang refuses that too, but only within one registry.
func (m *merged) shadowed(name string, kind dto.MetricType) string {
	for _, suffix := range lineSuffixes {
		if base, cut := strings.CutSuffix(name, suffix); cut {
			if i, taken := m.at[base]; taken && writes(m.families[i].GetType(), suffix) {
				return base
			}
		}
		if writes(kind, suffix) {
			if _, taken := m.at[name+suffix]; taken {
				return name + suffix
			}
		}
	}
	return ""
}

// writes reports whether families of this kind have lines with this suffix.
func writes(kind dto.MetricType, suffix string) bool {
	switch kind {
	case dto.MetricType_HISTOGRAM, dto.MetricType_GAUGE_HISTOGRAM:
		return true
	case dto.MetricType_SUMMARY:
		return suffix != "_bucket"
	}
	return false
}
