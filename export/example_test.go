package export_test

import (
	"context"
	"fmt"
	"log"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
)

// An exporter of an application's own, which writes one series when the program ends.
func ExampleExporter() {
	last := export.Func(func(_ context.Context, p export.Pipeline) error {
		p.OnShutdown("the last word", func(ctx context.Context) error {
			var all metricdata.ResourceMetrics
			if err := p.Reader().Collect(ctx, &all); err != nil {
				return err
			}
			for _, m := range all.ScopeMetrics[0].Metrics {
				if m.Name == "rusmes_queue_size" {
					fmt.Println(m.Name, m.Data.(metricdata.Gauge[int64]).DataPoints[0].Value)
				}
			}
			return nil
		})
		return nil
	})

	ctx := context.Background()
	tel, err := otelmail.Start(ctx, otelmail.WithoutGlobals(), otelmail.WithExporter(last))
	if err != nil {
		log.Fatal(err)
	}
	tel.Queue.Size.Set(3)
	if err := tel.Shutdown(ctx); err != nil {
		log.Print(err)
	}
	// Output: rusmes_queue_size 3
}
