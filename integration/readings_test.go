package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// readFormat reads /metrics in one of its formats.
func readFormat(t *testing.T, url, accept string) page {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("the page as %s: %s: %v", accept, answer.Status, err)
	}
	if format := expfmt.ResponseFormat(answer.Header); format.FormatType() == expfmt.TypeProtoDelim {
		return readProtobuf(t, body)
	}
	return readPage(t, string(body))
}

func readProtobuf(t *testing.T, body []byte) page {
	t.Helper()
	p := page{}
	for decoder := expfmt.NewDecoder(bytes.NewReader(body), expfmt.FmtProtoDelim); ; {
		var family dto.MetricFamily
		err := decoder.Decode(&family)
		if errors.Is(err, io.EOF) {
			return ours(p)
		}
		if err != nil {
			t.Fatalf("reading the page as protobuf: %v", err)
		}
		for _, m := range family.GetMetric() {
			p.addMetric(family.GetName(), family.GetType(), m)
		}
	}
}

func (p page) addMetric(name string, kind dto.MetricType, m *dto.Metric) {
	labels := map[string]string{}
	for _, pair := range m.GetLabel() {
		labels[pair.GetName()] = pair.GetValue()
	}
	h := m.GetHistogram()
	switch kind {
	case dto.MetricType_COUNTER:
		p[seriesName(name, labels, "")] = m.GetCounter().GetValue()
	case dto.MetricType_HISTOGRAM:
		p[seriesName(name+"_count", labels, "")], p[seriesName(name+"_sum", labels, "")] = float64(h.GetSampleCount()), h.GetSampleSum()
		for _, b := range h.GetBucket() {
			p[seriesName(name+"_bucket", labels, fmt.Sprint(b.GetUpperBound()))] = float64(b.GetCumulativeCount())
		}
		p[seriesName(name+"_bucket", labels, "+Inf")] = float64(h.GetSampleCount())
	default:
		p[seriesName(name, labels, "")] = m.GetGauge().GetValue()
	}
}

// heldBy is what a Prometheus holds now of the series of a job, or of all. Native
// histograms have their own name, _native, for what is in a bucket.
func heldBy(server *peer.Prometheus, job string) page {
	selector := `__name__=~"` + namespace + `_.+"`
	if job != "" {
		selector += `,job="` + job + `"`
	}
	p := page{}
	for _, s := range server.Query("{" + selector + "}") {
		name := s.Labels["__name__"]
		labels, le := ownLabels(s.Labels)
		if s.Histogram == nil {
			p[seriesName(name, labels, le)] = s.Value
			continue
		}
		p[seriesName(name+"_count", labels, "")], p[seriesName(name+"_sum", labels, "")] = s.Histogram.Count, s.Histogram.Sum
		for upper, n := range s.Histogram.Buckets {
			p[seriesName(name+"_native", labels, upper)] = n
		}
	}
	return p
}

// ownLabels are those that the server has sent, and the bound of a bucket as in the text.
func ownLabels(labels map[string]string) (own map[string]string, le string) {
	own, le = maps.Clone(labels), labels["le"]
	for _, ofPrometheus := range []string{"__name__", "le", "job", "instance"} {
		delete(own, ofPrometheus)
	}
	if bound, err := strconv.ParseFloat(le, 64); err == nil {
		le = fmt.Sprint(bound)
	}
	return own, le
}

// seriesName writes a series as /metrics does.
func seriesName(name string, labels map[string]string, le string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, fmt.Sprintf("%s=%q", key, labels[key]))
	}
	if le != "" {
		all = append(all, fmt.Sprintf("le=%q", le))
	}
	return name + braced(all)
}

// lastOf is the last totals that a Collector has got.
func lastOf(c *peer.Collector) page {
	p := page{}
	for _, m := range lastMetrics(c) {
		maps.Copy(p, pushedPage(m))
	}
	return ours(p)
}

// sumOf adds up the differences that a Collector has got; of gauges it is the last value.
func sumOf(c *peer.Collector) page {
	p := page{}
	for _, m := range c.Metrics() {
		for series, value := range pushedPage(m) {
			if m.Temporality == "delta" {
				value += p[series]
			}
			p[series] = value
		}
	}
	return ours(p)
}

// withSumsOf is p with the sums of histograms as they are in want, where they are the same but
// for the last digits: these depend on the order in which numbers are added, and whoever adds
// differences does so in another one than the histogram.
func withSumsOf(want, p page) page {
	for series := range p {
		name, _, _ := strings.Cut(series, "{")
		if strings.HasSuffix(name, "_sum") && math.Abs(p[series]-want[series]) <= 1e-12*math.Abs(want[series]) {
			p[series] = want[series]
		}
	}
	return p
}

func ours(p page) page {
	maps.DeleteFunc(p, func(series string, _ float64) bool { return !strings.HasPrefix(series, namespace+"_") })
	return p
}

// withoutBuckets leaves out what depends on the form of histograms.
func withoutBuckets(p page) page {
	p = maps.Clone(p)
	maps.DeleteFunc(p, func(series string, _ float64) bool {
		return strings.Contains(series, "_bucket{") || strings.Contains(series, "_native{")
	})
	return p
}

// wholeBuckets wants the buckets of native histograms to hold what was counted.
func wholeBuckets(p page) error {
	held := page{}
	for series, n := range p {
		if name, labels, found := strings.Cut(series, "_native{"); found {
			labels = strings.TrimSuffix(labels[:strings.LastIndex(labels, "le=")], ",")
			if labels != "" {
				labels = "{" + labels + "}"
			}
			held[name+"_count"+labels] += n
		}
	}
	if len(held) < 20 {
		return fmt.Errorf("there are %d native histograms", len(held))
	}
	for series, n := range held {
		if p[series] != n {
			return fmt.Errorf("%s is %v, and its buckets hold %v", series, p[series], n)
		}
	}
	return nil
}
