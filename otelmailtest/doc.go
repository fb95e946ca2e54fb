// Package otelmailtest tests the telemetry of a mail server, in the server's own tests.
//
//	rec := otelmailtest.New(t)
//	serve(rec.Tel) // whatever your server does with its Telemetry
//	rec.Moved(otelmailtest.Series{
//		"rusmes_smtp_connections_total":       1,
//		`rusmes_tls_sessions_total{tls="no"}`: 1,
//		"rusmes_smtp_errors_total":            1,
//		`rusmes_replies_total{class="5xx"}`:   1,
//		"rusmes_rejections_total":             otelmailtest.Any,
//	})
//
// A [Recorder] has a real Telemetry, built by otelmail.Start, whose metrics are read and whose
// spans and log records are kept in memory. What it asserts is in the words of /metrics and
// of docs/spans.md; a failure shows what was wanted and what there is, line by line.
//
//	rec.Leaks("canary@example.org") // fails if the address leaves, in whatever spelling
//
// A [Receiver] is for what is pushed over OTLP, by a server that runs as a whole.
//
// A session ends a moment after its client has gone. So each assertion waits, up to 10 s, for
// what it asserts, and a test needs no sleep. In a bubble of [testing/synctest] that takes no
// time: an assertion lets every goroutine come to rest before it looks, and has the clock of the
// bubble go on only while it does not hold. Durations, waits and times are exact there.
package otelmailtest
