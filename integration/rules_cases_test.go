package integration

import "strings"

type samples = map[string]string

// casesOf makes the cases of one alert.
type casesOf struct {
	alert, which, step string
	cases              *[]alertCase
}

func (c casesOf) fires(at int, name string, series samples) casesOf {
	*c.cases = append(*c.cases, alertCase{c.alert, c.which, true, name, at, c.step, series, 0})
	return c
}

func (c casesOf) silent(at int, name string, series samples) casesOf {
	*c.cases = append(*c.cases, alertCase{c.alert, c.which, false, name, at, c.step, series, 0})
	return c
}

// alertCases are the cases of all alerts, at the edge between firing and not. Labels are
// those that matter; job="mail" and instance="a" are added, and a target that is up and has
// build_info, unless the case has them. `""` leaves a series out.
func alertCases() []alertCase {
	var all []alertCase
	of := func(alert, which, step string) casesOf { return casesOf{alert, which, step, &all} }
	burnCases(of)
	mailCases(of)
	securityCases(of)
	hostCases(of)
	telemetryCases(of)
	return all
}

func burnCases(of func(alert, which, step string) casesOf) {
	const (
		received = "rusmes_smtp_messages_received_total{}"
		refused  = `rusmes_rejections_total{fault="ours",reason="system"}`
		theirs   = `rusmes_rejections_total{fault="theirs",reason="policy"}`
	)
	of("MailAcceptanceBudgetBurn", "fast", minute).
		fires(60, "2 of 102 within an hour", samples{received: "0+100x60", refused: "0+2x60"}).
		fires(120, "1 of 151 for longer", samples{received: "0+150x120", refused: "0+1x120"}).
		silent(60, "one of two servers refuses its only message: no average of ratios", samples{
			`rusmes_smtp_messages_received_total{instance="a"}`: "0+1000x60", `rusmes_smtp_messages_received_total{instance="b"}`: "0x60",
			`rusmes_rejections_total{fault="ours",reason="system",instance="b"}`: "0+1x60", `rusmes_build_info{version="1",instance="b"}`: "1x60"}).
		silent(120, "1 of 171", samples{received: "0+170x120", refused: "0+1x120"}).
		silent(120, "spam", samples{received: "0+100x120", theirs: "0+500x120"}).
		silent(120, "over since half an hour", samples{received: "0+100x120", refused: "0+9x85 765x40"}).
		silent(60, "one of few", samples{received: "0+1x60", refused: "_x58 1x10"}).
		fires(60, "first values count", samples{received: "0+1x60", refused: "_x58 5x10"}).
		fires(60, "nothing gets in", samples{received: "0x60", refused: "0+1x60"}).
		fires(60, "a restart in between", samples{received: "0+50x30 0+50x30", refused: "0+1x30 0+1x30"}).
		silent(60, "a server that was not scraped before", samples{received: "_x58 9000x10", refused: "_x58 900x10", `rusmes_build_info{version="1"}`: "_x58 1x10"}).
		silent(60, "idle", samples{received: "0x60"})
	of("MailAcceptanceBudgetBurn", "slow", tenMinutes).
		fires(432, "11 of 10011", samples{received: "0+10000x432", refused: "0+11x432"}).
		silent(432, "9 of 10009", samples{received: "0+10000x432", refused: "0+9x432"})

	const (
		ended    = `rusmes_delivery_total_seconds_count{outcome="delivered"}`
		within   = `rusmes_delivery_total_seconds_bucket{outcome="delivered",le="30"}`
		within3  = `rusmes_delivery_total_seconds_bucket{outcome="delivered",le="30.0"}`
		bounced  = `rusmes_delivery_total_seconds_count{outcome="bounced"}`
		expired  = `rusmes_delivery_total_seconds_count{outcome="expired"}`
		lag      = "rusmes_queue_scheduler_lag_seconds_count{}"
		inTime   = `rusmes_queue_scheduler_lag_seconds_bucket{le="10"}`
		answered = `rusmes_auth_attempts_total{protocol="imap",mechanism="PLAIN",result="success"}`
		failed   = `rusmes_auth_attempts_total{protocol="imap",mechanism="PLAIN",result="error"}`
		wrong    = `rusmes_auth_attempts_total{protocol="imap",mechanism="PLAIN",result="failure"}`
		aborted  = `rusmes_auth_attempts_total{protocol="imap",mechanism="PLAIN",result="aborted"}`
	)
	of("MailDeliveryTimeBudgetBurn", "fast", minute).
		fires(60, "31 % late", samples{ended: "0+100x60", within: "0+69x60"}).
		fires(60, "as Prometheus 3 calls the bucket", samples{ended: "0+100x60", within3: "0+69x60"}).
		fires(60, "given up", samples{ended: "0+69x60", within: "0+69x60", expired: "0+31x60"}).
		silent(60, "29 % late", samples{ended: "0+100x60", within: "0+71x60"}).
		silent(60, "bounces", samples{ended: "0+100x60", within: "0+100x60", bounced: "0+500x60"}).
		silent(60, "native histograms only", samples{})
	of("MailDeliveryTimeBudgetBurn", "slow", tenMinutes).
		fires(432, "6 % late", samples{ended: "0+100x432", within: "0+94x432"}).
		silent(432, "4 % late", samples{ended: "0+100x432", within: "0+96x432"})
	of("MailFirstAttemptBudgetBurn", "fast", minute).
		fires(60, "31 % late", samples{lag: "0+100x60", inTime: "0+69x60"}).
		silent(60, "29 % late", samples{lag: "0+100x60", inTime: "0+71x60"})
	of("MailFirstAttemptBudgetBurn", "slow", tenMinutes).
		fires(432, "6 % late", samples{lag: "0+100x432", inTime: "0+94x432"}).
		silent(432, "4 % late", samples{lag: "0+100x432", inTime: "0+96x432"})
	of("MailLoginBudgetBurn", "fast", minute).
		fires(60, "2 of 102", samples{answered: "0+100x60", failed: "0+2x60"}).
		fires(60, "none answered", samples{failed: "_x50 6+1x10"}).
		silent(60, "1 of 171", samples{answered: "0+170x60", failed: "0+1x60"}).
		silent(60, "wrong passwords", samples{answered: "0+1x60", wrong: "0+500x60"}).
		silent(60, "clients that give up", samples{answered: "0+1x60", aborted: "0+500x60"})
	of("MailLoginBudgetBurn", "slow", tenMinutes).
		fires(432, "11 of 10011", samples{answered: "0+10000x432", failed: "0+11x432"}).
		silent(432, "9 of 10009", samples{answered: "0+10000x432", failed: "0+9x432"})

	of("MailScrapeBudgetBurn", "fast", minute).
		fires(60, "each fourth fails", samples{"up{}": strings.Repeat("1 1 1 0 ", 16)}).
		silent(60, "all well", samples{}).
		silent(60, "another job's fail", samples{`up{job="node"}`: "0x60"}).
		silent(120, "over since half an hour", samples{"up{}": "1x60 0x20 1x60"})
	of("MailScrapeBudgetBurn", "slow", tenMinutes).
		fires(432, "one of 432, within six hours", samples{"up{}": "1x399 0 1x50"}).
		silent(432, "one of 432, before", samples{"up{}": "1x389 0 1x50"})

	const (
		sent    = `rusmes_telemetry_sent_total{signal="logs"}`
		dropped = `rusmes_telemetry_dropped_total{signal="logs"}`
	)
	of("MailPushBudgetBurn", "fast", minute).
		fires(60, "2 of 102", samples{sent: "0+100x60", dropped: "0+2x60"}).
		silent(60, "1 of 171", samples{sent: "0+170x60", dropped: "0+1x60"}).
		silent(60, "nothing is pushed", samples{sent: "0x60", dropped: "0x60"})
	of("MailPushBudgetBurn", "slow", tenMinutes).
		fires(432, "11 of 10011", samples{sent: "0+10000x432", dropped: "0+11x432"}).
		silent(432, "9 of 10009", samples{sent: "0+10000x432", dropped: "0+9x432"})
}

func mailCases(of func(alert, which, step string) casesOf) {
	const received = "rusmes_smtp_messages_received_total{}"
	of("MailNoneReceived", "page", tenMinutes).
		fires(1017, "12 in the same hour of the last week", samples{received: "0+2x1010 2020x20"}).
		silent(1017, "8 in the same hour of the last week", samples{received: "0+1.4x1010 1414x20"}).
		silent(1017, "one message", samples{received: "0+2x1010 2020x5 2021x10"}).
		silent(1017, "another instance takes it", samples{received: "0+2x1010 2020x20", `rusmes_smtp_messages_received_total{instance="b"}`: "0+2x1020"}).
		silent(7, "no last week", samples{received: "0x10"})

	const size = "rusmes_queue_size{}"
	of("MailQueueGrowing", "ticket", minute).
		fires(76, "two a minute", samples{size: "0+2x80"}).
		silent(74, "not for long enough", samples{size: "0+2x80"}).
		silent(90, "100 and no more", samples{size: "0+2x50 100x60"}).
		silent(90, "not twice as many", samples{size: "300+4x90"}).
		silent(90, "a wave that is worked off", samples{size: "0x60 500-5x60"})

	const (
		ready    = `rusmes_queue_messages{state="ready"}`
		deferred = `rusmes_queue_messages{state="deferred"}`
		attempts = `rusmes_delivery_attempts_total{transport="smtp",outcome="delivered",reason="none"}`
	)
	of("MailQueueStuck", "page", minute).
		fires(21, "no attempt ends", samples{ready: "5x30", attempts: "10x30"}).
		fires(21, "there was never an attempt", samples{ready: "5x30"}).
		fires(21, "another server delivers", samples{ready: "5x30", attempts: "10x30",
			strings.Replace(attempts, "{", `{instance="b",`, 1): "0+9x30", `rusmes_build_info{version="1",instance="b"}`: "1x30"}).
		silent(21, "attempts end", samples{ready: "5x30", attempts: "0+1x30"}).
		silent(21, "the first attempt has ended just now", samples{ready: "5x30", attempts: "_x20 1x10"}).
		silent(21, "nothing is due for a moment", samples{ready: strings.Repeat("5 5 5 0 ", 9), attempts: "10x30"}).
		silent(21, "deferred", samples{ready: "0x30", deferred: "5x30", attempts: "10x30"})
	const oldest = `rusmes_queue_oldest_age_seconds{state="ready"}`
	of("MailQueueOld", "ticket", minute).
		fires(31, "older than an hour", samples{oldest: "3601x40"}).
		silent(31, "an hour", samples{oldest: "3600x40"}).
		silent(31, "not all the time", samples{oldest: "9000x20 0 9000x20"}).
		silent(31, "deferred", samples{`rusmes_queue_oldest_age_seconds{state="deferred"}`: "90000x40"})
	const (
		putOff = `rusmes_delivery_attempts_total{transport="smtp",outcome="deferred",reason="network"}`
		taken  = `rusmes_delivery_attempts_total{transport="smtp",outcome="delivered",reason="none"}`
		local  = `rusmes_delivery_attempts_total{transport="local",outcome="delivered",reason="none"}`
	)
	of("MailRetryStorm", "ticket", minute).
		fires(60, "120 for 21 deliveries", samples{putOff: "0+4x60", taken: "0+0.7x60"}).
		fires(60, "120 and never a delivery", samples{putOff: "0+4x60"}).
		fires(60, "mailboxes here take all of theirs", samples{putOff: "0+4x60", local: "0+100x60"}).
		silent(60, "120 for 27 deliveries", samples{putOff: "0+4x60", taken: "0+0.9x60"}).
		silent(60, "90 for none", samples{putOff: "0+3x60", taken: "0x60"})
	const delivered, bounced = "rusmes_mail_delivered_total{}", "rusmes_mail_bounced_total{}"
	of("MailBounces", "ticket", minute).
		fires(70, "24 for 180 deliveries", samples{bounced: "0+0.4x70", delivered: "0+3x70"}).
		silent(70, "24 for 300 deliveries", samples{bounced: "0+0.4x70", delivered: "0+5x70"}).
		silent(70, "18 for none", samples{bounced: "0+0.3x70", delivered: "0x70"})
	const refused, theirs = `rusmes_rejections_total{fault="ours",reason="system"}`, `rusmes_rejections_total{fault="theirs",reason="policy"}`
	of("MailRejectedByUs", "ticket", minute).
		fires(70, "11, the first that there ever were", samples{refused: "_x65 11x10"}).
		silent(70, "10", samples{refused: "_x65 10x10"}).
		silent(70, "spam", samples{theirs: "0+100x70"}).
		silent(130, "over since an hour", samples{refused: "_x60 500x80"})
}

func securityCases(of func(alert, which, step string) casesOf) {
	const (
		failed    = `rusmes_outbound_tls_total{policy="dane",result="failed"}`
		encrypted = `rusmes_outbound_tls_total{policy="dane",result="encrypted"}`
		plaintext = `rusmes_outbound_tls_total{policy="opportunistic",result="plaintext"}`
		fallback  = "rusmes_plaintext_fallback_total{}"
	)
	of("MailOutboundTLSFailures", "ticket", minute).
		fires(70, "12 of 72", samples{failed: "0+0.2x70", encrypted: "0+1x70"}).
		silent(70, "12 of 192", samples{failed: "0+0.2x70", encrypted: "0+3x70"}).
		silent(70, "9 of 9", samples{failed: "0+0.15x70", encrypted: "0x70"})
	of("MailPlaintextFallback", "ticket", minute).
		fires(70, "6 of 96", samples{fallback: "0+0.1x70", encrypted: "0+1.5x70", plaintext: "0+0.1x70"}).
		silent(70, "6 of 150", samples{fallback: "0+0.1x70", encrypted: "0+2.4x70", plaintext: "0+0.1x70"}).
		silent(70, "3 of 3", samples{fallback: "0+0.05x70", encrypted: "0x70", plaintext: "0+0.05x70"})
	const until = `rusmes_certificate_not_after_timestamp_seconds{listener="smtp"}` // promtool begins at 0
	of("MailCertificateExpiring", "ticket", minute).
		fires(62, "less than 14 days for an hour", samples{until: "1209600x70"}).
		silent(62, "14 days", samples{until: "1213400x70"})
	of("MailCertificateExpiring", "page", minute).
		fires(7, "less than 2 days", samples{until: "172800x10"}).
		fires(7, "over", samples{until: "1x10"}).
		silent(7, "2 days", samples{until: "173400x10"})
	const limited = `rusmes_ratelimit_total{limiter="auth",action="delay"}`
	of("MailPasswordGuessingOneAccount", "ticket", minute).
		fires(20, "22 times", samples{limited: "0+1.5x20"}).
		silent(20, "19 times", samples{limited: "0+1.3x20"}).
		silent(20, "another limit", samples{`rusmes_ratelimit_total{limiter="sender",action="delay"}`: "0+100x20"})
	const (
		wrong = `rusmes_auth_attempts_total{protocol="smtp",mechanism="LOGIN",result="failure"}`
		right = `rusmes_auth_attempts_total{protocol="imap",mechanism="PLAIN",result="success"}`
	)
	of("MailPasswordGuessingSpread", "ticket", minute).
		fires(20, "105 for 18 that succeed", samples{wrong: "0+7x20", right: "0+1.2x20"}).
		fires(20, "105 for none", samples{wrong: "0+7x20"}).
		fires(20, "at once", samples{wrong: "_x18 101x10"}).
		silent(20, "105 for 24 that succeed", samples{wrong: "0+7x20", right: "0+1.6x20"}).
		silent(20, "90", samples{wrong: "0+6x20"})
	const networks, sender = `rusmes_sender_networks{user_hash="u"}`, `rusmes_messages_per_sender_total{user_hash="u"}`
	of("MailSenderManyNetworks", "page", minute).
		fires(1, "11", samples{networks: "11x1"}).
		silent(1, "10", samples{networks: "10x1"})
	of("MailSenderUnusual", "page", tenMinutes).
		fires(150, "120 instead of 6 an hour", samples{sender: "0+1x144 164+20x5"}).
		fires(150, "shown anew", samples{sender: "_x143 5+20x8"}).
		silent(150, "96 instead of 6", samples{sender: "0+1x144 160+16x5"}).
		silent(150, "120 instead of 18", samples{sender: "0+3x144 452+20x5"}).
		silent(150, "all others", samples{`rusmes_messages_per_sender_total{user_hash="_other"}`: "0+1x144 164+20x5"}).
		silent(150, "takes the place and the count of another", samples{sender: "_x148 900+1x5"}).
		silent(12, "as always, in the first hours", samples{sender: "0+20x12"}).
		fires(1155, "as never before", samples{sender: "0+1x1149 1169+20x5"}).
		silent(1155, "each week", samples{sender: "0+1x141 161+20x5 262+1x1001 1283+20x5"})
	const listed = `rusmes_dnsbl_listed{zone="zen.example"}`
	of("MailAddressListed", "ticket", minute).
		fires(11, "one", samples{listed: "1x20"}).
		silent(9, "not for long enough", samples{listed: "1x20"}).
		silent(11, "none", samples{listed: "0x20"})
}

func hostCases(of func(alert, which, step string) casesOf) {
	const disk, inodes = `rusmes_disk_free_ratio{path="spool"}`, `rusmes_inode_free_ratio{path="spool"}`
	of("MailDiskFilling", "ticket", minute).
		fires(16, "less than 10 %", samples{disk: "0.099x20"}).
		silent(16, "10 %", samples{disk: "0.1x20"})
	of("MailDiskFilling", "page", minute).
		fires(6, "less than 3 %", samples{disk: "0.029x20"}).
		silent(6, "3 %", samples{disk: "0.03x20"}).
		fires(60, "none within four hours", samples{disk: "0.24-0.001x60"}).
		silent(60, "some after four hours", samples{disk: "0.24-0.0007x60"}).
		silent(60, "a burst on an empty disk", samples{disk: "0.9-0.005x60"})
	of("MailInodesLow", "ticket", minute).
		fires(16, "less than 10 %", samples{inodes: "0.099x20"}).
		silent(16, "10 %", samples{inodes: "0.1x20"})
	of("MailInodesLow", "page", minute).
		fires(6, "less than 3 %", samples{inodes: "0.029x20"}).
		silent(6, "3 %", samples{inodes: "0.03x20"})
	of("MailDescriptorsLow", "page", minute).
		fires(11, "81 of 100", samples{"process_open_fds{}": "81x20", "process_max_fds{}": "100x20"}).
		fires(11, "81 of 100, which not every page says", samples{"process_open_fds{}": "stale " + strings.Repeat("81 stale ", 10), "process_max_fds{}": strings.Repeat("100 stale ", 10)}).
		silent(11, "80 of 100", samples{"process_open_fds{}": "80x20", "process_max_fds{}": "100x20"}).
		silent(11, "of something else", samples{`process_open_fds{job="node"}`: "99x20", `process_max_fds{job="node"}`: "100x20"})
	const rss, limit = "process_resident_memory_bytes{}", "go_gc_gomemlimit_bytes{}"
	of("MailMemoryHigh", "ticket", minute).
		fires(16, "901 of 1000", samples{rss: "901x20", limit: "1000x20"}).
		fires(16, "901 of 1000, which not every page says", samples{rss: strings.Repeat("901 stale ", 10), limit: "1000x20"}).
		silent(16, "900 of 1000", samples{rss: "900x20", limit: "1000x20"}).
		silent(16, "of something else", samples{`process_resident_memory_bytes{job="node"}`: "999x20", `go_gc_gomemlimit_bytes{job="node"}`: "1000x20"})
	of("MailMemoryHigh", "ticket", tenMinutes).
		fires(290, "700 MB after 300 MB", samples{rss: "300000000x280 700000000x20", limit: "9223372036854775807x300"}).
		silent(290, "500 MB after 100 MB", samples{rss: "100000000x280 500000000x20", limit: "9223372036854775807x300"}).
		silent(290, "700 MB after a peak of 400 MB", samples{rss: "300000000x99 400000000 300000000x180 700000000x20", limit: "9223372036854775807x300"})
	const panics = `rusmes_panics_total{component="smtp"}`
	of("MailPanics", "ticket", minute).
		fires(12, "one", samples{panics: "0x10 1x10"}).
		silent(30, "over", samples{panics: "0x10 1x30"})
	const check = `rusmes_health_check_status{check="storage"}`
	of("MailHealthCheckDown", "page", minute).
		fires(11, "for five minutes", samples{check: "1x5 0x10"}).
		silent(10, "for four minutes", samples{check: "1x5 0x10"}).
		silent(11, "back for a moment", samples{check: "1x5 0x2 1 0x10"})
	of("MailHealthCheckFlapping", "ticket", minute).
		fires(10, "six times", samples{check: "1 0 1 0 1 0 1x10"}).
		silent(10, "five times", samples{check: "1 0 1 0 1 0x10"})
}

func telemetryCases(of func(alert, which, step string) casesOf) {
	const build = `rusmes_build_info{version="1"}`
	of("MailTargetDown", "page", minute).
		fires(12, "for five minutes", samples{"up{}": "1x5 0x20", build: "1x5 stale"}).
		silent(10, "for four minutes", samples{"up{}": "1x5 0x20", build: "1x5 stale"}).
		fires(12, "one of two", samples{"up{}": "1x5 0x20", build: "1x5 stale", `up{instance="b"}`: "1x20", `rusmes_build_info{instance="b",version="1"}`: "1x20"}).
		fires(6, "nothing to be seen", samples{"up{}": "", build: ""}).
		silent(12, "all well", samples{}).
		silent(12, "another job's", samples{`up{job="node"}`: "0x20"})
	const (
		dropped  = `rusmes_telemetry_dropped_total{signal="traces"}`
		waiting  = `rusmes_telemetry_waiting{signal="traces"}`
		sent     = `rusmes_telemetry_sent_total{signal="traces"}`
		deferred = `rusmes_telemetry_deferred{signal="traces"}`
	)
	of("MailTelemetryDropped", "ticket", minute).
		fires(12, "some", samples{dropped: "0x10 3x10"}).
		silent(30, "over", samples{dropped: "0x10 3x30"})
	of("MailTelemetryWaiting", "ticket", minute).
		fires(44, "none is taken", samples{waiting: "5x50", sent: "0+9x14 126x50"}).
		fires(31, "some are objected to", samples{waiting: "5x40", sent: "0+9x40", deferred: "1x40"}).
		silent(31, "others are taken", samples{waiting: "5x40", sent: "0+9x40", deferred: "0x40"}).
		silent(31, "none waits", samples{waiting: "0x40", sent: "9x40", deferred: "0x40"}).
		silent(41, "not for long enough", samples{waiting: "5x50", sent: "0+9x14 126x50"})
	of("MailGaugeStale", "ticket", minute).
		fires(6, "for more than a quarter of an hour", samples{`rusmes_telemetry_source_age_seconds{source="disk_free_ratio"}`: "901x10"}).
		silent(6, "a quarter of an hour", samples{`rusmes_telemetry_source_age_seconds{source="disk_free_ratio"}`: "900x10"}).
		silent(6, "block lists", samples{`rusmes_telemetry_source_age_seconds{source="dnsbl_listed"}`: "3600x10"})
	of("MailWatchdog", "none", minute).
		fires(1, "always", samples{})
}
