package otelmail_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
)

// Series whose labels are the same once they are valid become one, and lose nothing.
func TestLabelsThatBecomeTheSame(t *testing.T) {
	reader, err := otelmail.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("app")
	counts, _ := meter.Int64Counter("counts")
	amounts, _ := meter.Float64UpDownCounter("amounts")
	level, _ := meter.Int64Gauge("level")
	times, _ := meter.Float64Histogram("times", metric.WithExplicitBucketBoundaries(1, 2))
	for i, value := range []string{"caf\xe8", "caf\xe9", "tea"} {
		labels := metric.WithAttributes(attribute.String("drink", value))
		counts.Add(t.Context(), int64(i+1), labels)
		amounts.Add(t.Context(), float64(i)+0.5, labels)
		level.Record(t.Context(), int64(i+1), labels)
		times.Record(t.Context(), float64(i)+0.5, labels)
	}
	all := collect(t, reader)
	if got := byDrink(all["counts"].Data.(metricdata.Sum[int64]).DataPoints); got["caf\uFFFD"] != 3 || got["tea"] != 3 || len(got) != 2 {
		t.Errorf("counts %v", got)
	}
	if got := byDrink(all["amounts"].Data.(metricdata.Sum[float64]).DataPoints); got["caf\uFFFD"] != 2 || got["tea"] != 2.5 || len(got) != 2 {
		t.Errorf("amounts %v", got)
	}
	if got := byDrink(all["level"].Data.(metricdata.Gauge[int64]).DataPoints); got["caf\uFFFD"] != 1 && got["caf\uFFFD"] != 2 || got["tea"] != 3 || len(got) != 2 {
		t.Errorf("level %v", got)
	}
	points := all["times"].Data.(metricdata.Histogram[float64]).DataPoints
	if len(points) != 2 {
		t.Fatalf("times %v", points)
	}
	for _, p := range points {
		if drink, _ := p.Attributes.Value("drink"); drink.AsString() == "tea" {
			continue
		}
		least, _ := p.Min.Value()
		most, _ := p.Max.Value()
		if p.Count != 2 || p.Sum != 2 || p.BucketCounts[0] != 1 || p.BucketCounts[1] != 1 || least != 0.5 || most != 1.5 {
			t.Errorf("times %+v", p)
		}
	}
}

func byDrink[N int64 | float64](points []metricdata.DataPoint[N]) map[string]N {
	all := map[string]N{}
	for _, p := range points {
		drink, _ := p.Attributes.Value("drink")
		all[drink.AsString()] += p.Value
	}
	return all
}
