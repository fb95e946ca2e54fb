package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	s "github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

func storage(q queries) []row {
	return []row{
		{"What is stored", []panel{
			{title: "Messages stored", queries: []query{q.sum(s.StorageMessages, "instance")}},
			{title: "Mailboxes", queries: []query{q.sum(s.StorageMailboxes, "instance")}},
			{title: "Bytes stored", queries: []query{q.sum(s.StorageBytes, "instance")}},
		}},
		{"Disk", []panel{
			diskFree(q),
			inodesFree(q),
			{title: "Bytes in the queue, by state", queries: []query{q.sum(s.QueueBytes, "state")}},
		}},
		{"Mail store", []panel{
			{title: "Duration of operations, 95 %", queries: []query{q.p95(s.StoreDuration, "op")}},
			{title: "Operations, by name", unit: units.CountsPerSecond, queries: []query{q.recorded(s.StoreDuration, "op")}},
			{title: "Operations, by result", unit: units.CountsPerSecond, queries: []query{q.recorded(s.StoreDuration, "result")}},
			{title: "Search index behind the store", queries: []query{q.most(s.IndexLag, "instance")}, steps: above(60, hour)},
		}},
	}
}
