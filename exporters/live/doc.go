// Package live is the operator's page: whether mail flows, in one sentence; what has happened
// to a message; and the last hour and day of the series that say most. It needs no Grafana, no
// trace backend and no Collector.
//
// [Serve] puts it at "/" of the server that exporters/prometheus runs, beside /metrics and the
// probes. [NewHandler] is the same page for a mux of your own. Its JSON is an API,
// docs/live-api.md of the repository describes it.
//
// # Who sees it
//
// The page shows recipient domains and, as far as the privacy policy allows, who has sent mail
// to whom. So [Serve] is for this machine alone (127.0.0.1, [::1], a Unix socket) unless a password or a
// client certificate is asked for: otelmail.Start fails on any other address. On this
// machine it answers to addresses and the name localhost alone, so that neither a stranger's
// page in a browser here nor a proxy shows it to others. The probes stay open.
//
// # What it costs
//
// A collection of all series each second, as a scrape has it, whether or not anybody looks on;
// less than 1 MB for the samples of an hour and a day; and the mail events, 64 MiB at most
// ([WithMaxBytes]). Each who looks on is sent some 5 KB a second; at most 32 may. A page in a
// tab that is hidden asks for nothing.
package live
