package main

import (
	"context"
	"sync/atomic"

	vm "github.com/VictoriaMetrics/metrics"
	prom "github.com/prometheus/client_golang/prometheus"
)

// counterDuels count one event with WebPush.GaveUp, which adds to one counter and does
// nothing else.
func counterDuels(ctx context.Context) ([]duel, error) {
	tel, err := start(ctx)
	if err != nil {
		return nil, err
	}
	var bare atomic.Int64
	resolved := prom.NewCounterVec(prom.CounterOpts{Name: "push_deliveries_total"}, []string{"service"}).WithLabelValues("web")
	victoria := vm.NewSet().NewCounter("push_deliveries_total")

	ours := func(n int) {
		for range n {
			tel.WebPush.GaveUp()
		}
	}
	atomically := func(n int) {
		for range n {
			bare.Add(1)
		}
	}
	prometheus := func(n int) {
		for range n {
			resolved.Inc()
		}
	}
	victorias := func(n int) {
		for range n {
			victoria.Inc()
		}
	}
	return []duel{
		{row: Row{ID: "counter", What: "counter event, one core", Against: "bare atomic add", Goal: Goal{Ratio: 1.2, NoAllocs: true}},
			ours: ours, theirs: atomically},
		{row: Row{ID: "counter-victoria", What: "counter event, one core", Against: "VictoriaMetrics/metrics"},
			ours: ours, theirs: victorias},
		{row: Row{ID: "counter-cores", What: "hot counter, all cores busy", Against: "client_golang, resolved child", Goal: Goal{Ratio: 0.5}},
			ours: ours, theirs: prometheus, allCores: true},
		{row: Row{ID: "counter-cores-atomic", What: "hot counter, all cores busy", Against: "bare atomic add, shared"},
			ours: ours, theirs: atomically, allCores: true},
	}, nil
}
