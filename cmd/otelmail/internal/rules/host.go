package rules

import (
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

// host is what the server stands on, and its own health.
func (q query) host() []rule {
	// Where no file descriptor is left, which one of these alerts is about, a scrape may be without
	// what is read from a file of /proc. An alert that waits begins anew when its series are away.
	last := func(name string) string { return "last_over_time(" + q.target(name) + "[5m])" }
	rss := q.target("process_resident_memory_bytes")
	lastRSS := last("process_resident_memory_bytes")
	free := func(name, few, hardlyAny string, m catalog.Metric) []rule {
		ratio := q.scope.Select(m)
		return []rule{
			alert(name, ticket, "15m", ratio+" < 0.1",
				few+" left on {{ $labels.path }} at {{ $labels.instance }}",
				"{{ $value | humanizePercentage }} is free. Where nothing is left mail is refused with 452."),
			alert(name, page, "5m",
				lines(ratio+" < 0.03", "or "+ratio+" < 0.2 and predict_linear("+ratio+"[1h], 4 * 3600) < 0"),
				hardlyAny+" left on {{ $labels.path }} at {{ $labels.instance }}",
				"{{ $value | humanizePercentage }} is free: less than 3 %, or nothing within four hours if it goes on like this."),
		}
	}
	disk, inodes := free("MailDiskFilling", "Little space is", "Hardly any space is", series.DiskFree), free("MailInodesLow", "Few inodes are", "Hardly any inodes are", series.InodesFree)
	return append(append(disk, inodes...),
		alert("MailDescriptorsLow", page, "10m",
			q.ours(last("process_open_fds")+" / "+last("process_max_fds")+" > 0.8", ""),
			"Few file descriptors are left at {{ $labels.instance }}",
			"{{ $value | humanizePercentage }} are in use. Where none is left no connection is accepted and no message is stored."),
		// Without a limit of the runtime's own, what was usual the day before is the measure.
		alert("MailMemoryHigh", ticket, "15m",
			q.ours(lines(lastRSS+" > 0.9 * "+q.target("go_gc_gomemlimit_bytes"),
				"or "+lastRSS+" > 512 * 1024 * 1024 and "+lastRSS+" > 2 * max_over_time("+rss+"[1d] offset 1d)"), ""),
			"Much memory is in use at {{ $labels.instance }}",
			"{{ $value | humanize1024 }}B are resident: more than 90 % of GOMEMLIMIT, or more than twice as much as at any time of the day before."),
		alert("MailPanics", ticket, "",
			q.increase(series.Panics, "15m", "job, instance, component")+" > 0",
			"A handler has panicked at {{ $labels.instance }}",
			"There were {{ $value | humanize }} panics in {{ $labels.component }} within a quarter of an hour. They were contained; what the client was doing has failed."),
		alert("MailHealthCheckDown", page, "5m",
			q.scope.Select(series.HealthStatus)+" == 0",
			"The check {{ $labels.check }} fails at {{ $labels.instance }}",
			"It has been unhealthy for five minutes; /health answers 503."),
		alert("MailHealthCheckFlapping", ticket, "",
			"changes("+q.scope.Select(series.HealthStatus)+"[1h]) > 5",
			"The check {{ $labels.check }} comes and goes at {{ $labels.instance }}",
			"It has changed {{ $value }} times within an hour."),
	)
}
