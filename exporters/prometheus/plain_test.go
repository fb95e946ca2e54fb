package prometheus

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
)

// borrowed is an exporter that lends the Reader to a test.
type borrowed struct{ reader *otelmail.Reader }

func (b *borrowed) Open(_ context.Context, p *otelmail.Pipeline) error {
	b.reader = p.Reader()
	return nil
}

// The families made here read as those that OpenTelemetry's exporter makes.
func TestPlainFamiliesReadTheSame(t *testing.T) {
	var exporter borrowed
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithExporter(&exporter),
		otelmail.WithDomainLimit(20), otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	tel.Storage.AddMessages(-3)
	for i := range 50 {
		session := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
		session.Command(otelmail.SMTPData).EndMessage(otelmail.Reply{Code: 250}, fmt.Sprintf("x@d%d.example", i*i%97), `y@"\`)
	}
	scopes, err := exporter.reader.Produce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBridge(nil)
	if err != nil {
		t.Fatal(err)
	}
	want, found := b.translate(t.Context(), scopes)
	if len(found) > 0 {
		t.Fatal(found)
	}
	families, rest := b.plain.split(scopes)
	if len(families) < 30 {
		t.Errorf("only %d families are made without the exporter", len(families))
	}
	translated, found := b.translate(t.Context(), rest)
	if len(found) > 0 {
		t.Fatal(found)
	}
	if got, want := text(t, append(families, translated...)), text(t, want); got != want {
		t.Errorf("the page is\n%s\nand not\n%s", got, want)
	}
}

func text(t *testing.T, families []*dto.MetricFamily) string {
	t.Helper()
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	var out bytes.Buffer
	for _, format := range []expfmt.Format{expfmt.NewFormat(expfmt.TypeTextPlain), expfmt.NewFormat(expfmt.TypeOpenMetrics)} {
		if found, err := encode(t.Context(), &out, families, format); err != nil || len(found) > 0 {
			t.Fatal(err, found)
		}
	}
	return out.String()
}

func TestWhatIsNotPlainIsLeftToTheExporter(t *testing.T) {
	point := func(attrs ...attribute.KeyValue) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attrs...), Value: 1}
	}
	gauge := func(points ...metricdata.DataPoint[int64]) metricdata.Aggregation {
		return metricdata.Gauge[int64]{DataPoints: points}
	}
	sum := func(monotonic bool) metricdata.Aggregation {
		return metricdata.Sum[int64]{DataPoints: []metricdata.DataPoint[int64]{point()}, IsMonotonic: monotonic,
			Temporality: metricdata.CumulativeTemporality}
	}
	traced := point()
	traced.Exemplars = []metricdata.Exemplar[int64]{{}}
	host := attribute.String("host", "a")
	for what, tt := range map[string]struct {
		scope string
		metricdata.Metrics
		plain bool
	}{
		"a counter":                  {otelmail.ScopeName, metricdata.Metrics{Name: "m_total", Data: sum(true)}, true},
		"a gauge with a label":       {otelmail.ScopeName, metricdata.Metrics{Name: "m", Data: gauge(point(host))}, true},
		"another scope":              {"theirs", metricdata.Metrics{Name: "m_total", Data: sum(true)}, false},
		"a sum that may fall":        {otelmail.ScopeName, metricdata.Metrics{Name: "m", Data: sum(false)}, false},
		"a counter without _total":   {otelmail.ScopeName, metricdata.Metrics{Name: "m", Data: sum(true)}, false},
		"a unit that the name lacks": {otelmail.ScopeName, metricdata.Metrics{Name: "m", Unit: "s", Data: gauge(point())}, false},
		"a name with dots":           {otelmail.ScopeName, metricdata.Metrics{Name: "m.n", Data: gauge(point())}, false},
		"no points":                  {otelmail.ScopeName, metricdata.Metrics{Name: "m", Data: gauge()}, false},
		"an exemplar":                {otelmail.ScopeName, metricdata.Metrics{Name: "m", Data: gauge(traced)}, false},
		"two labels":                 {otelmail.ScopeName, metricdata.Metrics{Name: "m", Data: gauge(point(host, attribute.String("b", "c")))}, false},
		"a label with dots":          {otelmail.ScopeName, metricdata.Metrics{Name: "m", Data: gauge(point(attribute.String("a.b", "c")))}, false},
		"labels of different names":  {otelmail.ScopeName, metricdata.Metrics{Name: "m", Data: gauge(point(host), point(attribute.String("b", "c")))}, false},
		"a label that is a number":   {otelmail.ScopeName, metricdata.Metrics{Name: "m", Data: gauge(point(attribute.Int("host", 1)))}, false},
		"bytes that are no text":     {otelmail.ScopeName, metricdata.Metrics{Name: "m", Data: gauge(point(attribute.String("host", "\xff")))}, false},
		"the same labels twice":      {otelmail.ScopeName, metricdata.Metrics{Name: "m", Data: gauge(point(host), point(host))}, false},
		"a float": {otelmail.ScopeName, metricdata.Metrics{Name: "m", Data: metricdata.Gauge[float64]{
			DataPoints: []metricdata.DataPoint[float64]{{Value: 0.5}}}}, false},
	} {
		scopes := []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: tt.scope}, Metrics: []metricdata.Metrics{tt.Metrics}}}
		families, rest := newPlain().split(scopes)
		if len(families) == 1 != tt.plain || len(rest) != 1 || len(rest[0].Metrics) == 0 != tt.plain {
			t.Errorf("%s: %d families, left %v", what, len(families), rest)
		}
	}
}

// Of two series with one name the first is shown, the other is the exporter's.
func TestTheFirstOfOneNameIsPlain(t *testing.T) {
	m := metricdata.Metrics{Name: "m", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: 1}}}}
	ours := metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: otelmail.ScopeName}, Metrics: []metricdata.Metrics{m}}
	families, rest := newPlain().split([]metricdata.ScopeMetrics{ours, ours})
	if len(families) != 1 || len(rest) != 2 || len(rest[0].Metrics) != 0 || len(rest[1].Metrics) != 1 {
		t.Errorf("%d families, left %v", len(families), rest)
	}
}
