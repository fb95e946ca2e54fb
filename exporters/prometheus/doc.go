// Package prometheus is the pull side: it serves /metrics.
//
// [Serve] makes [otelmail.Start] run a small HTTP server with /metrics, the three
// probes of package health and a page of links, or in its place the operator's page of
// exporters/live. [NewHandler] is the same /metrics to mount on a mux of your own.
//
// Every series comes from one [otelmail.Reader], so that what is scraped and
// what is pushed are the same numbers. Names of the catalogue appear as they
// are written there; names with dots get the usual translation
// (http.server.request.duration in s becomes
// http_server_request_duration_seconds).
//
// # One bad series
//
// A scrape does not fail because one thing on the page is bad. A series that
// cannot be shown is left out, and the rest is served with 200; it is reported to the
// error handler at most once a minute for each reason, and
// <namespace>_telemetry_scrape_errors_total counts it under
//
//	reason="source"  a collection failed or panicked: its series are missing
//	reason="series"  a series was invalid, a duplicate or of another type, or had a
//	                 label (le, quantile, two that become one when names are
//	                 translated) or buckets for which Prometheus refuses a page
//	reason="encode"  a family could not be written in the format asked for
//	reason="timeout" a collection was not done in time
//	reason="busy"    a scrape was refused: too many at once
//
// A page counts the failures of its own collections. Failures of the page as a whole
// (a series that two sources have, a family that cannot be encoded) are counted on
// the next one.
//
// # Methods
//
// /metrics and the probes take GET and HEAD and answer 405 to all others, OPTIONS too: a
// load balancer whose health check asks with OPTIONS (HAProxy's does by default) would take
// 204 for "ready", whatever the checks have found.
//
// # Under attack
//
// The server shares the process with the mail, so strangers who reach it can take little of it.
// It has at most 256 connections, of one address (an IPv6 network of 64 bits) at most 64; where
// there are more, the one that has waited longest for a request makes room, except those that
// have logged in. One address has at most 20 TLS handshakes a second, and 100 at once.
//
// A password that was right once is remembered, by a keyed hash, and costs nothing more. Of the
// others one at a time is verified, one of each address waits, and all together have 2 % of one
// core; the rest are answered 429 at once. Who has given no wrong password goes first. So a
// scraper that comes new during a flood may have to wait for some seconds, and behind the
// address of those who guess it has to be lucky; if it gives up meanwhile, its password is
// verified all the same, and the next scrape passes.
//
// What was refused is in <namespace>_telemetry_server_problems_total, and reported, of each
// message at most once a minute:
//
//	reason="connection"  a connection was closed, because there were too many
//	reason="login"       a password was not verified: too many at once (429)
//	reason="password"    a wrong name or password (401)
//	reason="rate"        more requests than the file's rate_limit allows (429)
//	reason="config"      the web configuration file was looked at and cannot be used
//	reason="descriptors" a connection came when the process had no file descriptor left
//
// Where the mail server's clients hold every file descriptor, the server still answers: it keeps a
// few in reserve (not on Windows), for connections and for what a scrape reads from /proc. So
// nobody restarts a process that recovers when the clients leave, and process_open_fds says what is
// wrong; health.FreeDescriptors is a check for it. What is set free to read process_* with, a client
// may get first: such a page is without some of them.
//
// Without a password whoever reaches the page can have it made, [WithMaxConcurrentScrapes] at
// a time. Start warns when that is on all interfaces and nobody has chosen so: either choose
// the address (RUSMES_METRICS_BIND_ADDRESS=127.0.0.1:9090, or 0.0.0.0:9090 where that is meant)
// or ask for a password or a client certificate.
//
// # Addresses
//
// The server listens, and so do the probes, on one of
//
//	127.0.0.1:9090, [::1]:9090, [fe80::1%eth0]:9090
//	                       a host and a port; :9090, 0.0.0.0:9090 and [::]:9090 are all
//	                       addresses of the host, IPv6 and IPv4
//	unix:/run/mymail/page  a socket that is made, of mode 0660 and the process's user and
//	                       group, and taken away at the end. One that a process has left
//	                       behind is replaced; one that somebody listens on is not
//	systemd:page           the socket that systemd has passed on under this name
//	                       (FileDescriptorName=); "systemd:" is the only one. The others, and
//	                       the environment, are left to the application
//
// Loopback addresses and Unix sockets are for this machine alone: what is not shown to strangers
// without a login, which are profiles and the page of exporters/live, is shown there, to whoever
// names the host by its address or as localhost. They are no login: who is configured logs
// in there too.
//
// # Formats
//
// The Accept header chooses between the classic text (the default), OpenMetrics
// 1.0.0 and 0.0.1 with exemplars, and protobuf with exemplars and native
// histograms. Accept-Encoding: gzip is honoured. ?name[]=… (repeatable) asks
// for single families.
//
// # Settings
//
// Options win over the environment, the environment over defaults. A wrong variable stops
// start-up, because no other address or path may take the place of the one that was
// asked for; except RUSMES_METRICS_ENABLED, which is a warning, see [otelmail.Start].
//
//	RUSMES_METRICS_BIND_ADDRESS     where to listen, default 0.0.0.0:9090
//	OTEL_EXPORTER_PROMETHEUS_HOST   replaces the host of that address
//	OTEL_EXPORTER_PROMETHEUS_PORT   replaces the port of that address
//	RUSMES_PROBES_BIND_ADDRESS      for the probes besides, default none
//	RUSMES_METRICS_PATH             default /metrics
//	RUSMES_METRICS_ENABLED          true (default) or false: no server at all,
//	                                neither for /metrics nor for the probes
//	RUSMES_PPROF_ENABLED            false (default) or true: profiles, see [WithPprof]
//
// A variable NAME_PORT that holds tcp://host:port is what Kubernetes sets for a Service of
// that name: it is not used, with a warning.
//
// OTEL_METRICS_EXPORTER switches /metrics neither on nor off: it chooses among
// exporters that the environment configures, and this one is asked for in code. With
// "none", for example, the probes on the same server must not vanish. An operator
// who wants no server sets RUSMES_METRICS_ENABLED=false.
package prometheus
