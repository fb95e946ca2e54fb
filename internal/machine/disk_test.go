package machine_test

import (
	"testing"

	"github.com/rusmes/otelmail/internal/machine"
)

func TestShares(t *testing.T) {
	for name, tt := range map[string]struct {
		blocks, free, available, inodes, inodesFree uint64
		want                                        machine.Free
	}{
		"half":                {100, 50, 50, 10, 5, machine.Free{Space: 0.5, Inodes: 0.5}},
		"reserved for root":   {100, 50, 40, 10, 0, machine.Free{Space: 40. / 90}},
		"full for all others": {100, 5, 0, 10, 10, machine.Free{Inodes: 1}},
		"no fixed inodes":     {100, 100, 100, 0, 0, machine.Free{Space: 1, NoInodes: true}},
		"nothing":             {0, 0, 0, 0, 0, machine.Free{NoInodes: true}},
		"more than there is":  {10, 10, 10, 10, 20, machine.Free{Space: 1, Inodes: 1}},
	} {
		if got := machine.Shares(tt.blocks, tt.free, tt.available, tt.inodes, tt.inodesFree); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}
