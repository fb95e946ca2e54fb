package main

import (
	"slices"
	"testing"
)

func TestOnly(t *testing.T) {
	for only, want := range map[string]struct {
		rows   map[string]bool
		stores []store
	}{
		"":                       {map[string]bool{"counter": true, "latency": true}, []store{spool, discard}},
		"counter":                {map[string]bool{"counter": true, "counter-cores": true, "latency": false}, nil},
		"span,latency":           {map[string]bool{"span": true, "latency": true, "memory": false}, nil},
		"server-spool":           {map[string]bool{"server-spool-sampled": true, "server-discard-sampled": false}, []store{spool}},
		"server-mallocs":         {map[string]bool{"server-mallocs": true}, []store{discard}},
		"server-discard-sampled": {map[string]bool{"server-discard-sampled": true, "server-discard-metrics": false}, []store{discard}},
		",":                      {map[string]bool{"counter": false}, nil},
	} {
		o := options{only: only}
		for id, wanted := range want.rows {
			if got := o.wants(id); got != wanted {
				t.Errorf("-only %q: wants %s = %t, want %t", only, id, got, wanted)
			}
		}
		if got := o.stores(); !slices.Equal(got, want.stores) {
			t.Errorf("-only %q: stores %v, want %v", only, got, want.stores)
		}
	}
}

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{{"-fast"}, {"counter"}, {"-quick=maybe"}} {
		if o, err := parseFlags(args); err == nil {
			t.Errorf("parseFlags(%v) = %+v, want an error", args, o)
		}
	}
	for _, args := range [][]string{{"child"}, {"child", "nobody"}} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("run(%v) succeeds, want an error", args)
		}
	}
}
